// Where one writes: a field that grows, files, the model, and the button that sends or stops.

import { beyond, draftOf, dropDraft, keepDraft, sameDraft } from "./drafts.js";
import { fill, h, icon, say, tool } from "./dom.js";
import { contentOf, filesOf, store } from "./files.js";
import { size } from "./times.js";
import { attempt, fail } from "./toasts.js";

/** @typedef {import("./drafts.js").Draft} Draft */

const SAVE_AFTER = 250;
const touch = matchMedia("(hover: none)");

export class Composer {
  /**
   * @param {{send: (message: any) => Promise<string | null>, stop: () => void, pickModel: () => void, compact: () => void, editLast: () => void}} able
   * `send` tells in which conversation it was stored, if it was
   */
  constructor(able) {
    this.able = able;
    this.id = "";
    this.running = this.sending = false;
    this.uploads = 0;
    /** Whether something is written that is not kept yet. */
    this.unsaved = false;
    /** @type {Draft} */
    this.draft = draftOf("");
    this.files = h("div", { class: "files" });
    this.field = h("textarea", { rows: 1, placeholder: "Write a message", "aria-label": "Message", dir: "auto",
      oninput: () => this.changed(), onkeydown: (/** @type {KeyboardEvent} */ event) => this.onKey(event), onpaste: (/** @type {ClipboardEvent} */ event) => this.onPaste(event) });
    this.picker = h("input", { type: "file", multiple: true, hidden: true, onchange: () => this.add([...this.picker.files]) });
    this.model = h("button", { type: "button", class: "model", title: "Choose the model", onclick: () => able.pickModel() });
    this.meter = h("span", { class: "meter" });
    this.shorten = tool("compact", "Compact…", () => able.compact(), { class: "small", title: "Compact: have the model sum up what was said before", hidden: true });
    this.action = h("button", { type: "button", class: "button main-one action", onclick: () => this.act() });
    this.element = h("form", { class: "composer", "aria-label": "Write", onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
      this.files, this.field,
      h("div", { class: "under" }, tool("clip", "Add images or files", () => this.picker.click(), { class: "small" }), this.picker, this.model, this.meter, this.shorten, this.action));
    this.takeDrops();
    this.followOthers();
    this.dress();
    // Toasts keep clear of it.
    new ResizeObserver(() => document.documentElement.style.setProperty("--composer", `${this.element.offsetHeight}px`)).observe(this.element);
  }

  /** Shows the draft of a conversation. @param {string} id */
  open(id) {
    this.save();
    this.id = id;
    this.take(draftOf(id));
  }

  /** @param {Draft} draft */
  take(draft) {
    this.draft = draft;
    this.unsaved = false;
    this.field.value = draft.text;
    this.drawFiles();
    this.grow();
    this.dress();
  }

  /** What is written belongs to another conversation from here on: to the one that it begins. @param {string} from @param {string} to */
  move(from, to) {
    keepDraft(to, this.id === from ? this.draft : draftOf(from));
    dropDraft(from);
    if (this.id === from) this.id = to;
  }

  /** Other windows write the same draft: each shows what was written last, wherever that was. */
  followOthers() {
    const follow = () => {
      const kept = draftOf(this.id);
      if (this.id && !this.unsaved && !this.sending && !sameDraft(kept, this.draft)) this.take(kept);
    };
    addEventListener("storage", follow);
    addEventListener("pageshow", follow);
    addEventListener("pagehide", () => this.save());
    document.addEventListener("visibilitychange", () => (document.hidden ? this.save() : follow()));
  }

  focus() {
    this.field.focus();
  }

  /** @param {string} name */
  setModel(name) {
    fill(this.model, h("span", {}, name || "Choose a model"), icon("fold"));
    this.model.setAttribute("aria-label", name ? `Model: ${name}` : "Choose a model");
  }

  /** @param {boolean} running */
  setRunning(running) {
    this.running = running;
    this.dress();
  }

  changed() {
    this.unsaved = true;
    this.draft.text = this.field.value;
    this.grow();
    this.dress();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SAVE_AFTER);
  }

