import assert from "node:assert/strict";
import { test } from "node:test";
import { BodeError, checkWebhook, createClient, must, pages, SignatureError } from "./client.js";

type Answer = Response | Error;

function service(...answers: Answer[]) {
  const asked: { request: Request; body: string }[] = [];
  const client = createClient({
    baseUrl: "https://bode.example/",
    key: "bode_test_x",
    maxWait: 3000,
    fetch: async (request) => {
      asked.push({ request, body: await request.clone().text() });
      const answer = answers[Math.min(asked.length, answers.length) - 1]!;
      if (answer instanceof Error) throw answer;
      return answer.clone();
    },
  });
  return { client, asked };
}

const problem = (status: number, code: string, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify({ type: "x", title: "Title", status, code }), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
const json = (value: unknown) => new Response(JSON.stringify(value), { headers: { "Content-Type": "application/json" } });

test("what is refused for the moment is tried again with the same key and body", async () => {
  const { client, asked } = service(problem(429, "too_many_requests", { "Retry-After": "1" }), new TypeError("broken"), json({ id: "m" }));
  const message = await must(client.POST("/messages", { body: { subject: "s", body: "b", recipients: [] } }));
  assert.equal(message.id, "m");
  assert.equal(asked.length, 3);
  const key = asked[0]!.request.headers.get("Idempotency-Key");
  assert.ok(key);
  for (const { request, body } of asked) {
    assert.equal(request.headers.get("Idempotency-Key"), key);
    assert.equal(request.headers.get("Authorization"), "Bearer bode_test_x");
    assert.equal(body, asked[0]!.body);
    assert.equal(request.url, "https://bode.example/api/v1/messages");
  }
});

test("what trying again does not mend is not tried again", async () => {
  for (const [answer, code] of [
    [problem(422, "invalid"), "invalid"],
    [problem(429, "too_many_requests", { "Retry-After": "3600" }), "too_many_requests"],
    [new Response("<html>", { status: 404 }), "no_problem_document"],
  ] as const) {
    const { client, asked } = service(answer);
    await assert.rejects(must(client.GET("/messages/{id}", { params: { path: { id: "x" } } })), (e) => e instanceof BodeError && e.problem.code === code);
    assert.equal(asked.length, 1);
  }
  const { client, asked } = service(json({}));
  await must(client.GET("/messages/{id}", { params: { path: { id: "a/b?c" } } }));
  assert.equal(new URL(asked[0]!.request.url).pathname, "/api/v1/messages/a%2Fb%3Fc");
  assert.equal(asked[0]!.request.headers.get("Idempotency-Key"), null);
});

test("configuration without one way to say who calls is refused", () => {
  assert.throws(() => createClient({ baseUrl: "https://x.example" }), TypeError);
  assert.throws(() => createClient({ baseUrl: "ftp://x.example", key: "k" }), TypeError);
  assert.throws(() => createClient({ baseUrl: "https://x.example", key: "k", token: async () => "t" }), TypeError);
});

test("pages hang together", async () => {
  const asked: (string | undefined)[] = [];
  const found: number[] = [];
  for await (const n of pages(async (cursor) => {
    asked.push(cursor);
    return cursor === undefined ? { data: [1, 2], next: "n" } : { data: [3] };
  })) {
    found.push(n);
  }
  assert.deepEqual(found, [1, 2, 3]);
  assert.deepEqual(asked, [undefined, "n"]);
});

// The example is of docs.svix.com, "verifying webhooks manually".
const secret = "whsec_plJ3nmyCDGBKInavdOK15jsl";
const body = '{"event_type":"ping","data":{"success":true}}';
const at = new Date(1731705121_000);
const headers = (change: Record<string, string> = {}) =>
  new Headers({
    "webhook-id": "msg_loFOjxBNrRLzqYUf",
    "webhook-timestamp": "1731705121",
    "webhook-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    ...change,
  });

test("webhooks", async () => {
  await checkWebhook(headers(), body, [secret], at);
  await checkWebhook(headers({ "webhook-signature": "v1,AAAA v9,x " + headers().get("webhook-signature") }), new TextEncoder().encode(body), ["whsec_" + btoa("0".repeat(24)), secret], at);
  const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"])) as CryptoKeyPair;
  const base64 = (b: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(b)));
  const signature = await crypto.subtle.sign("Ed25519", pair.privateKey, new TextEncoder().encode("msg_loFOjxBNrRLzqYUf.1731705121." + body));
  const key = "whpk_" + base64(await crypto.subtle.exportKey("raw", pair.publicKey));
  await checkWebhook(headers({ "webhook-signature": "v1a," + base64(signature) }), body, [key], at);
  for (const [name, h, b, secrets, now] of [
    ["other body", headers(), body + " ", [secret], at],
    ["other id", headers({ "webhook-id": "x" }), body, [secret], at],
    ["other time", headers({ "webhook-timestamp": "1731705122" }), body, [secret], at],
    ["no time", headers({ "webhook-timestamp": "" }), body, [secret], at],
    ["too old", headers(), body, [secret], new Date(at.getTime() + 301_000)],
    ["from the future", headers(), body, [secret], new Date(at.getTime() - 301_000)],
    ["no signature", headers({ "webhook-signature": "" }), body, [secret], at],
    ["HMAC as Ed25519", headers(), body, [key], at],
    ["no secret", headers(), body, [], at],
  ] as const) {
    await assert.rejects(checkWebhook(h, b, [...secrets], now), SignatureError, name);
  }
  await assert.rejects(checkWebhook(headers(), body, ["whsec_x"], at), TypeError);
});
