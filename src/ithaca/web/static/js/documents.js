// Documents beside a conversation: the list of them, and one that is read, edited, compared.

import { get, post } from "./api.js";
import { promptFor } from "./dialogs.js";
import { DocumentView } from "./document.js";
import { fill, h, tool } from "./dom.js";
import { told } from "./heads.js";
import { attach, chooseDocument, discard } from "./shelving.js";
import { attempt } from "./toasts.js";

/** @typedef {{id: string, title: string, language: string | null, version: number, revision: number, updated_at: string, content: string | null, session_id: string | null}} Document */

export class Documents {
  /** @param {() => void} close */
  constructor(close) {
    this.close = close;
    this.sessionId = "";
    this.element = h("section", { class: "documents", "aria-label": "Documents", onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      event.preventDefault();
      event.stopPropagation();
      this.view ? this.open(this.sessionId) : close();
    } });
  }

  /** Shows the documents of a conversation. @param {string} sessionId */
  async open(sessionId) {
    this.sessionId = sessionId;
    this.view = null;
    const found = await attempt(() => get("documents", { session_id: sessionId, limit: 100 }));
    if (!found || sessionId !== this.sessionId) return;
    fill(this.element,
      h("header", { class: "panel-head" }, h("h2", {}, "Documents"), tool("search", "Put one that there is beside this conversation", () => this.add()), tool("plus", "New document", () => this.make()), tool("close", "Close the documents", this.close)),
      found.items.length
        ? h("ul", { class: "entries" }, found.items.map((/** @type {Document} */ each) => this.entry(each)))
        : h("p", { class: "list-note" }, "None yet. A document keeps every version of its text; it outlives the conversation."));
  }

  /** @param {Document} document */
  entry(document) {
    return h("li", {},
      h("button", { type: "button", class: "what", onclick: () => this.show(document.id) }, told(document)),
      tool("trash", `Move ${document.title} to the trash`, () => discard(document, () => this.open(this.sessionId))));
  }

  async make() {
    const title = await promptFor("New document", "Title", "");
    if (!title) return;
    const made = await attempt(() => post("documents", { title, language: "markdown", session_id: this.sessionId, source: "user" }));
    if (made) await this.show(made.id, true);
  }

  /** @param {string} id @param {boolean} [edit] */
  async show(id, edit = false) {
    this.view = new DocumentView(id, () => this.open(this.sessionId), this.close);
    fill(this.element, this.view.element);
    await this.view.load();
    if (edit) this.view.edit();
    else this.element.querySelector("button")?.focus();
  }

  /** Puts one that there is beside the conversation. */
  async add() {
    const { sessionId } = this;
    const chosen = await chooseDocument(sessionId);
    if (chosen) await attach(chosen, sessionId, () => this.open(this.sessionId));
  }
}
