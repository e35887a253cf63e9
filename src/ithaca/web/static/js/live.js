// The server's live events, made into the page's news: what another window, program or person changes shows at once.

import { address, get, link, part } from "./api.js";
import { Events } from "./events.js";
import { tell } from "./news.js";

/** Milliseconds after which the news are asked for again where something else answered in their place. */
const AGAIN = 30_000;
/** Milliseconds in which changes of one conversation are asked for once, and conversations beyond which all are. */
const TOGETHER = 80;
const MANY = 20;

/** @type {Map<string, Set<string>>} conversation → what happened to it */
const pending = new Map();
let cursor = "";
let current = /** @type {Events | null} */ (null);

/** Begins to listen, and goes on for as long as the page is open. */
export function listen() {
  current?.close();
  current = new Events(() => address("events", { after: cursor || null }), {
    ready: (data) => { cursor = data.cursor; },
    change: note,
    end: (data) => data.reason === "signed out" && signedOut(),
  }, (status) => { if (status !== 401) setTimeout(listen, AGAIN); });
}

function signedOut() {
  current?.close();
  link.dispatchEvent(new Event("signed-out"));
}

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
