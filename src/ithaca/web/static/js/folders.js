// The folders, folded under the list's heading: one is chosen by a click, and conversations are dropped on them.

import { get } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { attempt } from "./toasts.js";

/** @typedef {{name: string, sessions: number}} Folder */

export class FolderList {
  /** @param {(folder: string | null) => void} choose @param {(ids: string[], folder: string | null) => void} drop */
  constructor(choose, drop) {
    this.choose = choose;
    this.drop = drop;
    /** @type {string | null} */
    this.chosen = null;
    this.archived = false;
    /** @type {Folder[]} */
    this.folders = [];
    this.unfolded = localStorage.getItem("ithaca-folders") !== "folded";
    this.element = h("div", { class: "folders", id: "folders", role: "group", "aria-label": "Folders" });
  }

  /** @param {boolean} archived @param {string | null} folder */
  show(archived, folder) {
    this.archived = archived;
    this.chosen = folder;
    this.draw();
    this.refresh();
  }

  /** Asks again which there are, soon: many changes are asked for once. */
  refresh() {
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      const found = await attempt(() => get("folders", { archived: this.archived }));
      if (!found) return;
      this.folders = found.items;
      this.draw();
    }, 60);
  }

  /** The heading of the list, which folds the folders away. */
  button() {
    const words = this.chosen ?? (this.archived ? "Archive" : "All conversations");
    this.heading = h("span", { dir: "auto" }, words);
    this.fold = h("button", { type: "button", class: "folder-button", "aria-expanded": String(this.unfolded), "aria-controls": "folders", onclick: () => this.toggle() },
      this.heading, icon(this.unfolded ? "fold" : "unfold"));
    this.fold.hidden = false;
    return this.fold;
  }

  toggle() {
    this.unfolded = !this.unfolded;
    localStorage.setItem("ithaca-folders", this.unfolded ? "unfolded" : "folded");
    this.fold?.setAttribute("aria-expanded", String(this.unfolded));
    this.fold?.querySelector("svg")?.replaceWith(icon(this.unfolded ? "fold" : "unfold"));
    this.draw();
  }

  draw() {
    const focused = this.element.contains(document.activeElement) ? document.activeElement?.getAttribute("data-folder") : null;
    this.element.hidden = !this.unfolded || (this.folders.length === 0 && this.chosen === null);
    const all = this.entry(null, this.archived ? "Archive" : "All conversations", null);
    fill(this.element, all, this.folders.map((folder) => this.entry(folder.name, folder.name, folder.sessions)));
    if (focused !== null) /** @type {HTMLElement | null} */ (this.element.querySelector(`[data-folder="${CSS.escape(focused ?? "")}"]`))?.focus();
  }

  /** @param {string | null} folder @param {string} label @param {number | null} count */
  entry(folder, label, count) {
    const button = h("button", { type: "button", "aria-pressed": String(folder === this.chosen), "data-folder": folder ?? "", onclick: () => this.choose(folder) },
      icon(folder === null ? "talk" : "folder"), h("span", { dir: "auto" }, label), count !== null && h("span", { class: "muted" }, String(count)));
    this.makeTarget(button, folder);
    return button;
  }

  /** @param {HTMLElement} button @param {string | null} folder */
  makeTarget(button, folder) {
    button.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("application/x-ithaca-sessions")) return;
      event.preventDefault();
      button.classList.add("over");
    });
    button.addEventListener("dragleave", () => button.classList.remove("over"));
    button.addEventListener("drop", (event) => {
      event.preventDefault();
      button.classList.remove("over");
      const ids = event.dataTransfer?.getData("application/x-ithaca-sessions");
      if (ids) this.drop(JSON.parse(ids), folder);
    });
  }
}
