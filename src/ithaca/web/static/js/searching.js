// Search as you type: conversations by their names, messages by their words; a hit opens at its message.

import { get } from "./api.js";
import { fill, h, icon, say, tool } from "./dom.js";
import { go, sessionPath } from "./places.js";
import { counted, longTime, shortTime } from "./times.js";
import { attempt } from "./toasts.js";

/** @typedef {import("./types.js").Hit} Hit */

const PAUSE = 160;

/** Letters of a snippet before the first that was found. */
const MOST_BEFORE = 40;

export class Searching {
  /** @param {HTMLElement} place @param {HTMLElement} pane the list, in whose place hits are shown */
  constructor(place, pane) {
    this.pane = pane;
    this.field = h("input", {
      class: "field", type: "search", placeholder: "Search", "aria-label": "Search conversations", dir: "auto",
      autocomplete: "off", spellcheck: "false", oninput: () => this.later(), onkeydown: (/** @type {KeyboardEvent} */ event) => this.onKey(event),
    });
    this.hint = h("kbd", { "aria-hidden": "true" }, /Mac|iP/.test(navigator.platform) ? "⌘ K" : "Ctrl K");
    this.clearer = tool("close", "Clear the search", () => this.clear(), { class: "small" });
    this.hits = h("div", { class: "scroller hits", hidden: true, role: "region", "aria-label": "Found", onkeydown: (/** @type {KeyboardEvent} */ event) => this.onListKey(event) });
    fill(place, icon("search"), this.field, this.hint, this.clearer);
    pane.after(this.hits);
    this.show();
  }

  focus() {
    this.field.focus();
    this.field.select();
  }

  clear() {
    this.field.value = "";
    this.show();
    this.field.focus();
  }

  later() {
    this.dress();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.search(), this.field.value.trim() ? PAUSE : 0);
  }

  /** Names are found at once; messages may take a moment, when many are new. */
  async search() {
    this.abort?.abort();
    const words = this.field.value.trim();
    if (!words) return this.show();
    this.abort = new AbortController();
    const { signal } = this.abort;
    const named = attempt(() => get("sessions", { name: words, limit: 6 }, signal));
    const said = attempt(() => this.messages(words, null, signal));
    const sessions = (await named)?.items ?? [];
    if (signal.aborted) return;
    const early = setTimeout(() => !signal.aborted && this.show(this.shown(sessions, null)), 150);
    const { items: hits = [], cursor = null } = (await said) ?? {};
    clearTimeout(early);
    if (signal.aborted) return;
    const more = cursor !== null && this.more(words, cursor, signal);
    this.show([...this.shown(sessions, hits), more]);
    say(`${counted(sessions.length, "conversation")} and ${counted(hits.length, "message")}${more ? " or more" : ""} found`);
  }

  /** A page of the messages that have these words. @param {string} words @param {string | null} cursor @param {AbortSignal} signal */
  messages(words, cursor, signal) {
    return get("search", { q: words, limit: 40, cursor }, signal);
  }

  /** A button that shows the next page. @param {string} words @param {string} first @param {AbortSignal} signal */
  more(words, first, signal) {
    let cursor = first;
    const button = h("button", { type: "button", class: "button more", onclick: async () => {
      button.disabled = true;
      const page = await attempt(() => this.messages(words, cursor, signal));
      button.disabled = false;
      if (!page || signal.aborted) return;
      const entries = page.items.map((/** @type {Hit} */ hit) => this.message(hit));
      this.hits.querySelector("ul:last-of-type").append(...entries);
      say(`${counted(entries.length, "more message")} found`);
      (entries[0]?.querySelector("a") ?? this.field).focus();
      if (page.cursor === null) button.remove();
      else cursor = page.cursor;
    } }, "More messages");
    return button;
  }

  /** @param {any[]} sessions @param {Hit[] | null} hits null: they are being looked for @returns {any[]} */
  shown(sessions, hits) {
    if (!sessions.length && hits?.length === 0) return [h("p", { class: "list-note" }, "Nothing was found.")];
    return [
      sessions.length > 0 && [h("h2", {}, "Conversations"), h("ul", {}, sessions.map((session) => this.entry(sessionPath(session.id), session.name, session.last_message_at, null)))],
      hits === null && h("p", { class: "list-note" }, "Looking through messages…"),
      hits !== null && hits.length > 0 && [h("h2", {}, "Messages"), h("ul", {}, hits.map((hit) => this.message(hit)))],
    ];
  }

  /** @param {Hit} hit */
  message(hit) {
    return this.entry(sessionPath(hit.session_id, hit.message.id), hit.session_name, hit.message.created_at, h("p", { dir: "auto" }, marked(hit)));
  }

  /** @param {string} href @param {string} name @param {string | null} time @param {any} words */
  entry(href, name, time, words) {
    const title = words ? h("span", { dir: "auto" }, name) : h("span", { dir: "auto", class: "name" }, name);
    return h("li", { class: "hit" }, h("a", { href, "data-go": true },
      h("span", { class: "facts" }, title, h("time", { datetime: time ?? "", title: longTime(time) }, shortTime(time))), words));
  }

  /** Shows what was found; nothing: the list again. @param {any[]} [found] */
  show(found) {
    const searching = found !== undefined;
    this.pane.hidden = searching;
    this.hits.hidden = !searching;
    this.dress();
    fill(this.hits, ...(found ?? []));
    this.hits.scrollTop = 0;
  }

  dress() {
    this.hint.hidden = this.field.value !== "";
    this.clearer.hidden = this.field.value === "";
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.key === "Escape" && this.field.value) {
      event.preventDefault();
      event.stopPropagation();
      this.clear();
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      const links = this.hits.hidden ? this.pane.querySelector(".row a") : this.hits.querySelector("a");
      links?.focus();
    } else if (event.key === "Enter") {
      const first = this.hits.querySelector("a");
      if (!this.hits.hidden && first) go(first.getAttribute("href"));
    }
  }

  /** @param {KeyboardEvent} event */
  onListKey(event) {
    const links = /** @type {HTMLElement[]} */ ([...this.hits.querySelectorAll("a, button")]);
    const at = links.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (event.key === "ArrowDown") links[at + 1]?.focus();
    else if (event.key === "ArrowUp") (links[at - 1] ?? this.field).focus();
    else if (event.key === "Escape") this.clear();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** The snippet with what was found marked. Its places are counted in characters, as Python counts. @param {Hit} hit */
function marked(hit) {
  const letters = Array.from(hit.snippet);
  let shown = beginning(letters, hit.highlights[0]?.[0] ?? 0);
  const parts = shown ? ["…"] : [];
  for (const [start, end] of hit.highlights) {
    parts.push(letters.slice(shown, start).join(""), h("mark", {}, letters.slice(start, end).join("")));
    shown = end;
  }
  return [...parts, letters.slice(shown).join("")];
}

/**
 * Where to begin, so that what was found stands in the first of the few lines that a hit has: with a word, soon before it.
 * @param {string[]} letters @param {number} found
 */
function beginning(letters, found) {
  if (found <= MOST_BEFORE) return 0;
  const space = letters.indexOf(" ", found - MOST_BEFORE);
  return space >= 0 && space < found ? space + 1 : found - MOST_BEFORE;
}
