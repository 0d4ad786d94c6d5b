// The page's side of Web eID: messages between this window and the extension.
// The extension has a second to say that it is there, and the person two minutes.
const form = document.querySelector("form[data-webeid]");
const ask = "web-eid:authenticate";
const patience = 120_000;
const faults = {
  ERR_WEBEID_EXTENSION_UNAVAILABLE: "extension",
  ERR_WEBEID_NATIVE_UNAVAILABLE: "native",
  ERR_WEBEID_NATIVE_FATAL: "native",
  ERR_WEBEID_NATIVE_INVALID_ARGUMENT: "native",
  ERR_WEBEID_VERSION_MISMATCH: "version",
  ERR_WEBEID_VERSION_INVALID: "version",
  ERR_WEBEID_USER_CANCELLED: "cancelled",
  ERR_WEBEID_USER_TIMEOUT: "timeout",
  ERR_WEBEID_ACTION_TIMEOUT: "timeout",
  ERR_WEBEID_ACTION_PENDING: "pending",
  ERR_WEBEID_CONTEXT_INSECURE: "context",
};

function authenticate(nonce, lang) {
  return new Promise((resolve, reject) => {
    const timers = [];
    const end = (settle, value) => {
      timers.forEach(clearTimeout);
      removeEventListener("message", receive);
      settle(value);
    };
    const receive = (event) => {
      if (event.source !== window) {
        return;
      }
      switch (event.data?.action) {
        case ask + "-ack":
          clearTimeout(timers[0]);
          break;
        case ask + "-success":
          end(resolve, event.data);
          break;
        case ask + "-failure":
          end(reject, event.data.error?.code);
          break;
      }
    };
    addEventListener("message", receive);
    timers.push(setTimeout(() => end(reject, "ERR_WEBEID_EXTENSION_UNAVAILABLE"), 1000));
    timers.push(setTimeout(() => end(reject, "ERR_WEBEID_ACTION_TIMEOUT"), patience + 10_000));
    postMessage({ action: ask, libraryVersion: "2.0.2", challengeNonce: nonce,
      options: { lang, userInteractionTimeout: patience } }, location.origin);
  });
}

// What is sent is the token alone, whatever else the extension says.
function tokenOf({ unverifiedCertificate, algorithm, signature, format, appVersion }) {
  return JSON.stringify({ unverifiedCertificate, algorithm, signature, format, appVersion });
}

function show(fault) {
  for (const el of form.querySelectorAll("[data-fault]")) {
    el.hidden = el.dataset.fault !== fault;
  }
}

async function read() {
  const button = form.querySelector("button");
  const busy = form.querySelector("[data-busy]");
  show("");
  button.disabled = true;
  busy.hidden = false;
  try {
    if (!isSecureContext) {
      throw "ERR_WEBEID_CONTEXT_INSECURE";
    }
    // An extension may come a second after the page.
    await new Promise((done) => setTimeout(done, Math.max(0, 1000 - performance.now())));
    form.elements.token.value = tokenOf(await authenticate(form.dataset.nonce, form.dataset.lang));
    form.submit();
  } catch (code) {
    show(faults[code] ?? "unknown");
    button.disabled = false;
    busy.hidden = true;
    form.removeAttribute("aria-busy");
  }
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  read();
});
