// One document: as it is or was, what has changed, and its text to be edited.

import { every, get, part, patch, post, Problem } from "./api.js";
import { promptFor } from "./dialogs.js";
import { lineDiff } from "./diff.js";
import { fill, h, icon, tool } from "./dom.js";
import { draftOf, dropDraft, keepChanges, keepDraft } from "./drafts.js";
import { openMenu } from "./menus.js";
import { copier, rich } from "./said.js";
import { shortTime } from "./times.js";
import { attempt, toast } from "./toasts.js";

/** @typedef {import("./documents.js").Document} Document */
/** @typedef {{version: number, title: string, summary: string | null, source: string | null, created_at: string, content: string | null}} Version */

const SOURCES = /** @type {Record<string, string>} */ ({ user: "by you", ai: "by the model", restore: "restored" });

export class DocumentView {
  /** @param {string} id @param {() => void} back @param {() => void} [close] there is one only where it stands beside something */
  constructor(id, back, close) {
    this.id = id;
    this.back = back;
    this.close = close;
    /** @type {Version[]} */
    this.versions = [];
    this.comparing = false;
    this.head = h("header", { class: "panel-head" });
    this.bar = h("div", { class: "panel-bar" });
    this.body = h("div", { class: "panel-body", tabindex: "0", role: "region", "aria-label": "Text" });
    this.element = h("div", { class: "panel" }, this.head, this.bar, this.body);
  }

  get path() {
    return `documents/${part(this.id)}`;
  }

  /** The name of a change that is not saved yet. */
  get draftName() {
    return `document:${this.id}`;
  }

  load() {
    return attempt(() => this.read());
  }

  /** Shows it as it is now. */
  async read() {
    await this.look();
    await this.draw();
    if (draftOf(this.draftName).text) this.edit();
  }

  /** Finds out how it is now. */
  async look() {
    const [document, versions] = await Promise.all([get(this.path), every(`${this.path}/versions`)]);
    this.document = /** @type {Document} */ (document);
    this.versions = versions;
    this.shown = document.version;
  }

  async draw() {
    const { document } = this;
    if (!document) return;
    fill(this.head, tool("left", "All documents", this.back), h(this.close ? "h2" : "h1", { dir: "auto" }, document.title),
      tool("more", "Actions for this document", (event) => openMenu(/** @type {HTMLElement} */ (event.currentTarget), [
        { icon: "pencil", label: "Edit", act: () => this.edit() },
        { icon: "pencil", label: "Rename…", act: () => this.rename() },
      ]), { "aria-haspopup": "menu", "aria-expanded": "false" }),
      this.close && tool("close", "Close the documents", this.close));
    await this.drawVersion();
  }

  async drawVersion() {
    const { document } = this;
    if (!document) return;
    const old = this.shown !== document.version;
    const text = old ? (await get(`${this.path}/versions/${this.shown}`)).content : document.content;
    const choice = h("select", { class: "field", "aria-label": "Version", onchange: () => { this.shown = Number(choice.value); attempt(() => this.drawVersion()); } },
      this.versions.map((version) => h("option", { value: version.version }, named(version))));
    choice.value = String(this.shown);
    fill(this.bar, choice,
      old && h("button", { type: "button", class: "button", onclick: () => this.restore() }, icon("undo"), "Restore"),
      this.versions.length > 1 && h("button", { type: "button", class: "button", "aria-pressed": String(this.comparing), onclick: () => { this.comparing = !this.comparing; attempt(() => this.drawVersion()); } }, "Changes"),
      !old && h("button", { type: "button", class: "button", onclick: () => this.edit() }, icon("pencil"), "Edit"),
      copier(() => text ?? "", "Copy the text"));
    fill(this.body, !this.close && h("h2", { class: "unseen" }, "Text"), this.comparing ? await this.changes(text ?? "") : await this.rendered(text ?? ""));
  }

