// Another portfolio has other strategies: the form is asked for again, as it is filled in.
// Django triggers "change" on every select of a page that is ready, with nothing chosen.
"use strict";
window.addEventListener("load", () => {
    const portfolio = document.getElementById("id_portfolio");
    if (!portfolio || !document.getElementById("id_strategy_id")) return;
    const rendered = portfolio.options
        ? (Array.from(portfolio.options).find((option) => option.defaultSelected)?.value ?? "")
        : portfolio.defaultValue;
    django.jQuery(portfolio).on("change", () => {
        if (portfolio.value === rendered) return;
        const filled = new URLSearchParams(new FormData(portfolio.form));
        for (const name of ["csrfmiddlewaretoken", "form_id"]) filled.delete(name);
        window.location.search = filled.toString();
    });
});
