/** A call to your webhook that did not come from the service, or came too long ago. */
export class SignatureError extends Error {
  override name = "SignatureError";
}

/** How old a call may be, in seconds, and how far the clocks may be apart. */
export const tolerance = 300;

/**
 * Checks a call to you against its body, which must be the octets as they came.
 * Secrets are what the service gave you for the endpoint: whsec_… (HMAC-SHA256) or
 * whpk_… (Ed25519); during a rotation both the old and the new one. Throws
 * SignatureError. Calls can come twice: their webhook-id stays the same.
 * Standard Webhooks 1.0 "Signature scheme"
 */
export async function checkWebhook(
  headers: Headers,
  body: Uint8Array | string,
  secrets: string[],
  now: Date = new Date(),
): Promise<void> {
  const id = headers.get("webhook-id");
  const stamp = headers.get("webhook-timestamp") ?? "";
  if (!id || !/^[0-9]{1,12}$/.test(stamp)) {
    throw new SignatureError("no webhook-id or webhook-timestamp");
  }
  if (!(Math.abs(now.getTime() / 1000 - Number(stamp)) <= tolerance)) {
    throw new SignatureError(`made at ${stamp}`);
  }
  const text = new TextEncoder();
  const head = text.encode(`${id}.${stamp}.`);
  const rest = typeof body === "string" ? text.encode(body) : body;
  const signed = new Uint8Array(head.length + rest.length);
  signed.set(head);
  signed.set(rest, head.length);
  const signatures = (headers.get("webhook-signature") ?? "").split(" ");
  for (const secret of secrets) {
    const { key, algorithm, version } = await readSecret(secret);
    for (const signature of signatures) {
      const [v, value] = signature.split(",");
      const octets = v === version && value !== undefined ? decode(value) : undefined;
      if (octets && (await crypto.subtle.verify(algorithm, key, octets, signed))) {
        return;
      }
    }
  }
  throw new SignatureError(`none of ${signatures.length} is good`);
}

async function readSecret(secret: string) {
  const [prefix, value] = secret.split("_");
  const octets = decode(value ?? "");
  if (octets && octets.length >= 16 && prefix === "whsec") {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    return { key: await crypto.subtle.importKey("raw", octets, algorithm, false, ["verify"]), algorithm, version: "v1" };
  }
  if (octets && octets.length === 32 && prefix === "whpk") {
    const algorithm = { name: "Ed25519" };
    return { key: await crypto.subtle.importKey("raw", octets, algorithm, false, ["verify"]), algorithm, version: "v1a" };
  }
  throw new TypeError(`not a secret of a webhook: ${prefix}_…`);
}

function decode(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  } catch {
    return undefined;
  }
}
