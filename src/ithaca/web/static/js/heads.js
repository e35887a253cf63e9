// The documents of a person without their texts: pages as they are scrolled to, and all of them once one is looked for.

import { get, part } from "./api.js";
import { beside, h, icon } from "./dom.js";
import { counted, shortTime } from "./times.js";

/** @typedef {import("./documents.js").Document} Document */

const PAGE = 60;
const MOST = 500;

export class Heads {
  /** @param {boolean} archived */
  constructor(archived) {
    this.archived = archived;
    /** @type {Document[]} */
    this.items = [];
    /** @type {string | null} */
    this.cursor = null;
    this.begun = false;
  }

  get all() {
    return this.begun && this.cursor === null;
  }

  /** The next page. @param {number} [limit] @returns {Promise<Document[]>} */
  async more(limit = PAGE) {
    if (this.all) return [];
    const page = await get("documents", { archived: this.archived, cursor: this.cursor, limit });
    this.begun = true;
    this.cursor = page.cursor ?? null;
    this.items.push(...page.items);
    return page.items;
  }

  /** Those with these words in their titles, whatever their case and accents. @param {string} words */
  async titled(words) {
    while (!this.all) await this.more(MOST);
    const wanted = plain(words).split(/\s+/);
    return this.items.filter((each) => wanted.every((word) => plain(each.title).includes(word)));
  }
}

/** @param {string} text */
function plain(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
}

/** What is told of a document in a list. @param {Document} document */
export function told(document) {
  return [icon("page"), h("span", {}, h("b", { dir: "auto" }, document.title || "Untitled"),
    h("span", { class: "muted small" }, beside(document.language, counted(document.version, "version"), shortTime(document.updated_at))))];
}

/** The address of one in the page. @param {string} id */
export const documentPath = (id) => `documents/${part(id)}`;
