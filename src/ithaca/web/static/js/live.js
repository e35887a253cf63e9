// The server's live events, made into the page's news: what another window, program or person changes shows at once.

import { address, get, link, part } from "./api.js";
import { tell } from "./news.js";

/** Milliseconds in which changes of one conversation are asked for once, and conversations beyond which all are. */
const TOGETHER = 80;
const MANY = 20;

/** @type {Map<string, Set<string>>} conversation → what happened to it */
const pending = new Map();
let cursor = "";
let wait = 1000;
let current = /** @type {EventSource | null} */ (null);
let timer = 0;

/** Begins to listen, and goes on for as long as the page is open. */
export function listen() {
  current?.close();
  clearTimeout(timer);
  const source = new EventSource(address("events", { after: cursor || null }));
  current = source;
  source.addEventListener("ready", () => { wait = 1000; });
  source.addEventListener("change", (event) => note(JSON.parse(event.data), event.lastEventId));
  source.addEventListener("end", (event) => {
    if (JSON.parse(event.data).reason !== "signed out") return;
    source.close();
    link.dispatchEvent(new Event("signed-out"));
  });
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    timer = setTimeout(listen, wait);
    wait = Math.min(wait * 2, 30_000);
  });
}

addEventListener("pagehide", () => current?.close());
// A page that comes back out of the browser's memory listens again.
addEventListener("pageshow", (event) => event.persisted && listen());

/** @param {{session_id: string, kind: string}} change @param {string} id */
function note(change, id) {
  cursor = id || cursor;
  if (!pending.size) setTimeout(pass, TOGETHER);
  const kinds = pending.get(change.session_id) ?? new Set();
  kinds.delete(change.kind); // the last one stands last
  pending.set(change.session_id, kinds.add(change.kind));
}

async function pass() {
  const changes = new Map(pending);
  pending.clear();
  if (changes.size > MANY || changes.has("")) return tell("all");
  await Promise.all([...changes].map(([id, kinds]) => passOne(id, kinds).catch(() => {})));
}

/** @param {string} id @param {Set<string>} kinds */
async function passOne(id, kinds) {
  if (kinds.has("missed")) return tell("all");
  if ([...kinds].at(-1) === "deleted") return tell("gone", [id]);
  const session = await get(`sessions/${part(id)}`).catch((error) => (error.status === 404 ? null : Promise.reject(error)));
  if (session === null) return tell("gone", [id]);
  if (kinds.has("messages added") || kinds.has("messages changed") || kinds.has("restored")) tell("messages", id);
  tell("session", session);
}
