// Reads one JSON object a line: secret, public, headers, body. Says for each what
// the independent libraries think of it.
const crypto = require("node:crypto");
const standard = require("standardwebhooks");
const svix = require("svix");

function by(verify) {
  try {
    verify();
    return "ok";
  } catch (e) {
    return "refused: " + e.message;
  }
}

// The asymmetric scheme, with the keys of OpenSSL: no library has it.
function asymmetric(x) {
  const raw = Buffer.from(x.public.replace(/^whpk_/, ""), "base64");
  const key = crypto.createPublicKey({ key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]), format: "der", type: "spki" });
  const signed = Buffer.from(`${x.headers["webhook-id"]}.${x.headers["webhook-timestamp"]}.${x.body}`);
  for (const s of x.headers["webhook-signature"].split(" ")) {
    const [version, value] = s.split(",");
    if (version === "v1a" && crypto.verify(null, signed, key, Buffer.from(value, "base64"))) return;
  }
  throw new Error("no matching signature");
}

require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const x = JSON.parse(line);
  console.log(JSON.stringify({
    standardwebhooks: by(() => new standard.Webhook(x.secret).verify(x.body, x.headers)),
    svix: by(() => new svix.Webhook(x.secret).verify(x.body, x.headers)),
    ed25519: by(() => asymmetric(x)),
  }));
});
