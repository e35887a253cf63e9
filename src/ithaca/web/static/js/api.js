// Asking the server. Errors are `Problem`s, with the words of RFC 9457; no answer at all is `Offline`, none in time `Late`.

const BASE = new URL("api/", document.baseURI);

/** Milliseconds after which what is answered at once is asked for again; over a connection that died in sleep, nothing would ever come. */
const PATIENCE = 30_000;

/** Milliseconds after which a change is given up that may take long; a model that sums up takes minutes. */
const LONG = { POST: 600_000, PUT: 120_000, DELETE: 120_000 };

/** What the server refused. */
export class Problem extends Error {
  /** @param {number} status @param {any} members */
  constructor(status, members) {
    super(members?.detail ?? `The server answered ${status}.`);
    this.status = status;
    this.members = members ?? {};
  }
}

/** The server cannot be reached. */
export class Offline extends Error {
  constructor() {
    super("The server cannot be reached.");
  }
}

/** The server did not answer in time, and nobody knows whether it has done what it was asked for. */
export class Late extends Error {
  /** @param {number} patience in milliseconds */
  constructor(patience) {
    super(`The server did not answer within ${patience / 60_000} minutes. It may have done it nevertheless: look before you try again.`);
  }
}

/** Tells of `offline`, `online` and `signed-out`. */
export const link = new EventTarget();
let reached = true;

/** @param {boolean} now */
function reach(now) {
  if (now !== reached) link.dispatchEvent(new Event(now ? "online" : "offline"));
  reached = now;
}

/** A key that makes a repeated request happen once. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** An id as it stands in a path. @param {string} id */
export const part = encodeURIComponent;

/**
 * The URL of a route. @param {string} path below `/api/`
 * @param {Record<string, any>} [query] what is null or undefined is left out
 */
export function address(path, query = {}) {
  const url = new URL(`./${path}`, BASE); // "./", or else `sessions:batch` would be of a scheme "sessions"
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

/**
 * @param {string} method @param {string} path
 * @param {{query?: Record<string, any>, body?: any, headers?: Record<string, string>, signal?: AbortSignal, patience: number}} more
 */
async function ask(method, path, { query, body, headers = {}, signal, patience }) {
  const sent = body instanceof Blob || body === undefined ? body : JSON.stringify(body);
  const all = { ...headers };
  if (body !== undefined && !(body instanceof Blob)) all["content-type"] = "application/json";
  if (method === "POST") all["idempotency-key"] = newKey();
  for (const wait of [300, 1500, null]) {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error("It took too long.")), patience);
    try {
      const until = signal ? AbortSignal.any([late.signal, signal]) : late.signal;
      const response = await fetch(address(path, query), { method, body: sent, signal: until, headers: all });
      reach(true);
      return await read(response);
    } catch (error) {
      if (error instanceof Problem || signal?.aborted) throw error;
      if (late.signal.aborted && patience > PATIENCE) throw new Late(patience);
      if (wait === null || method === "PATCH") break;
      await new Promise((go) => setTimeout(go, wait));
    } finally {
      clearTimeout(timer);
    }
  }
  reach(false);
  throw new Offline();
}

/** @param {Response} response */
async function read(response) {
  if (response.ok) return response.status === 204 ? null : await response.json();
  const members = await response.json().catch(() => null);
  if (response.status === 401 && members?.error !== "LoginRefused") link.dispatchEvent(new Event("signed-out"));
  throw new Problem(response.status, members);
}

/** @param {string} path @param {Record<string, any>} [query] @param {AbortSignal} [signal] */
export const get = (path, query, signal) => ask("GET", path, { query, signal, patience: PATIENCE });
/** All that a list has, page by page. @param {string} path @param {Record<string, any>} [query] */
export async function every(path, query = {}) {
  const found = [];
  let cursor = null;
  do {
    const page = await get(path, { ...query, cursor, limit: 1000 });
    found.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== null);
  return found;
}
/** Safe to be sent again: it carries a key. @param {string} path @param {any} [body] @param {number} [revision] the one that was seen */
export const post = (path, body = undefined, revision = undefined) => ask("POST", path, { body, headers: seen(revision), patience: LONG.POST });
/** As `post`, of what is answered at once. @param {string} path @param {any} [body] */
export const send = (path, body = undefined) => ask("POST", path, { body, patience: PATIENCE });
/** A text as the server's HTML. @param {string} text */
export const render = (text) => send("markdown", { text });
/** @param {string} path @param {any} body @param {number} [revision] the one that was seen */
export const patch = (path, body, revision) => ask("PATCH", path, { body, headers: seen(revision), patience: PATIENCE });
/** @param {string} path @param {any} [body] */
export const put = (path, body = undefined) => ask("PUT", path, { body, patience: LONG.PUT });
/** @param {string} path @param {Record<string, any>} [query] */
export const remove = (path, query) => ask("DELETE", path, { query, patience: LONG.DELETE });

/** @param {number | undefined} revision @returns {Record<string, string>} */
function seen(revision) {
  return revision === undefined ? {} : { "if-match": `"${revision}"` };
}
