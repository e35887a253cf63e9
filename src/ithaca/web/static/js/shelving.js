// What can be done to documents wherever they are listed, each with its way back.

import { restore } from "./actions.js";
import { part, put, remove } from "./api.js";
import { openDialog } from "./dialogs.js";
import { fill, h, say } from "./dom.js";
import { Heads, told } from "./heads.js";
import { counted } from "./times.js";
import { attempt, toast } from "./toasts.js";

/** @typedef {import("./documents.js").Document} Document */
/** @typedef {() => any} Drawn what shows the documents anew */

/** @param {Document} document @param {Drawn} drawn */
export function discard(document, drawn) {
  return attempt(async () => {
    const removed = await remove(`documents/${part(document.id)}`);
    await drawn();
    toast(`Moved to the trash: ${document.title}.`, async () => {
      await restore(removed.trash_id);
      await drawn();
    });
  });
}

/** @param {Document} document @param {boolean} archived @param {Drawn} drawn */
export function archive(document, archived, drawn) {
  const set = (/** @type {boolean} */ to) => (to ? put : remove)(`documents/${part(document.id)}/archived`).then(drawn);
  return attempt(async () => {
    await set(archived);
    toast(`${archived ? "Archived" : "Taken out of the archive"}: ${document.title}.`, () => set(!archived));
  });
}

/** Lets a document belong to a conversation, or to none. @param {Document} document @param {string | null} sessionId @param {Drawn} drawn */
export function attach(document, sessionId, drawn) {
  const path = `documents/${part(document.id)}/session`;
  const set = (/** @type {string | null} */ to) => (to === null ? remove(path) : put(path, { session_id: to })).then(drawn);
  return attempt(async () => {
    await set(sessionId);
    toast(`${sessionId === null ? "Taken out of its conversation" : "Put beside this conversation"}: ${document.title}.`, () => set(document.session_id));
  });
}

/** Asks for a document that does not belong to this conversation yet. @param {string} sessionId @returns {Promise<Document | null>} */
export function chooseDocument(sessionId) {
  const heads = new Heads(false);
  return openDialog("Put a document beside this conversation", (close) => {
    const list = h("ul", { class: "entries picked" });
    const show = async () => {
      const words = field.value;
      const found = await attempt(async () => (words.trim() ? heads.titled(words) : (heads.begun || (await heads.more()), heads.items)));
      if (!found || words !== field.value) return;
      const others = found.filter((each) => each.session_id !== sessionId);
      fill(list, others.length ? others.map((each) => h("li", {}, h("button", { type: "button", class: "what", onclick: () => close(each) }, told(each)))) : h("li", { class: "muted" }, "There is none."));
      if (words.trim()) say(`${counted(others.length, "document")} found`);
    };
    const field = h("input", { class: "field", type: "search", placeholder: "Title", "aria-label": "Filter the documents by title", dir: "auto", autofocus: true, oninput: show });
    show();
    return [field, list, h("div", { class: "buttons" }, h("button", { type: "button", class: "button", onclick: () => close(null) }, "Cancel"))];
  });
}
