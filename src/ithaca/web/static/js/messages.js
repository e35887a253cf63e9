// What can be done to a message: fork, delete, show another version.

import { get, part, post, remove } from "./api.js";
import { restore } from "./actions.js";
import { h, say, tool } from "./dom.js";
import { canEdit, edit } from "./editing.js";
import { tell } from "./news.js";
import { go, sessionPath } from "./places.js";
import { attempt, toast } from "./toasts.js";

/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./conversation.js").Conversation} Conversation */

/** @param {Conversation} conversation @param {Message} message @returns {import("./menus.js").Item[]} */
export function messageMenu(conversation, message) {
  const last = conversation.history?.messages.at(-1)?.id === message.id;
  const answer = message.role === "assistant";
  return [
    canEdit(message) ? { icon: "pencil", label: "Edit", act: () => edit(conversation, message) } : undefined,
    answer ? { icon: "again", label: "Answer again", act: () => conversation.answering.again(message.id) } : undefined,
    answer && last ? { icon: "right", label: "Go on from here", act: () => conversation.answering.goOn(message.id) } : undefined,
    { icon: "fork", label: "Fork from here", act: () => fork(conversation, message) },
    null,
    { icon: "trash", label: "Delete the message", warning: true, act: () => discard(conversation, message) },
  ].filter((item) => item !== undefined);
}

/** The buttons that a message shows beside its menu. @param {Conversation} conversation @param {Message} message */
export function messageTools(conversation, message) {
  if (message.role === "user" && canEdit(message)) return [tool("pencil", "Edit", () => edit(conversation, message), { class: "small" })];
  if (message.role !== "assistant") return [];
  const cut = ["stopped", "interrupted", "failed"].includes(message.metadata?.state);
  return [
    tool("again", "Answer again", () => conversation.answering.again(message.id), { class: "small" }),
    cut && tool("right", "Go on from here", () => conversation.answering.goOn(message.id), { class: "small" }),
  ];
}

/** @param {Conversation} conversation @param {Message} message */
function path(conversation, message) {
  return `sessions/${part(conversation.id)}/messages/${part(message.id)}`;
}

/** A copy of the conversation up to a message, opened. @param {Conversation} conversation @param {Message} message */
function fork(conversation, message) {
  return attempt(async () => {
    const name = `${conversation.session?.name ?? ""} (fork)`.trim();
    const session = await post(`sessions/${part(conversation.id)}/forks`, { at: message.id, name });
    tell("session", session);
    go(sessionPath(session.id));
    toast("This is a copy up to that message. The other conversation is as it was.");
  });
}

/** @param {Conversation} conversation @param {Message} message */
function discard(conversation, message) {
  return attempt(async () => {
    const removed = await remove(path(conversation, message));
    tell("messages", conversation.id);
    toast("The message is in the trash.", async () => {
      await restore(removed.trash_id);
      tell("messages", conversation.id);
    });
  });
}

/** The versions of a message, to switch between: ‹ 2 / 3 ›. @param {Conversation} conversation @param {Message} message */
export async function versionChooser(conversation, message) {
  const found = await attempt(() => get(`${path(conversation, message)}/versions`));
  const versions = found?.items ?? [];
  const at = versions.findIndex((/** @type {any} */ version) => version.shown);
  if (versions.length < 2 || at < 0) return null;
  const show = (/** @type {number} */ index) => attempt(async () => {
    await post(`${path(conversation, versions[index].message)}/switch`);
    tell("messages", conversation.id);
    say(`Version ${index + 1} of ${versions.length}`);
  });
  return h("span", { class: "versions", role: "group", "aria-label": "Versions" },
    tool("left", "Previous version", () => show(at - 1), { class: "small", disabled: at === 0 }),
    h("span", {}, `${at + 1} / ${versions.length}`),
    tool("right", "Next version", () => show(at + 1), { class: "small", disabled: at === versions.length - 1 }));
}
