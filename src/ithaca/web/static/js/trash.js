// The trash: what was removed, operation by operation, with the way back and the end of the way.

import { restore } from "./actions.js";
import { get, part, remove } from "./api.js";
import { confirm } from "./dialogs.js";
import { fill, h, icon, tool } from "./dom.js";
import { hear } from "./news.js";
import { go } from "./places.js";
import { counted, longTime, shortTime } from "./times.js";
import { attempt, toast } from "./toasts.js";

const WORDS = /** @type {Record<string, string>} */ ({
  "delete session": "Conversation deleted", "delete sessions": "Conversations deleted", "delete messages": "Messages deleted",
  "edit message": "Message edited", "truncate messages": "Messages after a point removed", "replace messages": "Messages replaced",
  "delete document": "Document deleted", "clean up": "Empty conversations cleaned up", compact: "Summary", undo: "What an undo displaced",
});

export class Trash {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    /** @type {string | null} */
    this.cursor = null;
    this.list = h("ul", { class: "entries" });
    this.end = h("div", {});
    hear("gone", () => this.list.isConnected && this.open());
    hear("back", () => this.list.isConnected && this.open());
  }

  async open() {
    document.title = "Trash · Ithaca";
    this.cursor = null;
    const page = await this.page();
    if (!page) return;
    fill(this.place, h("section", { class: "view", tabindex: "0", "aria-labelledby": "trash-title" },
      h("header", {}, tool("left", "Back to the list", () => go(""), { class: "back" }), h("h1", { id: "trash-title" }, "Trash")),
      page.items.length === 0
        ? h("p", { class: "muted" }, "The trash is empty. What you delete or edit waits here until it is purged.")
        : h("p", { class: "muted small" }, "What you delete or edit waits here, and can be brought back until it is purged."),
      this.list, this.end));
    fill(this.list, page.items.map((/** @type {any} */ entry) => this.entry(entry)));
    new IntersectionObserver((seen) => seen[0].isIntersecting && this.more()).observe(this.end);
  }

  /** @returns {Promise<any>} */
  async page() {
    const page = await attempt(() => get("trash", { cursor: this.cursor, limit: 60 }));
    this.cursor = page?.cursor ?? null;
    return page;
  }

  async more() {
    if (this.cursor === null) return;
    const page = await this.page();
    this.list.append(...(page?.items ?? []).map((/** @type {any} */ entry) => this.entry(entry)));
  }

  /** @param {any} entry */
  entry(entry) {
    const counts = [["sessions", "conversation"], ["messages", "message"], ["documents", "document"]]
      .filter(([field]) => entry[field]).map(([field, thing]) => counted(entry[field], thing)).join(", ");
    const name = entry.name ?? WORDS[entry.kind] ?? entry.kind;
    const facts = [entry.name && (WORDS[entry.kind] ?? entry.kind), counts].filter(Boolean).join(" · ");
    const item = h("li", {},
      h("div", { class: "what" }, h("b", { dir: "auto" }, name), h("p", {}, facts, " · ", h("time", { datetime: entry.created_at, title: longTime(entry.created_at) }, shortTime(entry.created_at)))),
      h("span", { class: "deeds" },
        h("button", { type: "button", class: "button", onclick: () => this.restore(entry, name) }, icon("undo"), "Restore"),
        tool("close", `Erase ${name} for good`, () => this.erase(entry, name, item), { title: "Erase for good" })));
    return item;
  }

  /** @param {any} entry @param {string} name */
  restore(entry, name) {
    return attempt(async () => {
      await restore(entry.id);
      toast(`Restored: ${name}.`);
    });
  }

  /** @param {any} entry @param {string} name @param {HTMLElement} item */
  async erase(entry, name, item) {
    if (!(await confirm("Erase for good?", `“${name}” cannot be brought back afterwards.`, "Erase"))) return;
    await attempt(async () => {
      await remove(`trash/${part(entry.id)}`);
      item.remove();
    });
  }
}