  /** @param {string} text */
  async rendered(text) {
    const language = this.document?.language;
    const plain = language && language !== "markdown" && language !== "text";
    const fence = "`".repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map((found) => found[0].length + 1)));
    const markdown = plain ? `${fence}${language}\n${text}\n${fence}` : text;
    const said = h("div", { class: "said", dir: "auto" });
    try {
      said.append(rich((await post("markdown", { text: markdown })).html));
    } catch {
      said.append(h("pre", { class: "plain" }, text));
    }
    return said;
  }

  /** What the shown version changed: against the one before it. @param {string} text */
  async changes(text) {
    const before = this.versions.filter((version) => version.version < (this.shown ?? 0)).sort((a, b) => b.version - a.version)[0];
    const old = before ? (await get(`${this.path}/versions/${before.version}`)).content : "";
    return h("div", {}, h("p", { class: "muted small" }, before ? `Against version ${before.version}` : "The first version"), differences(old ?? "", text));
  }

  edit() {
    const { document, draftName } = this;
    if (!document) return;
    const field = h("textarea", { class: "field", "aria-label": "Text", dir: "auto", spellcheck: "true", onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
      if (event.key === "Escape") event.stopPropagation();
    } });
    const draft = draftOf(draftName);
    const began = (draft.text && draft.version) || document.version;
    let known = began; // the latest version that who writes has been told of
    keepChanges(field, draftName, document.content ?? "", began);
    const save = () => attempt(async () => {
      try {
        await patch(this.path, { content: field.value, source: "user" }, this.document?.revision);
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 412) throw error;
        await this.look();
        return this.isNewer(known) ? warn() : save(); // else something was changed that is no part of a version
      }
      dropDraft(draftName);
      await this.load();
    });
    const giveUp = () => attempt(async () => {
      const { value } = field;
      dropDraft(draftName);
      await this.drawVersion();
      if (value !== (document.content ?? "")) toast("Your change is put aside.", async () => {
        keepDraft(draftName, { text: value, files: [], id: "", version: began });
        this.edit();
      });
    });
    const cancel = h("button", { type: "button", class: "button", onclick: giveUp }, "Cancel");
    const saver = h("button", { type: "button", class: "button main-one", onclick: save }, "Save a version");
    const newer = h("div");
    const warn = () => {
      known = this.document?.version ?? known;
      fill(newer, this.newer(() => field.value));
      fill(cancel, "Take the newer one");
      fill(saver, "Save over it");
    };
    fill(this.bar, cancel, saver);
    fill(this.body, newer, field);
    if (this.isNewer(known)) warn();
    field.focus();
  }

  /** Whether it has changed since a version. @param {number} version */
  isNewer(version) {
    return (this.document?.version ?? 0) > version;
  }

  /** Says that there is a newer version than the one that is changed, and how it differs from what is written. @param {() => string} written */
  newer(written) {
    const { document } = this;
    const latest = this.versions.find((version) => version.version === document?.version);
    const place = h("div");
    const compare = h("button", { type: "button", class: "button", "aria-pressed": "false", onclick: () => {
      const shows = compare.getAttribute("aria-pressed") === "false";
      compare.setAttribute("aria-pressed", String(shows));
      fill(place, shows && differences(document?.content ?? "", written()));
    } }, "Compare");
    return h("div", { class: "newer", role: "alert" },
      h("p", {}, `It was changed meanwhile: ${latest ? named(latest) : "there is a newer version"}. What you wrote is still here; saving it keeps that one among the versions.`),
      compare, place);
  }

  async rename() {
    const title = await promptFor("Rename the document", "Title", this.document?.title ?? "");
    if (!title || title === this.document?.title) return;
    await attempt(() => patch(this.path, { title, source: "user" }));
    await this.load();
  }

  restore() {
    return attempt(async () => {
      const now = this.document?.version;
      await post(`${this.path}/versions/${this.shown}/restore`);
      await this.load();
      toast("Restored as a new version.", async () => {
        await post(`${this.path}/versions/${now}/restore`);
        await this.load();
      });
    });
  }
}

/** @param {Version} version */
function named(version) {
  return [`Version ${version.version}`, version.summary, SOURCES[version.source ?? ""], shortTime(version.created_at)].filter(Boolean).join(" · ");
}

/** What became of a text, line by line. @param {string} old @param {string} text */
function differences(old, text) {
  const marks = { same: " ", removed: "−", added: "+" };
  return h("pre", { class: "diff" }, lineDiff(old, text).map((line) => h("span", { class: line.kind }, h("span", { class: "mark" }, marks[line.kind], " "), line.kind !== "same" && h("span", { class: "unseen" }, line.kind === "added" ? "added: " : "removed: "), `${line.text}\n`)));
}
