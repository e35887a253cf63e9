// Taking in conversations: a file is dropped or picked, and one sees how far it is.

import { address, newKey, post, Problem } from "./api.js";
import { fill, h, say } from "./dom.js";
import { tell } from "./news.js";
import { counted, number } from "./times.js";

/** Conversations that go into one request. */
const TOGETHER = 20;

/** Milliseconds in which a server that is there says how far it is, or that it got no further. */
const STILL = 120_000;

const BROKEN_OFF = "The server did not come to the end. Take the file in again: what is here already is left alone.";

export class Importing {
  constructor() {
    this.state = h("div", { class: "stack", role: "status" });
    this.picker = h("input", { type: "file", multiple: true, hidden: true, onchange: () => this.take([...this.picker.files]) });
    this.zone = h("button", { type: "button", class: "drop", onclick: () => this.picker.click() }, "Drop a file here, or choose one");
    this.element = h("section", { class: "setting" }, h("h2", {}, "Take in conversations"),
      h("p", { class: "muted small" }, "The database of an Odysseus workspace (app.db), or what was exported here as JSON. Taking in the same file again adds nothing twice."),
      this.zone, this.picker, this.state);
    this.zone.addEventListener("dragover", (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      this.zone.classList.add("over");
    });
    this.zone.addEventListener("dragleave", () => this.zone.classList.remove("over"));
    this.zone.addEventListener("drop", (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      this.zone.classList.remove("over");
      this.take([...(event.dataTransfer?.files ?? [])]);
    });
  }

  async load() {}

  /** @param {File[]} files */
  async take(files) {
    this.picker.value = "";
    for (const file of files) {
      const bar = h("progress", { "aria-label": `Taking in ${file.name}` });
      const words = h("span", { class: "small" }, file.name);
      const line = h("p", { class: "importing" }, words, bar);
      this.state.append(line);
      const told = (/** @type {number} */ done, /** @type {number} */ of) => {
        bar.max = of || 1;
        bar.value = done;
        words.textContent = `${file.name}: ${number(done)} of ${number(of)}`;
      };
      try {
        const report = await (await isDatabase(file) ? importDatabase(file, told) : importJson(file, told));
        fill(line, h("span", {}, `${file.name}: ${summary(report)}`), oddities(report.oddities));
        tell("all");
      } catch (/** @type {any} */ error) {
        fill(line, h("span", { class: "fault", role: "alert" }, `${file.name}: ${error.message}`));
      }
      say(line.textContent ?? "");
    }
  }
}

/** @param {File} file */
async function isDatabase(file) {
  return (await file.slice(0, 15).text()) === "SQLite format 3";
}

/** The server reads the file, and tells line by line how far it is. @param {File} file @param {(done: number, of: number) => void} told */
async function importDatabase(file, told) {
  const headers = { "content-type": "application/octet-stream", "idempotency-key": newKey() };
  const late = new AbortController();
  const response = await fetch(address("imports/odysseus"), { method: "POST", body: file, headers, signal: late.signal });
  if (!response.ok || !response.body) throw new Problem(response.status, await response.json().catch(() => null));
  let rest = "";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const clock = setTimeout(() => late.abort(new Error(BROKEN_OFF)), STILL);
    const { value, done } = await reader.read().finally(() => clearTimeout(clock));
    rest += value ?? "";
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.filter(Boolean).map((each) => JSON.parse(each))) {
      if (line.problem) throw new Problem(line.problem.status, line.problem);
      if (line.report) return line.report;
      told(line.done, line.of);
    }
    if (done) throw new Error(BROKEN_OFF);
  }
}

/** @param {File} file @param {(done: number, of: number) => void} told */
async function importJson(file, told) {
  let conversations;
  try {
    ({ conversations } = JSON.parse(await file.text()));
  } catch {
    conversations = null;
  }
  if (!Array.isArray(conversations)) throw new Error("This is no file that can be taken in.");
  const sum = { sessions: 0, messages: 0, documents: 0, unchanged: 0, oddities: /** @type {string[]} */ ([]) };
  for (let at = 0; at < conversations.length; at += TOGETHER) {
    told(at, conversations.length);
    const report = await post("conversations:import", { conversations: conversations.slice(at, at + TOGETHER) });
    for (const field of /** @type {const} */ (["sessions", "messages", "documents", "unchanged"])) sum[field] += report[field];
    sum.oddities.push(...report.oddities);
  }
  return sum;
}

/** @param {any} report */
function summary(report) {
  const came = [["sessions", "conversation"], ["messages", "message"], ["documents", "document"]].map(([field, thing]) => counted(report[field], thing)).join(", ");
  return `${came} came in${report.unchanged ? `; ${counted(report.unchanged, "conversation")} had been here or deleted here` : ""}.`;
}

/** @param {string[]} odd */
function oddities(odd) {
  return odd.length > 0 && h("details", { class: "fold" }, h("summary", {}, `${counted(odd.length, "oddity").replace("oddityies", "oddities").replace("odditys", "oddities")}`), h("div", { class: "inside", tabindex: "0" }, odd.slice(0, 200).map((each) => h("p", {}, each))));
}
