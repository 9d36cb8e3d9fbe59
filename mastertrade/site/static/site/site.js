// Before the page is drawn: the theme and whether money is hidden, as last chosen here.
"use strict";
(() => {
  const root = document.documentElement;
  const stored = (key) => {
    try { return localStorage.getItem(key); } catch { return null; }
  };
  const store = (key, value) => {
    try { localStorage.setItem(key, value); } catch { /* chosen for this page alone */ }
  };
  const theme = stored("theme");
  if (theme) root.dataset.theme = theme;
  if (stored("privacy") === "on") root.dataset.privacy = "on";

  function showPrivacy() {
    const on = root.dataset.privacy === "on";
    for (const button of document.querySelectorAll("[data-privacy-switch]")) {
      button.setAttribute("aria-pressed", String(on));
    }
  }

  function showTheme() {
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      const chosen = button.dataset.themeChoice === (root.dataset.theme ?? "");
      button.setAttribute("aria-pressed", String(chosen));
    }
  }

  // Over plain http from another machine there is no clipboard but by the selection.
  async function copy(element) {
    if (navigator.clipboard) return navigator.clipboard.writeText(element.textContent);
    getSelection().selectAllChildren(element);
    if (!document.execCommand("copy")) throw new Error("select it and copy by hand");
  }

  document.addEventListener("DOMContentLoaded", () => {
    showPrivacy();
    showTheme();
    const here = document.querySelector(".top nav [aria-current]"), row = here?.closest("ul");
    if (row) row.scrollLeft = here.offsetLeft + here.offsetWidth + 24 - row.clientWidth;
    // A dialog that a failed form has to show again.
    for (const dialog of document.querySelectorAll("dialog[data-open]")) dialog.showModal();
    for (const field of document.querySelectorAll("[data-own-zone]")) {
      const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
      if (zone && field.value === "UTC") field.value = zone;
    }
  });

  // Signing in, in another tab, makes a new token: this page sends what the browser has.
  const token = () => /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1];
  document.addEventListener("submit", ({ target }) => {
    const field = target.elements.namedItem("csrfmiddlewaretoken");
    if (field && token()) field.value = token();
  }, true);
  // A second click, while the first is on its way, sends nothing.
  const SENDING = 5_000;
  const sent = new WeakMap();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return; // htmx sends it, or it asks
    if (event.timeStamp - (sent.get(form) ?? -SENDING) < SENDING) event.preventDefault();
    else sent.set(form, event.timeStamp);
  });
  window.addEventListener("pageshow", ({ persisted }) => {
    if (persisted) for (const form of document.forms) sent.delete(form);
  });
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (!token()) return;
    if ("X-CSRFToken" in detail.headers) detail.headers["X-CSRFToken"] = token();
    if (detail.parameters.csrfmiddlewaretoken) detail.parameters.csrfmiddlewaretoken = token();
  });
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    const banner = document.getElementById("signed-out");
    if (detail.xhr.status === 401) banner.hidden = false;
    else if (detail.xhr.status) banner.hidden = true;
  });

  document.addEventListener("click", (event) => {
    const asked = event.target.closest(
      "[data-privacy-switch], [data-theme-choice], [data-copy], [data-dialog], [data-close]",
    );
    if (!asked) return;
    if (asked.hasAttribute("data-privacy-switch")) {
      const on = root.dataset.privacy !== "on";
      if (on) root.dataset.privacy = "on"; else delete root.dataset.privacy;
      store("privacy", on ? "on" : "off");
      showPrivacy();
    } else if (asked.hasAttribute("data-theme-choice")) {
      const choice = asked.dataset.themeChoice;
      if (choice) root.dataset.theme = choice; else delete root.dataset.theme;
      store("theme", choice);
      showTheme();
    } else if (asked.hasAttribute("data-copy")) {
      copy(document.querySelector(asked.dataset.copy))
        .then(() => { asked.textContent = "Copied"; });
    } else if (asked.hasAttribute("data-dialog")) {
      event.preventDefault(); // a link, for whoever has no scripts
      document.querySelector(asked.dataset.dialog).showModal();
    } else {
      asked.closest("dialog").close();
    }
  });

  // Buttons that are links follow the space bar as others do.
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || !event.target.matches?.("[data-dialog]")) return;
    event.preventDefault();
    event.target.click();
  });
})();
