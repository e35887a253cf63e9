// A reply as it comes: what is told is shown at once as plain text, and each finished paragraph as the server renders it.

import { address, part, post } from "./api.js";
import { Events } from "./events.js";
import { h, icon, say } from "./dom.js";
import { call, rich } from "./said.js";

/** @typedef {{id: string, session_id: string, state: string, kind: string, target_id: string | null, message_id: string | null, error: any, model: string}} Reply */

export class Streaming {
  /**
   * Listens to a reply until it ends, from wherever it stands; after a break it goes on exactly there.
   * @param {Reply} reply @param {{grown: () => void, ended: (reply: Reply) => void}} told
   */
  constructor(reply, told) {
    this.reply = reply;
    this.told = told;
    this.text = "";
    this.thoughts = "";
    this.rendered = 0;
    this.offset = 0;
    this.parts = h("div", { class: "part stream" });
    this.tail = h("div", { class: "part tail" });
    this.status = h("p", { class: "waiting", role: "status" }, h("span", { class: "dots", "aria-hidden": "true" }), h("span", {}, "Waiting for the model"));
    this.said = h("div", { class: "said", dir: "auto", "aria-busy": "true" }, this.status, this.parts, this.tail);
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
    this.status.hidden = true;
    this.text += text;
    this.schedule();
  }

  /** @param {string} text */
  think(text) {
    if (!this.thinking) {
      this.thinking = h("pre", { class: "plain", dir: "auto" });
      this.status.lastChild.textContent = "Thinking";
      this.status.after(h("details", { class: "fold part" }, h("summary", {}, h("span", {}, "Thoughts")), h("div", { class: "inside", tabindex: "0" }, this.thinking)));
    }
    this.thinking.append(text);
    this.told.grown();
  }

  /** @param {any} given */
  addCall(given) {
    this.status.hidden = true;
    this.tail.after(call(given));
    this.told.grown();
  }

  /** Draws once a frame, however many pieces come. */
  schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    const end = lastBreak(this.text, this.rendered);
    if (end > this.rendered && !this.asking) this.render(end);
    const tail = this.text.slice(this.rendered);
    this.tail.textContent = tail.trimStart();
    this.tail.classList.toggle("code", tail.trimStart().startsWith("```"));
    this.told.grown();
  }

  /** Has the paragraphs that are finished rendered, in the place of their plain text. @param {number} end */
  async render(end) {
    this.asking = true;
    const text = this.text.slice(this.rendered, end);
    try {
      const { html } = await post("markdown", { text });
      this.parts.append(...rich(html).childNodes);
      this.rendered = end;
    } catch {
      await new Promise((go) => setTimeout(go, 1000));
    }
    this.asking = false;
    if (!this.done) this.draw();
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

/** Where the last paragraph ends that is finished: at an empty line outside of code. @param {string} text @param {number} from */
export function lastBreak(text, from) {
  let [end, fence, at] = [from, "", from];
  for (const line of text.slice(from).split(/(?<=\n)/)) {
    at += line.length;
    if (!line.endsWith("\n")) break;
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1] ?? "";
    if (fence) {
      if (mark.startsWith(fence) && !line.trim().slice(mark.length)) [fence, end] = ["", at];
    } else if (mark) fence = mark;
    else if (!line.trim()) end = at;
  }
  return end;
}

/** What is told below a message that has not come to its end. @param {any} metadata */
export function howItEnded(metadata) {
  const words = { stopped: "Stopped", interrupted: "Interrupted: what had come until then is kept", failed: "The model's server failed" }[/** @type {string} */ (metadata?.state)];
  if (!words) return null;
  const why = metadata.error?.words ? `: ${metadata.error.words}` : "";
  return h("p", { class: "ended" }, icon("stop"), h("span", { dir: "auto" }, words + why));
}
