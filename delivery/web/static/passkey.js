// Passkeys: a form with data-passkey asks the browser for one, with the options
// in data-options, and sends what it answers. Nothing is fetched.
const bytes = (text) => {
  const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
};
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const described = (list) => (list || []).map((d) => ({ ...d, id: bytes(d.id) }));

// What browsers without parseCreationOptionsFromJSON need done by hand.
const creation = (o) => ({ ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: described(o.excludeCredentials) });
const request = (o) => ({ ...o, challenge: bytes(o.challenge), allowCredentials: described(o.allowCredentials) });

const answer = (c) => {
  const r = c.response;
  const out = { id: c.id, rawId: text(c.rawId), type: c.type, clientExtensionResults: c.getClientExtensionResults(), response: { clientDataJSON: text(r.clientDataJSON) } };
  if (c.authenticatorAttachment) {
    out.authenticatorAttachment = c.authenticatorAttachment;
  }
  if (r.attestationObject) {
    out.response.attestationObject = text(r.attestationObject);
    out.response.transports = r.getTransports ? r.getTransports() : [];
  } else {
    out.response.authenticatorData = text(r.authenticatorData);
    out.response.signature = text(r.signature);
    if (r.userHandle) {
      out.response.userHandle = text(r.userHandle);
    }
  }
  return out;
};

const say = (fault) => {
  for (const el of document.querySelectorAll("[data-passkey-fault]")) {
    el.hidden = el.dataset.passkeyFault !== fault;
  }
};

const ask = async (form) => {
  say("");
  form.setAttribute("aria-busy", "true");
  const options = JSON.parse(form.dataset.options).publicKey;
  try {
    const credential =
      form.dataset.passkey === "create"
        ? await navigator.credentials.create({ publicKey: creation(options) })
        : await navigator.credentials.get({ publicKey: request(options) });
    form.elements.namedItem("answer").value = JSON.stringify(answer(credential));
    form.submit();
  } catch (error) {
    form.removeAttribute("aria-busy");
    say(error.name === "InvalidStateError" ? "twice" : error.name === "NotSupportedError" ? "unsupported" : "cancelled");
  }
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) {
    say("unsupported");
    continue;
  }
  let busy = false;
  const start = async () => {
    if (!busy) {
      busy = true;
      await ask(form);
      busy = false;
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  start();
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
