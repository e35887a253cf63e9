// A stream of the server's events, heard to its end: where a connection breaks, or dies without a word as one does while the
// computer sleeps, another takes its place. `EventSource` keeps the comments to itself that tell the one from mere quiet.

import { link } from "./api.js";

/** Milliseconds without a word after which a connection is taken for dead; the server says something every 15 seconds. */
const DEAD = 45_000;
/** Milliseconds between two looks at the clock. It goes on while timers sleep, so it tells of that too. */
const LOOK = 5_000;
/** Milliseconds before another connection is tried: at first, and at most. */
const [SOON, LATE] = [500, 30_000];

/** Milliseconds that a page which nobody sees listens on: a browser has six connections to a server, for all its windows. */
const UNSEEN = 60_000;
let resting = 0;

/** @type {Set<Events>} */
const open = new Set();

export class Events {
  /**
   * @param {() => URL} where what is asked for: what comes after that which was heard last
   * @param {Record<string, (data: any, id: string) => void>} heard what is done with the events, by their names
   * @param {(status: number) => void} over is told when there is nothing to be heard, now or later, and why
   */
  constructor(where, heard, over) {
    this.where = where;
    this.heard = heard;
    this.over = over;
    this.pause = this.wait = SOON;
    this.spoke = 0;
    this.connection = /** @type {AbortController | null} */ (null);
    open.add(this);
    this.connect();
  }

  /** Listens no more. */
  close() {
    open.delete(this);
    this.disconnect();
  }

  disconnect() {
    clearTimeout(this.timer);
    this.connection?.abort();
    this.connection = null;
  }

  /** Over a new connection, from what was heard last; what the former one may still bring is not heard. */
  async connect() {
    this.disconnect();
    const mine = new AbortController();
    this.connection = mine;
    this.spoke = Date.now();
    const response = await fetch(this.where(), { headers: { accept: "text/event-stream" }, signal: mine.signal }).catch(lost);
    if (response?.status === 200) await this.read(/** @type {any} */ (response.body), mine);
    if (this.connection !== mine) return;
    this.connection = null;
    if (response && !passing(response.status)) return this.end(response.status);
    this.timer = setTimeout(() => this.connect(), this.wait);
    this.wait = Math.min(this.wait * 2, LATE);
  }

  /** @param {number} status */
  end(status) {
    this.close();
    if (status === 401) link.dispatchEvent(new Event("signed-out"));
    this.over(status);
  }

  /** @param {ReadableStream<Uint8Array>} body @param {AbortController} mine */
  async read(body, mine) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let pending = "";
    for (;;) {
      const { value, done } = (await reader.read().catch(lost)) ?? { done: true };
      if (done) return;
      this.spoke = Date.now();
      const events = (pending + value).split("\n\n");
      pending = events.pop() ?? "";
      for (const event of events) if (this.connection === mine) this.take(event);
    }
  }

  /** @param {string} event whose fields the server writes on a line each; a comment has none */
  take(event) {
    const fields = Object.fromEntries(event.split("\n").map((line) => line.split(/: ?(.*)/s, 2)));
    if (fields.event) this.wait = this.pause = Number(fields.retry) || this.pause;
    this.heard[fields.event]?.(JSON.parse(fields.data), fields.id ?? "");
  }

  /** Nothing was heard for so long that nothing will be. A clock that was set meanwhile says so, too. */
  get silent() {
    return Math.abs(Date.now() - this.spoke) > DEAD;
  }
}

/** That a connection broke is no error: another one is tried. */
const lost = () => null;

/** Whether it may be otherwise when one asks again. @param {number} status */
function passing(status) {
  return status === 200 || status >= 500 || [408, 425, 429].includes(status);
}

function look() {
  for (const each of open) if (each.connection && each.silent) each.connect();
}

function hurry() {
  for (const each of open) if (!each.connection || each.silent) each.connect();
}

function connectAll() {
  for (const each of open) each.connect();
}

setInterval(look, LOOK);
document.addEventListener("resume", hurry);
document.addEventListener("visibilitychange", () => {
  clearTimeout(resting);
  if (document.hidden) resting = setTimeout(() => open.forEach((each) => each.disconnect()), UNSEEN);
  else hurry();
});
link.addEventListener("online", hurry);
// Over another network, a connection of the former one is dead.
addEventListener("online", connectAll);
// A page that the browser keeps in its memory lets go of its connections, and comes back with new ones.
addEventListener("pagehide", () => open.forEach((each) => each.disconnect()));
addEventListener("pageshow", (event) => event.persisted && connectAll());
