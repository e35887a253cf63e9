// The list of conversations: pages as they are scrolled to, kept true by the news, with selecting many and dragging.

import { archive, askFolder, askName, discard, menuOf, move, star } from "./actions.js";
import { get } from "./api.js";
import { fill, h, say, tool } from "./dom.js";
import { FolderList } from "./folders.js";
import { openMenu } from "./menus.js";
import { hear } from "./news.js";
import { here, places } from "./places.js";
import { rowOf } from "./row.js";
import { counted } from "./times.js";
import { attempt } from "./toasts.js";

/** @typedef {import("./types.js").Session} Session */

const PAGE = 60;
/** Pixels from the end at which the next page is asked for. */
const NEAR = 600;

export class Conversations {
  /** @param {HTMLElement} pane */
  constructor(pane) {
    /** @type {Map<string, Session>} in the order of the list */
    this.sessions = new Map();
    this.cursor = /** @type {string | null} */ (null);
    this.whole = false;
    this.loading = 0;
    this.selected = /** @type {Set<string> | null} */ (null);
    this.lastChosen = "";
    this.folders = new FolderList((folder) => this.open(this.archived, folder), (ids, folder) => this.drop(ids, folder));
    this.archived = false;
    this.head = h("div", { class: "list-head" });
    this.rows = h("ul", {});
    this.note = h("p", { class: "list-note" });
    this.scroller = h("div", { class: "scroller" }, this.folders.element, this.rows, this.note);
    fill(pane, this.head, this.scroller);
    this.scroller.addEventListener("scroll", () => this.moreIfNear(), { passive: true });
    this.rows.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.onKey(event));
    this.rows.addEventListener("dragstart", (/** @type {DragEvent} */ event) => this.onDrag(event));
    this.rows.addEventListener("click", (/** @type {MouseEvent} */ event) => this.onClick(event), true);
    this.rows.addEventListener("contextmenu", (/** @type {MouseEvent} */ event) => this.onContext(event));
    hear("session", (session) => this.update(session));
    hear("gone", (ids) => this.takeOut(ids));
    hear("back", () => this.open(this.archived, this.folders.chosen));
    hear("all", () => this.open(this.archived, this.folders.chosen));
    places.addEventListener("moved", () => this.mark());
  }

  /** Shows the conversations of the archive or the others; of a folder, or all. @param {boolean} archived @param {string | null} folder */
  async open(archived, folder) {
    this.archived = archived;
    this.folders.show(archived, folder);
    this.cursor = null;
    this.whole = false;
    const turn = ++this.loading;
    const page = await this.page(null);
    if (turn !== this.loading || !page) return;
    this.sessions.clear();
    this.selected = this.selected && new Set();
    this.add(page);
    this.scroller.scrollTop = 0;
    this.draw();
    this.moreIfNear();
  }

  /** @param {string | null} cursor */
  page(cursor) {
    const query = { archived: this.archived, folder: this.folders.chosen, important_first: true, limit: PAGE, cursor };
    return attempt(() => get("sessions", query));
  }

  /** The next page, when the end of the list comes near. */
  async more() {
    if (this.whole || this.cursor === null || this.asking) return;
    this.asking = true;
    const turn = this.loading;
    const page = await this.page(this.cursor);
    this.asking = false;
    if (!page || turn !== this.loading) return;
    const before = new Set(this.sessions.keys());
    this.add(page);
    this.rows.append(...[...this.sessions.values()].filter((session) => !before.has(session.id)).map((session) => this.row(session)));
    this.moreIfNear();
  }

  moreIfNear() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    if (scrollHeight - scrollTop - clientHeight < NEAR) this.more();
  }

  /** @param {{items: Session[], cursor: string | null}} page */
  add({ items, cursor }) {
    for (const session of items) if (!this.sessions.has(session.id)) this.sessions.set(session.id, session);
    this.cursor = cursor;
    this.whole = cursor === null;
  }

  /** @param {Session} session */
  fits(session) {
    return session.archived === this.archived && !session.incognito && [null, session.folder].includes(this.folders.chosen);
  }

  /** A conversation is new, or another now: it takes its place. @param {Session} session */
  update(session) {
    const known = this.sessions.get(session.id);
    if (known && known.revision >= session.revision) return;
    this.folders.refresh();
    if (!this.fits(session)) return this.takeOut([session.id]);
    const focused = this.rows.querySelector(`[data-id="${CSS.escape(session.id)}"] a`) === document.activeElement;
    this.sessions.delete(session.id);
    const next = [...this.sessions.values()].find((other) => isBefore(session, other));
    if (!next && !this.whole) return this.takeOut([session.id]);
    this.sessions = new Map([...this.sessions].flatMap((entry) => (entry[0] === next?.id ? [[session.id, session], entry] : [entry])));
    if (!next) this.sessions.set(session.id, session);
    this.rowElement(session.id)?.remove();
    const row = this.row(session);
    this.rows.insertBefore(row, next ? this.rowElement(next.id) : null);
    if (focused) row.querySelector("a")?.focus();
    this.drawHead();
  }

  /** Takes rows out; the focus goes to the neighbour. @param {string[]} ids */
  takeOut(ids) {
    for (const id of ids) {
      const row = this.rowElement(id);
      const neighbour = row?.nextElementSibling ?? row?.previousElementSibling;
      if (row?.contains(document.activeElement)) neighbour?.querySelector("a")?.focus();
      row?.remove();
      this.sessions.delete(id);
      this.selected?.delete(id);
    }
    this.folders.refresh();
    this.drawHead();
    this.moreIfNear();
  }

  draw() {
    fill(this.rows, [...this.sessions.values()].map((session) => this.row(session)));
    this.drawHead();
  }

  drawHead() {
    const empty = this.sessions.size === 0 && this.whole;
    this.rows.parentElement.classList.toggle("selecting", this.selected !== null);
    this.note.textContent = !empty ? "" : this.archived ? "The archive is empty." : this.folders.chosen ? "This folder is empty." : "No conversations yet.";
    if (this.selected) fill(this.head, this.bulk(this.selected));
    else fill(this.head, h("h2", {}, this.folders.button()),
      tool("select", "Select several", () => this.select(new Set()), { class: "small", disabled: this.sessions.size === 0 }));
  }

  /** @param {Session} session */
  row(session) {
    return rowOf(session, {
      selecting: this.selected !== null,
      selected: this.selected?.has(session.id) ?? false,
      current: here().id === session.id,
      choose: (chosen, event) => this.choose(chosen, event),
    });
  }

  /** @param {string} id @returns {HTMLElement | null} */
  rowElement(id) {
    return this.rows.querySelector(`[data-id="${CSS.escape(id)}"]`);
  }

  mark() {
    for (const link of this.rows.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
    const { id } = here();
    if (id) this.rowElement(id)?.querySelector("a")?.setAttribute("aria-current", "page");
  }

  // Selecting many

  /** @param {Set<string> | null} selected */
  select(selected) {
    const focused = document.activeElement?.closest("[data-id]")?.getAttribute("data-id");
    this.selected = selected;
    this.draw();
    if (focused) this.rowElement(focused)?.querySelector("a")?.focus();
    else if (selected) this.rows.querySelector("input")?.focus();
  }

  /** @param {Session} session @param {Event} event */
  choose(session, event) {
    const selected = this.selected ?? new Set();
    const ids = [...this.sessions.keys()];
    const from = ids.indexOf(this.lastChosen);
    const to = ids.indexOf(session.id);
    const on = !selected.has(session.id);
    const range = /** @type {MouseEvent} */ (event).shiftKey && from >= 0 ? ids.slice(Math.min(from, to), Math.max(from, to) + 1) : [session.id];
    for (const id of range) on ? selected.add(id) : selected.delete(id);
    this.lastChosen = session.id;
    for (const id of range) {
      const box = /** @type {HTMLInputElement | null} */ (this.rowElement(id)?.querySelector("input"));
      if (box) box.checked = on;
    }
    this.drawHead();
    say(`${counted(selected.size, "conversation")} selected`);
  }

  /** @param {Set<string>} selected */
  bulk(selected) {
    const chosen = () => [...selected].map((id) => this.sessions.get(id)).filter((session) => session !== undefined);
    const act = (/** @type {(sessions: Session[]) => any} */ verb) => async () => {
      const sessions = chosen();
      this.select(null);
      await verb(sessions);
    };
    const none = { class: "small", disabled: selected.size === 0 };
    return h("div", { class: "bulk", role: "toolbar", "aria-label": "Selected conversations" },
      tool("close", "Stop selecting", () => this.select(null), { class: "small" }),
      h("span", {}, `${selected.size} selected`),
      tool("folder", "Move to a folder", act(askFolder), none),
      tool("archive", this.archived ? "Take out of the archive" : "Archive", act((sessions) => archive(sessions, !this.archived)), none),
      tool("trash", "Move to the trash", act(discard), none));
  }

  // Pointer and keyboard

  /** @param {MouseEvent} event */
  onClick(event) {
    const session = this.sessionAt(event.target);
    if (!session || !(/** @type {Element} */ (event.target)).closest("a")) return;
    if (this.selected || event.ctrlKey || event.metaKey || event.shiftKey) {
      event.preventDefault();
      event.stopPropagation();
      if (!this.selected) this.select(new Set());
      this.choose(session, event);
    }
  }

  /** @param {MouseEvent} event */
  onContext(event) {
    const session = this.sessionAt(event.target);
    const button = session && this.rowElement(session.id)?.querySelector("button");
    if (!session || !button || event.shiftKey) return;
    event.preventDefault();
    openMenu(button, menuOf(session));
  }

  /** @param {DragEvent} event */
  onDrag(event) {
    const session = this.sessionAt(event.target);
    if (!session || !event.dataTransfer) return;
    const ids = this.selected?.has(session.id) ? [...this.selected] : [session.id];
    event.dataTransfer.setData("application/x-ithaca-sessions", JSON.stringify(ids));
    event.dataTransfer.effectAllowed = "move";
  }

  /** @param {string[]} ids @param {string | null} folder */
  drop(ids, folder) {
    const sessions = ids.map((id) => this.sessions.get(id)).filter((session) => session && session.folder !== folder);
    if (this.selected) this.select(null);
    if (sessions.length) move(/** @type {Session[]} */ (sessions), folder);
  }

  /** @param {EventTarget | null} target @returns {Session | undefined} */
  sessionAt(target) {
    const row = target instanceof Element ? target.closest("[data-id]") : null;
    return this.sessions.get(row?.getAttribute("data-id") ?? "");
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const session = this.sessionAt(event.target);
    if (!session || event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = /** @type {Record<string, () => any>} */ ({
      ArrowDown: () => this.step(session.id, 1),
      ArrowUp: () => this.step(session.id, -1),
      Home: () => this.rows.querySelector("a")?.focus(),
      End: () => this.rows.lastElementChild?.querySelector("a")?.focus(),
      Delete: () => discard([session]),
      F2: () => askName(session),
      s: () => star(session),
      e: () => archive([session], !session.archived),
      m: () => askFolder([session]),
      x: () => {
        if (!this.selected) this.select(new Set());
        this.choose(session, event);
      },
    });
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  /** @param {string} id @param {number} by */
  step(id, by) {
    const row = this.rowElement(id);
    const next = by > 0 ? row?.nextElementSibling : row?.previousElementSibling;
    next?.querySelector("a")?.focus();
  }
}

/** Whether one stands before another in the list. @param {Session} one @param {Session} other */
function isBefore(one, other) {
  if (one.is_important !== other.is_important) return one.is_important;
  return (one.last_message_at ?? one.created_at) >= (other.last_message_at ?? other.created_at);
}
