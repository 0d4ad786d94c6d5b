// Runs the verifier. It fetches the program and the anchors, and sends nothing.
import "/verify/wasm_exec.js";

async function load() {
  const go = new Go();
  const [{ instance }, trust] = await Promise.all([
    WebAssembly.instantiateStreaming(fetch("/verify/erdverify.wasm"), go.importObject),
    fetch("/verify/trust.json").then((answer) => answer.json()),
  ]);
  go.run(instance); // until the page closes
  return trust;
}

let loaded = null;

addEventListener("message", async ({ data: { turn, files, lang } }) => {
  try {
    loaded ??= load();
    const trust = await loaded;
    postMessage({ turn, stage: "checking" });
    const list = [];
    for (const file of files) {
      list.push({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) });
    }
    postMessage({ turn, answer: JSON.parse(erdverify(list, trust, lang)) });
  } catch (error) {
    postMessage({ turn, failed: String(error) });
  }
});
