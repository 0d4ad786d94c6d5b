// Sends a registered message, waits until the recipient was told and its evidence
// is sealed, downloads the dossier and has erdverify judge it, without the service.
//
//   BODE_URL=… BODE_KEY=… node dist/example.js TRUST_DIR
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, must, pages, until } from "./client.js";

const bode = createClient({ baseUrl: process.env.BODE_URL!, key: process.env.BODE_KEY! });
const patience = AbortSignal.timeout(120_000);

const document = await must(
  bode.POST("/documents", {
    params: { query: { filename: "notice.txt" } },
    headers: { "Content-Type": "text/plain; charset=utf-8" },
    body: "We end the lease on 31 March.\n",
    bodySerializer: (body) => body,
  }),
);
const message = await must(
  bode.POST("/messages", {
    body: {
      subject: "Termination of the lease",
      body: "Please find the notice attached.",
      language: "en",
      documents: [document.id],
      recipients: [
        { name: { given: "An", family: "Peeters" }, email: "an@example.be", mobile: "+32470123456", language: "nl" },
      ],
      policy: { fallback: "none" },
    },
  }),
);
console.log(`sent ${message.number}`);

const deliveries = pages((cursor) =>
  must(
    bode.GET("/messages/{id}/deliveries", {
      params: { path: { id: message.id }, query: cursor === undefined ? {} : { cursor } },
    }),
  ),
);
const dir = mkdtempSync(join(tmpdir(), "bode-"));
for await (const { id } of deliveries) {
  const path = { id };
  const told = await until(async () => {
    const d = await must(bode.GET("/deliveries/{id}", { params: { path } }));
    return d.state === "submitted" ? undefined : d;
  }, patience);
  console.log(`${told.recipient.name.given} ${told.recipient.name.family}: ${told.state}`);

  await until(async () => {
    const pieces = await must(bode.GET("/deliveries/{id}/evidence", { params: { path } }));
    return pieces.data.every((p) => p.status === "sealed") ? pieces.data : undefined;
  }, patience);
  const dossier = await must(bode.GET("/deliveries/{id}/dossier", { params: { path }, parseAs: "arrayBuffer" }));
  const file = join(dir, `${id}.asice`);
  writeFileSync(file, new Uint8Array(dossier as unknown as ArrayBuffer));
  execFileSync("erdverify", ["--trust", process.argv[2]!, file], { stdio: "inherit" });
}
console.log("verified");
