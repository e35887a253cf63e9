// All documents, of whichever conversation: found by their titles, opened, archived, thrown away.

import { unopened } from "./bare.js";
import { fill, h, say, tool } from "./dom.js";
import { DocumentView } from "./document.js";
import { documentPath, Heads, told } from "./heads.js";
import { openMenu } from "./menus.js";
import { hear } from "./news.js";
import { go, here, sessionPath } from "./places.js";
import { archive, attach, discard } from "./shelving.js";
import { counted } from "./times.js";
import { attempt } from "./toasts.js";

/** @typedef {import("./documents.js").Document} Document */

export class Library {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    this.archived = false;
    this.words = "";
    this.list = h("ul", { class: "entries" });
    this.note = h("p", { class: "muted" });
    this.end = h("div", {});
    hear("back", () => this.list.isConnected && this.draw());
  }

  async open() {
    const { id } = here();
    document.title = "Documents · Ithaca";
    if (id) return this.openOne(id);
    this.field = h("input", { class: "field", type: "search", placeholder: "Title", "aria-label": "Search documents by title", dir: "auto", value: this.words, oninput: () => this.draw() });
    this.field.value = this.words;
    const put = h("button", { type: "button", class: "button", "aria-pressed": String(this.archived), onclick: () => {
      this.archived = !this.archived;
      put.setAttribute("aria-pressed", String(this.archived));
      this.draw();
    } }, "Archived");
    fill(this.place, h("section", { class: "view library", tabindex: "0", "aria-labelledby": "library-title" },
      h("header", {}, tool("left", "Back to the list", () => go(""), { class: "back" }), h("h1", { id: "library-title" }, "Documents")),
      h("div", { class: "filters" }, this.field, put), this.note, this.list, this.end));
    new IntersectionObserver((seen) => seen[0].isIntersecting && this.more()).observe(this.end);
    await this.draw();
  }

  /** @param {string} id */
  async openOne(id) {
    const view = new DocumentView(id, () => go("documents"));
    fill(this.place, h("section", { class: "one-document", "aria-label": "Document" }, view.element));
    try {
      await view.read();
      document.title = `${view.document?.title || "Untitled"} · Ithaca`;
    } catch (error) {
      fill(this.place, unopened("document", error, () => this.openOne(id)));
    }
  }

  /** Shows what there is now, under what is looked for. */
  async draw() {
    const words = (this.words = this.field.value);
    const heads = new Heads(this.archived);
    this.heads = heads;
    const found = await attempt(() => (words.trim() ? heads.titled(words) : heads.more()));
    if (!found || heads !== this.heads) return;
    fill(this.list, found.map((each) => this.entry(each)));
    const none = this.archived ? "No document is archived." : "None yet. A document is begun beside a conversation, and outlives it.";
    this.note.textContent = found.length ? "" : words.trim() ? "No title has these words." : none;
    if (words.trim()) say(`${counted(found.length, "document")} found`);
  }

  async more() {
    const { heads } = this;
    if (!heads?.begun || heads.all || this.words.trim()) return;
    const page = await attempt(() => heads.more());
    if (heads === this.heads) this.list.append(...(page ?? []).map((each) => this.entry(each)));
  }

  /** @param {Document} document */
  entry(document) {
    const { session_id: home } = document;
    const drawn = () => this.draw();
    const menu = () => [
      ...(home === null ? [] : [
        { icon: "talk", label: "Open its conversation", act: () => go(sessionPath(home)) },
        { icon: "close", label: "Take out of its conversation", act: () => attach(document, null, drawn) }]),
      { icon: "archive", label: this.archived ? "Take out of the archive" : "Archive", act: () => archive(document, !this.archived, drawn) },
      null,
      { icon: "trash", label: "Move to the trash", warning: true, act: () => discard(document, drawn) },
    ];
    return h("li", {}, h("a", { class: "what", href: documentPath(document.id), "data-go": true }, told(document)),
      tool("more", `Actions for ${document.title}`, (event) => openMenu(/** @type {HTMLElement} */ (event.currentTarget), menu()), { "aria-haspopup": "menu", "aria-expanded": "false" }));
  }
}
