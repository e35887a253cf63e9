// A reply as it comes: rendered by the server, as the message will be, so that nothing that is read moves when it ends.

import { address, part, render } from "./api.js";
import { Events } from "./events.js";
import { h, icon, say } from "./dom.js";
import { call, folded, rich } from "./said.js";

/** @typedef {{id: string, session_id: string, state: string, kind: string, target_id: string | null, message_id: string | null, error: any, model: string}} Reply */

/** Milliseconds before rendering is tried again when the server was out of reach; and how much longer than it took it rests. */
const AGAIN = 1000;
const REST = 2;

export class Streaming {
  /**
   * Listens to a reply until it ends, from wherever it stands; after a break it goes on exactly there.
   * @param {Reply} reply @param {{ended: (reply: Reply) => void}} told
   */
  constructor(reply, told) {
    this.reply = reply;
    this.told = told;
    this.text = "";
    /** Characters whose paragraphs are finished, and that are shown. */
    this.finished = this.shown = 0;
    /** What is shown of the paragraph that goes on. @type {Node[]} */
    this.open = [];
    this.offset = 0;
    this.status = h("p", { class: "waiting", role: "status" }, h("span", { class: "dots", "aria-hidden": "true" }), h("span", {}, "Waiting for the model"));
    this.title = h("span", {}, h("span", { class: "dots", "aria-hidden": "true" }), "Thinking");
    this.parts = h("div", { class: "part" }, this.status);
    this.said = h("div", { class: "said", dir: "auto", "aria-busy": "true" }, this.parts);
    this.element = h("li", { class: "message live", "data-role": "assistant", id: `m-${reply.id}-live` },
      h("article", { "aria-label": "Assistant, answering" },
        h("header", { class: "who" }, h("h2", {}, "Assistant"), h("span", {}, reply.model)), this.said),
      h("div", { class: "tools" }));
    const from = (/** @type {(data: any) => void} */ act) => (/** @type {any} */ data) => {
      this.offset = data.offset ?? this.offset;
      act(data);
    };
    this.events = new Events(() => address(`replies/${part(reply.id)}/events`, { after: this.offset || null }), {
      text: from((data) => this.add(data.text)),
      reasoning: from((data) => this.think(data.text)),
      tool_call: from((data) => this.addCall(data.tool_call)),
      missed: () => this.end(this.reply),
      end: (data) => this.end(data.reply),
      problem: () => this.end(this.reply),
    }, (status) => status === 401 || this.end(this.reply)); // who logs in again sees the conversation drawn anew
  }

  /** @param {string} text */
  add(text) {
    this.text += text;
    this.draw();
  }

  /** @param {string} text */
  think(text) {
    if (!this.thinking) {
      this.thinking = h("pre", { class: "plain", dir: "auto" });
      this.status.remove();
      this.parts.before(folded(this.title, this.thinking));
      say("The model is thinking");
    }
    this.thinking.append(text);
  }

  /** It says something: it waits and thinks no more. */
  begin() {
    this.status.remove();
    this.title.replaceChildren("Thoughts");
  }

  /** @param {any} given */
  addCall(given) {
    this.begin();
    this.said.append(call(given));
  }

  /** Shows all that has come, and then what came meanwhile. */
  async draw() {
    if (this.drawing) return;
    this.drawing = true;
    while (!this.done && this.shown < this.text.length) {
      const began = performance.now();
      await this.render();
      await pause(REST * (performance.now() - began));
    }
    this.drawing = false;
  }

  /** Has the paragraphs rendered that are finished since, and the one that goes on. */
  async render() {
    const { text, finished } = this;
    const end = lastBreak(text, finished);
    try {
      const [more, open] = await Promise.all([rendered(text.slice(finished, end)), rendered(text.slice(end))]);
      this.show(more, open);
      [this.finished, this.shown] = [end, text.length];
    } catch {
      this.show([], [h("p", { class: "plain", dir: "auto" }, text.slice(finished).trim())]);
      await pause(AGAIN);
    }
  }

  /** @param {Node[]} more @param {Node[]} open */
  show(more, open) {
    if (this.done) return;
    this.begin();
    for (const node of this.open) node.remove();
    this.parts.append(...more, ...open);
    this.open = open;
  }

  /** @param {Reply} reply */
  end(reply) {
    if (this.done) return;
    this.close();
    this.said.removeAttribute("aria-busy");
    say(reply.state === "complete" ? "The answer is complete" : "The answer has ended");
    this.told.ended(reply);
  }

  /** Listens no more; the reply goes on. */
  close() {
    this.done = true;
    this.events.close();
  }
}

/** @param {string} text @returns {Promise<Node[]>} */
async function rendered(text) {
  return text.trim() ? [...rich((await render(text)).html).childNodes] : [];
}

/** @param {number} wait milliseconds */
const pause = (wait) => new Promise((go) => setTimeout(go, wait));

/** A line that may belong to what stands above an empty one: indented, or an item of a list, as far as it has come. */
const GOES_ON = /^(\s|[-*+](\s|$)|\d+([.)](\s|$)|$)|$)/;

/**
 * Where the last paragraph ends that is finished: at an empty line outside of code, after which something else begins that
 * belongs to no list. @param {string} text @param {number} from
 */
export function lastBreak(text, from) {
  let [end, fence, at, empty] = [from, "", from, -1];
  for (const line of text.slice(from).split(/(?<=\n)/)) {
    if (!fence && empty >= 0 && !GOES_ON.test(line)) end = empty;
    if (!line.endsWith("\n")) break;
    at += line.length;
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1] ?? "";
    if (fence) fence = mark.startsWith(fence) && !line.trim().slice(mark.length) ? "" : fence;
    else fence = mark;
    empty = !fence && !line.trim() ? at : line.trim() ? -1 : empty;
  }
  return end;
}

const ENDS = new Map([["stopped", "Stopped"], ["interrupted", "Interrupted: what had come until then is kept"], ["failed", "The model's server failed"]]);

/** What is told below a message that has not come to its end. @param {any} metadata */
export function howItEnded(metadata) {
  const words = ENDS.get(metadata?.state);
  if (!words) return null;
  const why = typeof metadata.error?.words === "string" ? `: ${metadata.error.words}` : "";
  return h("p", { class: "ended" }, icon("stop"), h("span", { dir: "auto" }, words + why));
}
