import createFetch, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";
export { checkWebhook, SignatureError } from "./webhook.js";

export type Problem = components["schemas"]["Problem"];
export type Message = components["schemas"]["Message"];
export type Delivery = components["schemas"]["Delivery"];
export type Event = components["schemas"]["Event"];

/** Where the service is and who calls. One of key and token is required. */
export interface Config {
  /** Of the service, such as https://bode.example */
  baseUrl: string;
  /** API key */
  key?: string;
  /** Instead of key: a bearer token that is good now */
  token?: () => Promise<string>;
  /** Of texts in problems: nl, fr, de or en; default en */
  language?: string;
  /** In all, per call; default 4 */
  attempts?: number;
  /** Longest pause between two attempts in milliseconds; default one minute */
  maxWait?: number;
  /** Default: the fetch of the platform */
  fetch?: (request: Request) => Promise<Response>;
}

/** A call that was refused: nothing happened. Match on problem.code, never on text. */
export class BodeError extends Error {
  constructor(
    readonly problem: Problem,
    readonly response: Response,
  ) {
    const faults = (problem.errors ?? []).map((f) => `; ${f.pointer}: ${f.detail}`);
    super(`${response.status} ${problem.code}: ${problem.title}${faults.join("")}`);
    this.name = "BodeError";
  }
}

/**
 * Makes a client with one typed call for each operation of the contract. Each POST
 * carries an Idempotency-Key; 429, 503 and broken connections are tried again with
 * the same key, after Retry-After.
 */
export function createClient(config: Config): Client<paths> {
  if ((config.key === undefined) === (config.token === undefined)) {
    throw new TypeError("a client needs a key or a token, and not both");
  }
  const base = new URL(config.baseUrl);
  if (base.protocol !== "https:" && base.protocol !== "http:") {
    throw new TypeError(`no base URL: ${config.baseUrl}`);
  }
  return createFetch<paths>({
    baseUrl: base.href.replace(/\/$/, "") + "/api/v1",
    fetch: (request) => attempts(config, request),
  });
}

/** What a call gives when it succeeds; throws BodeError when it was refused. */
export async function must<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data, error, response } = await call;
  if (response.ok) {
    return data as T;
  }
  const problem =
    typeof error === "object" && error !== null && "code" in error
      ? (error as Problem)
      : { type: "about:blank", title: response.statusText, status: response.status, code: "no_problem_document" };
  throw new BodeError(problem, response);
}

/** Walks a list to its end. fetchPage gets the cursor of a page, undefined for the first. */
export async function* pages<T>(
  fetchPage: (cursor?: string) => Promise<{ data: T[]; next?: string }>,
): AsyncGenerator<T> {
  for (let cursor: string | undefined; ; ) {
    const page = await fetchPage(cursor);
    yield* page.data;
    if (!page.next) {
      return;
    }
    cursor = page.next;
  }
}

/** Asks until the answer is there or the signal ends; for one thing, not for many: those are in the feed. */
export async function until<T>(ask: () => Promise<T | undefined>, signal: AbortSignal, every = 1000): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    const found = await ask();
    if (found !== undefined) {
      return found;
    }
    await sleep(every, signal);
  }
}

async function attempts(config: Config, request: Request): Promise<Response> {
  const most = config.attempts ?? 4;
  const headers = request.headers;
  headers.set("Authorization", `Bearer ${config.key ?? (await config.token!())}`);
  headers.set("Accept-Language", config.language ?? "en");
  if (request.method === "POST" && !headers.has("Idempotency-Key")) {
    headers.set("Idempotency-Key", crypto.randomUUID());
  }
  const send = config.fetch ?? fetch;
  for (let attempt = 1; ; attempt++) {
    const backoff = 1000 * 2 ** (attempt - 1);
    const last = attempt >= most;
    let wait = backoff;
    try {
      const response = await send(last ? request : request.clone());
      if (![429, 502, 503, 504].includes(response.status)) {
        return response;
      }
      wait = Math.max(retryAfter(response.headers), backoff / 2);
      if (last || wait > (config.maxWait ?? 60_000)) {
        return response;
      }
      void response.body?.cancel().catch(() => {});
    } catch (fault) {
      if (last || request.signal.aborted) {
        throw fault;
      }
    }
    await sleep(wait, request.signal);
  }
}

/** Milliseconds that Retry-After asks for. RFC 9110 §10.2.3 */
function retryAfter(headers: Headers): number {
  const value = headers.get("Retry-After") ?? "";
  if (/^[0-9]{1,6}$/.test(value)) {
    return 1000 * Number(value);
  }
  const wait = Date.parse(value) - Date.parse(headers.get("Date") ?? ""); // by their clock
  return Number.isFinite(wait) ? Math.max(0, wait) : 0;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
