// Verifies files inside the browser: a worker does it, so that the page stays
// alive. The page itself may connect to nowhere. Without this script, or when the
// worker does not start, the form sends the file to the service.
const form = document.querySelector("form[data-worker]");
const words = form && document.querySelector("#verify-words").content;
const maxSize = 512 * 2 ** 20; // octets; a browser holds all of it in memory

const say = (key) => words.querySelector(`[data-say="${key}"]`).textContent;

function make(tag, className, ...children) {
  const el = document.createElement(tag);
  if (className) {
    el.className = className;
  }
  el.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return el;
}

// A worker is started by an address, which the page's policy only takes from here.
function start() {
  const path = "/verify/worker.js";
  const address = window.trustedTypes
    ? trustedTypes.createPolicy("bode-worker", { createScriptURL: () => path }).createScriptURL("")
    : path;
  return new Worker(address, { type: "module" });
}

function moment(time, text) {
  const at = new Date(time).toLocaleString(document.documentElement.lang, { timeZone: "Europe/Brussels", dateStyle: "long", timeStyle: "medium" });
  return [at, make("br"), make("span", "soft code", text)];
}

function facts(list, className = "facts") {
  return make("dl", className, ...list.map((f) =>
    make("div", "", make("dt", "", f.label), make("dd", "", ...(f.time ? moment(f.time, f.text) : [f.text])))));
}

function answers(list, kind) {
  return make("ul", "checks", ...list.map((a) =>
    make("li", kind ?? (a.ok ? "good" : "bad"), make("span", "sr", `${a.label}: `), a.text,
      ...(a.need ? [make("br"), make("span", "small", a.need)] : []),
      ...(a.detail ? [make("br"), make("span", "soft small code", a.detail)] : []))));
}

function shown(result) {
  const w = result.words;
  const el = make("article", "verdict",
    make("h2", "", result.ok ? say("verified.ok") : say("verified.fail")),
    make("div", `note ${result.ok ? "good" : "bad"}`,
      make("p", "", make("strong", "", w.verdict)),
      make("p", "small", `${say("fact.file")}: `, make("span", "code", result.file))));
  if (w.facts) {
    el.append(make("section", "card", make("h3", "", w.title ?? ""), facts(w.facts.filter((f) => f.key !== "event"))));
  }
  if (w.parts) {
    el.append(make("h3", "", say("verified.parts")), make("p", "hint", say("verified.parts.hint")),
      make("ul", "", ...w.parts.map((p) => make("li", "code small", p.text))));
  }
  el.append(make("h3", "", say("verified.checks")), answers(w.checks));
  if (w.unchecked) {
    el.append(make("h3", "", say("verified.unchecked")), answers(w.unchecked, "plain"));
  }
  if (w.members) {
    el.append(make("h3", "", say("verified.members")), make("ul", "checks", ...w.members.map((m) =>
      make("li", m.ok ? "good" : "bad", make("span", "code", m.name), " – ", m.title ?? m.verdict))));
  }
  return el;
}

function anchors(answer) {
  const list = (answer.anchors ?? []).map((a) => ({ label: a.subject, text: `SHA-256 ${a.sha256}` }));
  if (answer.log) {
    list.push({ label: say("verify.log"), text: answer.log });
  }
  const el = make("details", "", make("summary", "", say("verify.anchors")), make("p", "hint", say("verify.anchors.hint")), facts(list));
  return el;
}

function download(results) {
  const plain = results.map(({ words: _, ...rest }) => rest);
  const link = make("a", "button second", say("verify.download"));
  link.href = URL.createObjectURL(new Blob([JSON.stringify(plain, null, 2) + "\n"], { type: "application/json" }));
  link.download = "erdverify.json";
  return link;
}

if (form && window.Worker && window.WebAssembly) {
  const input = form.querySelector("input[type=file]");
  const button = form.querySelector("button[type=submit]");
  const state = document.querySelector("#verify-state");
  const found = document.querySelector("#verify-found");
  let worker = null;
  let turn = 0;
  let files = []; // those that were dropped; else what the field holds
  input.multiple = true;
  document.querySelector("#document-hint").textContent = say("verify.several");
  for (const el of document.querySelectorAll("[data-script]")) {
    el.hidden = el.dataset.script === "off";
  }

  const tell = (key) => { state.textContent = key ? say(`verify.${key}`) : ""; };
  const over = () => form.removeAttribute("aria-busy");
  const broke = () => {
    worker?.terminate();
    worker = null;
    over();
    tell("broken");
  };
  const listen = (event) => {
    if (event.data.turn !== turn) {
      return;
    }
    if (event.data.stage) {
      tell(event.data.stage);
      return;
    }
    if (event.data.failed || event.data.answer.error) {
      broke();
      return;
    }
    over();
    tell(null);
    const { results, ...rest } = event.data.answer;
    found.replaceChildren(...results.map(shown), anchors(rest), make("p", "actions", download(results)));
    found.focus();
  };

  // Capturing, and stopping: the page's own care for forms is not for this one.
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    const chosen = files.length ? files : [...input.files];
    if (form.hasAttribute("aria-busy")) {
      return;
    }
    found.replaceChildren();
    if (!chosen.length) {
      tell("choose");
      input.focus();
      return;
    }
    if (chosen.reduce((sum, f) => sum + f.size, 0) > maxSize) {
      tell("large");
      return;
    }
    form.setAttribute("aria-busy", "true");
    tell(worker ? "checking" : "loading");
    if (!worker) {
      worker = start();
      worker.addEventListener("message", listen);
      worker.addEventListener("error", broke);
    }
    turn += 1;
    worker.postMessage({ turn, files: chosen, lang: document.documentElement.lang });
  }, true);

  input.addEventListener("change", () => {
    files = [];
    if (input.files.length) {
      form.requestSubmit(button);
    }
  });
  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    files = [...event.dataTransfer.files];
    if (files.length) {
      form.requestSubmit(button);
    }
  });
}
