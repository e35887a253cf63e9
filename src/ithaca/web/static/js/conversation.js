// A conversation: its head, its history, and what is done within it.

import { change, menuOf, rename } from "./actions.js";
import { get, part, Problem } from "./api.js";
import { fill, h, icon, tool } from "./dom.js";
import { History } from "./history.js";
import { messageElement } from "./message.js";
import { messageMenu, versionChooser } from "./messages.js";
import { openMenu } from "./menus.js";
import { hear } from "./news.js";
import { go } from "./places.js";
import { counted, longTime, number } from "./times.js";
import { fail } from "./toasts.js";

/** @typedef {import("./types.js").Session} Session */
/** @typedef {import("./types.js").Message} Message */

export class Conversation {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    /** @type {Session | null} */
    this.session = null;
    this.id = "";
    hear("session", (session) => session.id === this.id && this.update(session));
    hear("gone", (ids) => ids.includes(this.id) && this.element?.isConnected && this.showGone());
    hear("back", () => this.element?.isConnected && this.id && this.open(this.id));
    hear("all", () => this.element?.isConnected && this.refresh());
    hear("messages", (id) => id === this.id && this.refresh());
  }

  /** @param {string} id @param {string} [message] the id of one to open at */
  async open(id, message) {
    this.id = id;
    this.session = null;
    const history = new History((query) => this.load(query), (each) => this.draw(each), () => this.moved());
    this.history = history;
    try {
      const [session, seq] = await Promise.all([get(`sessions/${part(id)}`), message ? this.seqOf(message) : null]);
      if (this.history !== history) return;
      this.session = session;
      this.build();
      await (seq === null ? history.openAtEnd() : history.openAt(seq));
    } catch (error) {
      if (this.history === history) this.showError(error);
    }
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
    return messageElement(message, {
      menu: (each) => messageMenu(this, each),
      versions: (each) => versionChooser(this, each),
    });
  }

  build() {
    this.head = h("header", { class: "head" });
    this.toEnd = h("button", { type: "button", class: "button to-end", hidden: true, onclick: () => this.history?.last ? this.history.toBottom() : this.history?.openAtEnd() },
      icon("down"), h("span", {}, "To the end"));
    this.element = h("section", { class: "conversation", "aria-label": "Conversation" }, this.head, this.history?.element, this.toEnd);
    fill(this.place, this.element);
    this.drawHead();
  }

  drawHead() {
    const { session } = this;
    if (!session || !this.head) return;
    document.title = `${session.name} · Ithaca`;
    const facts = [session.model, session.folder, counted(session.message_count, "message"), session.archived && "archived"].filter(Boolean).join(" · ");
    fill(this.head,
      tool("left", "Back to the list", () => go(""), { class: "back" }),
      h("div", { class: "titles" },
        h("h1", {}, h("button", { type: "button", title: "Rename", dir: "auto", onclick: () => this.editName() }, session.name || "Untitled")),
        h("p", { class: "facts", title: `Begun ${longTime(session.created_at)}` }, facts)),
      tool(session.is_important ? "starred" : "star", session.is_important ? "Remove the star" : "Star",
        () => change(session.id, { is_important: !session.is_important }).catch(fail)),
      tool("more", "Actions for this conversation", (event) => openMenu(/** @type {HTMLElement} */ (event.currentTarget), menuOf(session)),
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
  }

  async refresh() {
    if (!this.session || !this.head?.isConnected) return this.id && this.open(this.id);
    const session = await get(`sessions/${part(this.id)}`).catch(fail);
    if (session) this.update(session);
    await this.history?.refresh().catch(fail);
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
    this.element = h("div", { class: "empty" }, h("h1", {}, "In the trash"), h("p", {}, "This conversation was moved to the trash. It can be brought back from there."),
      h("p", {}, h("a", { href: "trash", "data-go": true }, "Open the trash")));
    fill(this.place, this.element);
    document.title = "Ithaca";
  }

  /** @param {any} error */
  showError(error) {
    const missing = error instanceof Problem && error.status === 404;
    this.element = h("div", { class: "empty" }, h("h1", {}, missing ? "Not here" : "It could not be opened"),
      h("p", {}, missing ? "There is no such conversation. It may be in the trash." : error.message),
      missing ? h("p", {}, h("a", { href: "trash", "data-go": true }, "Open the trash"))
        : h("p", {}, h("button", { type: "button", class: "button", onclick: () => this.open(this.id) }, "Try again")));
    fill(this.place, this.element);
  }
}
