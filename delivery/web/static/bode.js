// What makes pages nicer; none of them needs it.
const summary = document.querySelector("[data-focus]");
if (summary) {
  summary.focus();
}

// A form is sent once, however often its button is pressed.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent && !form.hasAttribute("data-again")) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }
});

// A form with recipients gets further ones without asking the server: the
// template has names that begin with "r-1-", and 0 where the ordinal goes.
for (const form of document.querySelectorAll("form[data-repeat]")) {
  const stem = form.dataset.repeat;
  const template = form.querySelector("template");
  const add = form.querySelector("[data-add]");
  if (!template || !add) {
    continue;
  }
  add.addEventListener("click", (event) => {
    const n = form.querySelectorAll("[data-item]").length;
    if (n >= 50) {
      return;
    }
    event.preventDefault();
    const copy = template.content.cloneNode(true);
    for (const el of copy.querySelectorAll("*")) {
      for (const name of ["id", "name", "for", "aria-describedby"]) {
        const value = el.getAttribute(name);
        if (value) {
          el.setAttribute(name, value.replaceAll(stem + "-1-", stem + n + "-"));
        }
      }
      if (el.hasAttribute("data-ordinal")) {
        el.textContent = String(n + 1);
      }
      if (el.hasAttribute("data-remove")) {
        el.setAttribute("value", "remove:" + n);
      }
    }
    template.before(copy);
    form.querySelector("#" + stem + n + "-given").focus();
  });
}
