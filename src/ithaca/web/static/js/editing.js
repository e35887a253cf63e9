// Editing a message where it stands.

import { get, part, patch, post } from "./api.js";
import { h } from "./dom.js";
import { draftOf, dropDraft, keepChanges, keepDraft } from "./drafts.js";
import { tell } from "./news.js";
import { attempt, toast } from "./toasts.js";

/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./conversation.js").Conversation} Conversation */

/** Whether there is a text that can be edited. @param {Message} message */
export function canEdit(message) {
  return textPlace(message) !== null;
}

/** Where a message's text is: its content, or a block of it; null if there is none. @param {Message} message @returns {number | "whole" | null} */
function textPlace(message) {
  if (typeof message.content === "string") return "whole";
  const at = (message.content ?? []).findIndex((block) => typeof block?.text === "string");
  return at < 0 ? null : at;
}

/** @param {Message} message @param {string} text */
function withText(message, text) {
  const at = textPlace(message);
  if (at === "whole") return { content: text };
  const content = /** @type {any[]} */ (message.content).map((block, index) => (index === at ? { ...block, text } : block));
  return { content, attachments: message.attachments.map((place) => ({ ...place, inline: false })) };
}

/** The name of a change that is not saved yet. @param {Message} message */
const draftName = (message) => `edit:${message.id}`;

/** @param {Conversation} conversation @param {Message} message */
export function edit(conversation, message) {
  const item = conversation.history?.itemAt(message.seq);
  if (!item || item.querySelector(".editor")) return;
  const field = openEditor(conversation, message, item);
  grow(field);
  field.focus();
}

/** Shows the change that somebody has begun, before a reload or wherever else the message was drawn. @param {Conversation} conversation @param {Message} message @param {HTMLElement} item */
export function goOnEditing(conversation, message, item) {
  if (!canEdit(message) || !draftOf(draftName(message)).text) return;
  const field = openEditor(conversation, message, item);
  requestAnimationFrame(() => grow(field));
}

/** @param {Conversation} conversation @param {Message} message @param {HTMLElement} item @returns {HTMLTextAreaElement} */
function openEditor(conversation, message, item) {
  const said = /** @type {HTMLElement} */ (item.querySelector(".said"));
  const at = textPlace(message);
  const before = at === "whole" ? message.content : message.content?.[/** @type {number} */ (at)].text;
  const field = h("textarea", { class: "field", "aria-label": "The message", dir: "auto", oninput: () => grow(field) });
  keepChanges(field, draftName(message), before);
  const close = () => {
    dropDraft(draftName(message));
    editor.remove();
    said.hidden = false;
    item.classList.remove("editing");
    item.focus();
  };
  const giveUp = () => {
    const { value } = field;
    close();
    if (value !== before) toast("Your change is put aside.", async () => {
      keepDraft(draftName(message), { text: value, files: [], id: "" });
      edit(conversation, message);
    });
  };
  const save = (/** @type {boolean} */ ask) => attempt(async () => {
    if (field.value === before && !ask) return close();
    await store(conversation, message, withText(message, field.value), ask);
    close();
  });
  const asks = message.role === "user";
  const editor = h("form", { class: "editor", onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); save(asks); },
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      event.stopPropagation();
      if (event.key === "Escape") giveUp();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save(asks);
    } }, field,
    h("div", { class: "buttons" },
      h("button", { type: "button", class: "button", onclick: giveUp }, "Cancel"),
      asks && h("button", { type: "button", class: "button", onclick: () => save(false) }, "Save only"),
      h("button", { class: "button main-one" }, asks ? "Save and ask" : "Save")));
  said.hidden = true;
  item.classList.add("editing");
  said.after(editor);
  return field;
}

/** @param {HTMLTextAreaElement} field */
function grow(field) {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight + 4, innerHeight * 0.6)}px`;
}

/**
 * Asking again, what was said before is kept as a version with all that followed; else it goes to the trash.
 * @param {Conversation} conversation @param {Message} message @param {any} changes @param {boolean} ask
 */
async function store(conversation, message, changes, ask) {
  const path = `sessions/${part(conversation.id)}/messages/${part(message.id)}`;
  await patch(path, { ...changes, branch: ask });
  dropDraft(draftName(message)); // before it is drawn again
  if (ask) {
    await conversation.answering.ask({});
    toast("What was said before is kept as a version.");
    return;
  }
  tell("messages", conversation.id);
  const { revision } = await get(`sessions/${part(conversation.id)}`);
  toast("Saved.", async () => {
    // Only if nothing happened since: it would take back something else.
    await post(`sessions/${part(conversation.id)}/undo`, undefined, revision);
    tell("messages", conversation.id);
  });
}
