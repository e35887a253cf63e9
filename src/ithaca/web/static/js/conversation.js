// A conversation: its head, its history, and what is done within it.

import { change, menuOf, rename } from "./actions.js";
import { get, part, Problem, send } from "./api.js";
import { bare, toTrash, unopened } from "./bare.js";
import { compact } from "./compacting.js";
import { beside, fill, h, icon, tool } from "./dom.js";
import { Answering } from "./answering.js";
import { Composer } from "./composer.js";
import { Documents } from "./documents.js";
import { History } from "./history.js";
import { messageElement } from "./message.js";
import { edit, goOnEditing } from "./editing.js";
import { messageMenu, messageTools, versionChooser } from "./messages.js";
import { showMeter } from "./meter.js";
import { chooseModel, usualModel } from "./models.js";
import { openMenu } from "./menus.js";
import { hear, tell } from "./news.js";
import { go, sessionPath } from "./places.js";
import { counted, longTime, number } from "./times.js";
import { attempt, fail } from "./toasts.js";

/** @typedef {import("./types.js").Session} Session */
/** @typedef {import("./types.js").Message} Message */

/** On a touch screen, the focus would bring up a keyboard that nobody asked for. */
const touch = matchMedia("(hover: none)");

export class Conversation {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    /** @type {Session | null} */
    this.session = null;
    this.id = "";
    this.choice = /** @type {import("./models.js").Choice | null} */ (null);
    this.answering = new Answering(this);
    this.composer = new Composer({
      send: (message) => this.send(message),
      stop: () => this.answering.stop(),
      pickModel: () => this.pickModel(),
      compact: () => this.compact(),
      editLast: () => this.editLast(),
    });
    this.documents = new Documents(() => this.showDocuments(false));
    hear("answered", (id) => id === this.id && this.refresh());
    hear("session", (session) => session.id === this.id && this.update(session));
    hear("gone", (ids) => ids.includes(this.id) && this.element?.isConnected && this.showGone());
    hear("back", () => this.element?.isConnected && this.id && this.refresh());
    hear("all", () => this.element?.isConnected && this.refresh());
    hear("messages", (id) => id === this.id && this.refresh());
  }

  /** @param {string} id @param {string} [message] the id of one to open at */
  async open(id, message) {
    this.answering.leave();
    this.id = id;
    this.session = null;
    const focused = document.activeElement;
    const history = new History((query) => this.load(query), (each) => this.draw(each), () => this.moved());
    this.history = history;
    try {
      const [session, seq] = await Promise.all([get(`sessions/${part(id)}`), message ? this.seqOf(message) : null]);
      if (this.history !== history) return;
      this.session = session;
      this.build();
      this.composer.open(id);
      this.drawModel();
      // Only for who has done nothing else meanwhile.
      const waiting = document.activeElement === focused || document.activeElement === document.body;
      if (message === undefined && waiting && !touch.matches) this.composer.focus();
      await (seq === null ? history.openAtEnd() : history.openAt(seq));
      await this.answering.check();
    } catch (error) {
      if (this.history === history) this.showError(error);
    }
  }

  /** Another view is shown in its place; what is written stays. */
  close() {
    this.answering.leave();
    this.composer.save();
    this.id = "";
  }

  /** A conversation that begins with what is written first. */
  async openNew() {
    this.answering.leave();
    this.id = "";
    this.session = null;
    this.history = undefined;
    document.title = "New conversation · Ithaca";
    const words = h("div", { class: "greeting" }, h("h1", {}, "What is on your mind?"), h("p", { class: "muted" }, "What you write is kept, found again, and never lost by mistake."));
    this.head = h("header", { class: "head bare" }, tool("left", "Back to the list", () => go(""), { class: "back" }));
    this.element = h("section", { class: "conversation new", "aria-label": "New conversation" }, this.head, words, this.composer.element);
    fill(this.place, this.element);
    this.composer.open("new");
    if (!touch.matches) this.composer.focus();
    this.choosing = usualModel();
    this.choice = await this.choosing;
    this.drawModel();
  }

  /** @param {any} message @returns {Promise<string | null>} the id of the conversation in which it was stored */
  async send(message) {
    const place = this.session ?? this.choice ?? (await this.choosing);
    if (!place?.endpoint_url && !(await this.pickModel())) return null;
    if (!this.session) return this.begin(message);
    const { id } = this.session;
    return (await this.answering.send(message)) ? id : null;
  }

  /** Makes the conversation, and says the first thing in it. @param {any} message */
  async begin(message) {
    const session = await send("sessions", { ...this.choice });
    // What was written belongs to the conversation from here on, whatever comes of asking.
    this.composer.move("new", session.id);
    tell("session", session);
    try {
      await send(`sessions/${part(session.id)}/replies`, { message });
      return session.id;
    } catch (error) {
      fail(error);
      return null;
    } finally {
      if (this.composer.id === session.id) go(sessionPath(session.id), { replace: true });
    }
  }

  /** @returns {Promise<boolean>} whether one was chosen */
  async pickModel() {
    const chosen = await chooseModel(this.session ?? this.choice);
    if (!chosen) return false;
    this.choice = chosen;
    if (this.session) await attempt(() => change(this.id, chosen));
    this.drawModel();
    return true;
  }

  drawModel() {
    this.composer.setModel((this.session ?? this.choice)?.model ?? "");
    this.composer.shorten.hidden = this.session === null;
    if (this.session) showMeter(this.composer.meter, this.session);
    else fill(this.composer.meter);
  }

  /** Has what was said before summed up, if a conversation is shown. */
  compact() {
    if (this.session && this.id) compact(this.session);
  }

  editLast() {
    const mine = this.history?.messages.findLast((message) => message.role === "user");
    if (mine) edit(this, mine);
  }

  /** @param {string} message */
  async seqOf(message) {
    try {
      return (await get(`sessions/${part(this.id)}/messages/${part(message)}`, { attachments: "reference" })).seq;
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return null;
      throw error;
    }
  }

  /** @param {Record<string, any>} query @returns {Promise<Message[]>} */
  async load(query) {
    return (await get(`sessions/${part(this.id)}/messages`, { ...query, attachments: "reference", rendered: true })).items;
  }

  /** @param {Message} message */
  draw(message) {
    const item = messageElement(message, {
      menu: (each) => messageMenu(this, each),
      tools: (each) => messageTools(this, each),
      versions: (each) => versionChooser(this, each),
    });
    goOnEditing(this, message, item);
    return item;
  }

  build() {
    this.head = h("header", { class: "head" });
    this.toEnd = h("button", { type: "button", class: "button to-end", hidden: true, onclick: () => this.history?.last ? this.history.toBottom() : this.history?.openAtEnd() },
      icon("down"), h("span", {}, "To the end"));
    this.element = h("section", { class: "conversation", "aria-label": "Conversation" }, this.head, this.history?.element, h("div", { class: "foot" }, this.toEnd, this.composer.element));
    if (this.withDocuments) this.showDocuments(true);
    fill(this.place, this.element);
    this.drawHead();
  }

  /** @param {boolean} shown */
  showDocuments(shown) {
    this.withDocuments = shown;
    this.element?.classList.toggle("with-documents", shown);
    if (shown) {
      this.element?.append(this.documents.element);
      this.documents.open(this.id).then(() => this.documents.element.querySelector("button")?.focus({ preventScroll: true }));
    } else {
      this.documents.element.remove();
      /** @type {HTMLElement | null} */ (this.head?.querySelector("[data-documents]"))?.focus();
    }
    this.head?.querySelector("[data-documents]")?.setAttribute("aria-expanded", String(shown));
  }

  drawHead() {
    const { session } = this;
    if (!session || !this.head) return;
    document.title = `${session.name} · Ithaca`;
    const facts = beside(session.model, session.folder, counted(session.message_count, "message"), session.archived && "archived");
    fill(this.head,
      tool("left", "Back to the list", () => go(""), { class: "back" }),
      h("div", { class: "titles" },
        h("h1", {}, h("button", { type: "button", title: "Rename", dir: "auto", onclick: () => this.editName() }, session.name || "Untitled")),
        h("p", { class: "facts", title: `Begun ${longTime(session.created_at)}` }, facts)),
      tool("page", "Documents", () => this.showDocuments(!this.withDocuments), { "aria-expanded": String(Boolean(this.withDocuments)), "data-documents": true }),
      tool(session.is_important ? "starred" : "star", session.is_important ? "Remove the star" : "Star",
        () => change(session.id, { is_important: !session.is_important }).catch(fail), { class: "spare" }),
      tool("more", "Actions for this conversation", (event) => openMenu(/** @type {HTMLElement} */ (event.currentTarget), menuOf(session, [{ icon: "compact", label: "Compact…", act: () => this.compact() }])),
        { "aria-haspopup": "menu", "aria-expanded": "false" }));
  }

  /** Renames in place. */
  editName() {
    const { session } = this;
    const title = this.head?.querySelector("h1");
    if (!session || !title) return;
    let done = false;
    const end = (/** @type {boolean} */ save) => {
      if (done) return;
      done = true;
      const name = field.value.trim();
      this.drawHead();
      /** @type {HTMLElement | null} */ (this.head?.querySelector("h1 button"))?.focus();
      if (save && name && name !== session.name) rename(session, name);
    };
    const field = h("input", { value: session.name, "aria-label": "Name", dir: "auto", maxlength: 300, onblur: () => end(true),
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        event.stopPropagation();
        if (event.key !== "Enter" && event.key !== "Escape") return;
        event.preventDefault(); // or else the heading, which gets the focus, would be pressed by it
        end(event.key === "Enter");
      } });
    fill(title, field);
    field.select();
  }

  /** @param {Session} session */
  update(session) {
    if (!this.session || session.revision < this.session.revision) return;
    const renaming = this.head?.contains(document.activeElement) && document.activeElement instanceof HTMLInputElement;
    this.session = session;
    if (!renaming) this.drawHead();
    this.drawModel();
    this.answering.check();
  }

  async refresh() {
    if (!this.session || !this.head?.isConnected) return this.id && this.open(this.id);
    const session = await get(`sessions/${part(this.id)}`).catch(fail);
    if (session) this.update(session);
    if (!this.answering.running) await this.history?.refresh().catch(fail);
    await this.answering.check();
  }

  moved() {
    const { history, toEnd, session } = this;
    if (!history || !toEnd || !session) return;
    const away = history.element.scrollHeight - history.element.scrollTop - history.element.clientHeight > 600;
    toEnd.hidden = history.last && !away;
    const seq = toEnd.hidden || session.message_count < 100 ? null : history.seqInView();
    const words = seq === null ? "To the end" : `${number(seq)} of ${number(Math.max(session.message_count, seq))} · to the end`;
    toEnd.lastElementChild.textContent = words;
  }

  showGone() {
    this.answering.leave();
    this.element = bare("In the trash", h("p", {}, "This conversation was moved to the trash. It can be brought back from there."), toTrash());
    fill(this.place, this.element);
    document.title = "Ithaca";
  }

  /** @param {any} error */
  showError(error) {
    this.element = unopened("conversation", error, () => this.open(this.id));
    fill(this.place, this.element);
  }
}
