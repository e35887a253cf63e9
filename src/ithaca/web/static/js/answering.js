// Asking a conversation's model: sending, following the reply wherever it is made, stopping, going on, trying again.

import { get, part, Problem, send } from "./api.js";
import { h, icon } from "./dom.js";
import { tell } from "./news.js";
import { Streaming } from "./streaming.js";
import { attempt, toast } from "./toasts.js";

/** @typedef {import("./conversation.js").Conversation} Conversation */
/** @typedef {import("./streaming.js").Reply} Reply */

export class Answering {
  /** @param {Conversation} conversation */
  constructor(conversation) {
    this.conversation = conversation;
    /** @type {Streaming | null} */
    this.streaming = null;
  }

  get running() {
    return this.streaming !== null;
  }

  /** Follows a reply that is under way: begun before a reload, in another window, or by a program. */
  async check() {
    const { id } = this.conversation;
    if (!id || this.streaming) return;
    const found = await get(`sessions/${part(id)}/replies`, { limit: 1 }).catch(() => null);
    const reply = found?.items[0];
    if (reply?.state === "running" && id === this.conversation.id) this.follow(reply);
  }

  /** Says something and has it answered. @param {any} message @returns {Promise<boolean>} whether it was stored */
  async send(message) {
    const { history } = this.conversation;
    if (history && !history.last) await history.openAtEnd();
    return this.ask({ message });
  }

  /** @param {any} body @returns {Promise<boolean>} */
  async ask(body) {
    const { id, history } = this.conversation;
    try {
      const reply = await send(`sessions/${part(id)}/replies`, body);
      if (!this.streaming) history?.after.replaceChildren(); // or the news were quicker
      await history?.refresh();
      if (id === this.conversation.id) this.follow(reply);
      history?.toBottom();
      return true;
    } catch (error) {
      if (!(error instanceof Problem) || error.members.error !== "ReplyRunning") throw error;
      toast("An answer is under way. Stop it, or wait for its end.");
      await this.check();
      return false;
    }
  }

  /** @param {string} [messageId] */
  again(messageId) {
    return attempt(() => this.ask({ kind: "regenerate", message_id: messageId }));
  }

  /** @param {string} messageId */
  goOn(messageId) {
    return attempt(() => this.ask({ kind: "continue", message_id: messageId }));
  }

  stop() {
    const reply = this.streaming?.reply;
    if (reply) attempt(() => send(`replies/${part(reply.id)}/stop`));
  }

  /** @param {Reply} reply */
  follow(reply) {
    if (this.streaming?.reply.id === reply.id) return;
    this.leave();
    const { history, composer } = this.conversation;
    this.streaming = new Streaming(reply, { ended: (ended) => this.ended(ended) });
    history?.after.replaceChildren(this.streaming.element);
    if (reply.kind === "regenerate" && reply.target_id) history?.dim(reply.target_id);
    composer.setRunning(true);
  }

  /** @param {Reply} reply */
  async ended(reply) {
    const { history, composer, id } = this.conversation;
    this.streaming = null;
    composer.setRunning(false);
    if (reply.session_id !== id || !history) return;
    const element = history.after.firstElementChild;
    await history.refresh(() => element?.remove()).catch(() => {});
    element?.remove(); // also where another refresh was quicker
    if (!reply.message_id && reply.state !== "running") history.after.replaceChildren(this.failed(reply));
    tell("answered", id);
  }

  /** What is shown where nothing came. @param {Reply} reply */
  failed(reply) {
    const words = reply.error?.words ?? { stopped: "Stopped before anything came.", interrupted: "Interrupted before anything came." }[reply.state] ?? "Nothing came.";
    return h("li", { class: "message ended-early" }, h("p", { class: "ended", role: "alert" }, icon("stop"), h("span", { dir: "auto" }, words)),
      h("button", { type: "button", class: "button", onclick: () => attempt(() => this.ask(reply.kind === "answer" ? {} : { kind: reply.kind, message_id: reply.target_id })) }, icon("again"), "Try again"));
  }

  /** Looks away; the reply goes on. */
  leave() {
    this.streaming?.close();
    this.streaming = null;
    this.conversation.composer.setRunning(false);
  }
}