  save() {
    clearTimeout(this.timer);
    if (this.id && this.unsaved) this.unsaved = !keepDraft(this.id, this.draft);
  }

  grow() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, innerHeight * 0.4)}px`;
  }

  get empty() {
    return !this.draft.text.trim() && !this.draft.files.length;
  }

  dress() {
    const stopping = this.running && this.empty;
    fill(this.action, icon(stopping ? "stop" : "send"));
    const name = stopping ? "Stop" : "Send";
    this.action.setAttribute("aria-label", name);
    this.action.title = name;
    this.action.disabled = !stopping && (this.empty || this.sending || this.running || this.uploads > 0);
  }

  act() {
    if (this.running && this.empty) this.able.stop();
    else this.send();
  }

  async send() {
    if (this.action.disabled) return;
    this.sending = true;
    this.dress();
    const { draft } = this;
    const sent = { ...draft };
    const message = { role: "user", id: sent.id, ...contentOf(sent.text, sent.files) };
    const place = await this.able.send(message).catch((error) => {
      fail(error);
      return null;
    });
    this.sending = false;
    if (place !== null) {
      const left = beyond(this.draft === draft ? draft : draftOf(place), sent);
      keepDraft(place, left);
      if (this.draft === draft) this.take(left);
    }
    this.dress();
  }

  // Files

  takeDrops() {
    const holds = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") && this.element.isConnected;
    document.addEventListener("dragover", (event) => {
      if (!holds(event)) return;
      event.preventDefault();
      this.element.classList.add("over");
    });
    document.addEventListener("dragleave", (event) => event.relatedTarget === null && this.element.classList.remove("over"));
    document.addEventListener("drop", (event) => {
      if (!holds(event)) return;
      event.preventDefault();
      this.element.classList.remove("over");
      this.add(filesOf(event.dataTransfer));
    });
  }

  /** @param {ClipboardEvent} event */
  onPaste(event) {
    const files = filesOf(event.clipboardData);
    if (!files.length) return;
    event.preventDefault();
    this.add(files);
  }

  /** @param {File[]} files */
  async add(files) {
    const { id } = this;
    this.picker.value = "";
    await Promise.all(files.map((file) => attempt(async () => {
      const bar = h("progress", { max: 1, value: 0, "aria-label": `Sending ${file.name}` });
      const chip = h("span", { class: "file" }, icon("page"), h("span", { class: "name" }, file.name), bar);
      this.files.append(chip);
      this.uploads += 1;
      this.dress();
      try {
        this.attach(id, await store(file, (part) => { bar.value = part; }));
      } finally {
        chip.remove();
        this.uploads -= 1;
      }
      say(`${file.name} is attached`);
    })));
    if (this.id !== id) return;
    this.drawFiles();
    this.dress();
    this.focus();
  }

  /** @param {string} id of the conversation in which it was added, whichever is shown by now @param {import("./files.js").Attached} file */
  attach(id, file) {
    const draft = this.id === id ? this.draft : draftOf(id);
    draft.files = [...draft.files, file];
    keepDraft(id, draft);
  }

  drawFiles() {
    fill(this.files, this.draft.files.map((file) => {
      const picture = /^image\/(png|jpeg|gif|webp|avif)$/.test(file.media_type);
      const remove = () => {
        this.draft.files = this.draft.files.filter((each) => each !== file);
        this.drawFiles();
        this.unsaved = true;
        this.save();
        this.dress();
        this.focus();
      };
      return h("span", { class: "file" },
        picture ? h("img", { src: new URL(`api/attachments/${encodeURIComponent(file.digest)}`, document.baseURI).href, alt: "" }) : icon("page"),
        h("span", { class: "name", dir: "auto" }, file.name), h("span", { class: "size" }, ` · ${size(file.size)}`), tool("close", `Remove ${file.name}`, remove, { class: "small" }));
    }));
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey && (event.ctrlKey || event.metaKey || !touch.matches)) {
      event.preventDefault();
      this.send();
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      if (this.running) this.able.stop();
      else this.field.blur();
    } else if (event.key === "ArrowUp" && this.empty) {
      event.preventDefault();
      this.able.editLast();
    }
  }
}
