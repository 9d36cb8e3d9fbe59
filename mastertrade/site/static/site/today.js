// The first page: parts that move are asked for anew, what is asked stands in a dialog.
"use strict";
(() => {
  const poll = () => document.querySelector("[data-poll]");
  const dialog = () => document.getElementById("ask");
  let tag = null;

  const reached = (yes) => {
    const banner = document.getElementById("unreached");
    if (banner) banner.hidden = yes;
  };

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.target !== poll()) return;
    if (document.hidden) event.preventDefault(); // asked for when it is seen again
    else if (tag) event.detail.headers["If-None-Match"] = tag;
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, pathInfo } = event.detail;
    const came = xhr.responseURL && new URL(xhr.responseURL).pathname;
    if (came && came !== new URL(pathInfo.requestPath, location.href).pathname) {
      event.detail.shouldSwap = false; // led elsewhere: there is nothing to do
      location.reload();
    } else if (xhr.status === 304) {
      event.detail.shouldSwap = false;
    }
  });

  // What is unfolded stays so where its part comes anew.
  let unfolded = [];
  document.addEventListener("htmx:oobBeforeSwap", () => {
    unfolded = [...document.querySelectorAll("details[id][open]")].map(({ id }) => id);
  });
  document.addEventListener("htmx:oobAfterSwap", () => {
    for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const { xhr } = event.detail;
    const answered = [200, 304, 401, 422].includes(xhr.status);
    if (xhr.status === 401) {
      const seen = dialog().open ? dialog() : document.getElementById("main");
      seen.prepend(document.getElementById("signed-out"));
    }
    if (event.target === poll()) {
      reached(answered);
      tag = xhr.getResponseHeader("ETag") || tag;
    } else if (dialog().open) {
      document.getElementById("ask-failed").hidden = answered;
    } else {
      reached(answered);
    }
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    const { target, requestConfig } = event.detail;
    const isAsked = target.id === "ask-form" && requestConfig.verb === "get";
    if (isAsked && !dialog().open) dialog().showModal();
  });

  document.addEventListener("done", () => {
    dialog().close();
    document.getElementById("said").scrollIntoView({ block: "nearest" });
  });

  const refresh = () => htmx.trigger(poll(), "refresh");
  document.addEventListener("asked", refresh);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });

  // Within the dialog a way back is a way out of it.
  document.addEventListener("click", (event) => {
    if (event.target.closest("#ask [data-close]")) event.preventDefault();
  });
})();
