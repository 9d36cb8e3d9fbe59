// Another portfolio has other strategies: the form is asked for again, as it is filled in.
"use strict";
window.addEventListener("load", () => {
    const portfolio = document.getElementById("id_portfolio");
    if (!portfolio || !document.getElementById("id_strategy_id")) return;
    django.jQuery(portfolio).on("change", () => {
        const filled = new URLSearchParams(new FormData(portfolio.form));
        for (const name of ["csrfmiddlewaretoken", "form_id"]) filled.delete(name);
        window.location.search = filled.toString();
    });
});
