// Stands in for the Web eID extension; see extension.go.
(() => {
  "use strict";
  const say = (message) => window.postMessage(message, window.location.origin);
  window.addEventListener("message", (event) => {
    if (event.source !== window || !event.data) {
      return;
    }
    switch (event.data.action) {
      case "web-eid:status":
        say({ action: "web-eid:status-ack" });
        say({ action: "web-eid:status-success", library: "2.0.0", extension: "2.0.0", nativeApp: "2.0.0" });
        break;
      case "web-eid:authenticate":
        say({ action: "web-eid:authenticate-ack" });
        window.eidCard(JSON.stringify({ nonce: event.data.challengeNonce, origin: window.location.origin }));
        break;
    }
  });
  window.eidAnswer = say;
})();
