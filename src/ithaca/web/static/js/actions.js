// What can be done to conversations, each with its way back. They tell the news, so that all views follow.

import { address, get, part, patch, post, remove } from "./api.js";
import { openDialog, promptFor } from "./dialogs.js";
import { h, icon } from "./dom.js";
import { tell } from "./news.js";
import { counted } from "./times.js";
import { attempt, toast } from "./toasts.js";

/** @typedef {import("./types.js").Session} Session */

/** Changes a conversation. @param {string} id @param {Partial<Session>} changes */
export async function change(id, changes) {
  const session = await patch(`sessions/${part(id)}`, changes);
  tell("session", session);
  return session;
}

/** @param {Session} session */
export function star(session) {
  return attempt(() => change(session.id, { is_important: !session.is_important }));
}

/** @param {Session} session @param {string} name */
export function rename(session, name) {
  return attempt(async () => {
    await change(session.id, { name });
    toast("Renamed.", () => change(session.id, { name: session.name }));
  });
}

/** @param {Session[]} sessions @param {boolean} archived */
export function archive(sessions, archived) {
  return attempt(async () => {
    await batch(sessions, () => ({ archived }));
    const words = archived ? "Archived" : "Taken out of the archive";
    toast(`${words}: ${named(sessions)}.`, () => batch(sessions, () => ({ archived: !archived })));
  });
}

/** @param {Session[]} sessions @param {string | null} folder */
export function move(sessions, folder) {
  return attempt(async () => {
    await batch(sessions, () => ({ folder }));
    const words = folder === null ? "Taken out of its folder" : `Moved to ${folder}`;
    toast(`${words}: ${named(sessions)}.`, () => batch(sessions, (session) => ({ folder: session.folder })));
  });
}

/** Moves conversations to the trash, one or many. @param {Session[]} sessions */
export function discard(sessions) {
  return attempt(async () => {
    const ids = sessions.map((session) => session.id);
    const removed = ids.length === 1
      ? await remove(`sessions/${part(ids[0])}`)
      : await post("sessions:delete", { session_ids: ids });
    const kept = new Set(ids.length === 1 ? [] : sessions.filter((session) => session.is_important).map((session) => session.id));
    tell("gone", ids.filter((id) => !kept.has(id)));
    const starred = kept.size ? ` ${counted(kept.size, "starred one")} stayed.` : "";
    const words = ids.length === 1 ? `Moved to the trash: ${sessions[0].name}.` : `Moved ${counted(removed.sessions, "conversation")} to the trash.`;
    toast(words + starred, removed.trash_id && (() => restore(removed.trash_id)));
  });
}

/** Brings an entry back out of the trash. @param {string} trashId */
export async function restore(trashId) {
  const restored = await post(`trash/${part(trashId)}/restore`);
  tell("back", restored);
  return restored;
}

/** Asks for a name. @param {Session} session */
export async function askName(session) {
  const name = await promptFor("Rename the conversation", "Name", session.name);
  if (name && name !== session.name) await rename(session, name);
}

/** Asks for a folder, one that is there or a new one. @param {Session[]} sessions */
export async function askFolder(sessions) {
  const folders = await attempt(() => get("folders"));
  if (!folders) return;
  const current = sessions.length === 1 ? sessions[0].folder : undefined;
  const chosen = await openDialog(sessions.length === 1 ? "Move to a folder" : `Move ${counted(sessions.length, "conversation")}`, (close) => {
    const field = h("input", { class: "field", dir: "auto", required: true, maxlength: 200, "aria-label": "New folder", placeholder: "New folder" });
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      if (field.value.trim()) close({ folder: field.value.trim() });
    };
    const choice = (/** @type {string | null} */ folder, /** @type {string} */ label) =>
      h("button", { type: "button", "aria-pressed": String(folder === current), onclick: () => close({ folder }) }, icon("folder"), h("span", {}, label));
    return [
      h("div", { class: "folders" }, folders.items.map((/** @type {any} */ each) => choice(each.name, each.name)), current !== null && choice(null, "No folder")),
      h("form", { onsubmit: submit }, field,
        h("div", { class: "buttons" },
          h("button", { type: "button", class: "button", onclick: () => close(null) }, "Cancel"),
          h("button", { class: "button main-one" }, "Move"))),
    ];
  });
  if (chosen && chosen.folder !== current) await move(sessions, chosen.folder);
}

/** Offers a conversation as a file. @param {Session} session */
function exportIt(session) {
  const formats = [["markdown", "Markdown"], ["html", "A page (HTML)"], ["text", "Plain text"], ["json", "JSON, which can be taken in again"]];
  return openDialog(`Export “${session.name}”`, (close) => [
    h("div", { class: "folders" }, formats.map(([format, label]) => h("a", { class: "choice", download: "", href: address(`sessions/${part(session.id)}/transcript`, { format }), onclick: () => close(null) }, icon("save"), label))),
    h("div", { class: "buttons" }, h("button", { type: "button", class: "button", autofocus: true, onclick: () => close(null) }, "Cancel")),
  ]);
}

/**
 * The entries of a conversation's menu.
 * @param {Session} session @param {import("./menus.js").Item[]} [more] what can be done where it is shown
 * @returns {import("./menus.js").Item[]}
 */
export function menuOf(session, more = []) {
  return [
    { icon: session.is_important ? "starred" : "star", label: session.is_important ? "Remove the star" : "Star", act: () => star(session) },
    { icon: "pencil", label: "Rename…", act: () => askName(session) },
    { icon: "folder", label: "Move to a folder…", act: () => askFolder([session]) },
    { icon: "archive", label: session.archived ? "Take out of the archive" : "Archive", act: () => archive([session], !session.archived) },
    { icon: "save", label: "Export…", act: () => exportIt(session) },
    ...more,
    null,
    { icon: "trash", label: "Move to the trash", warning: true, act: () => discard([session]) },
  ];
}

/** Changes many, each by itself; the first that fails is told. @param {Session[]} sessions @param {(session: Session) => Partial<Session>} changes */
async function batch(sessions, changes) {
  if (sessions.length === 1) return change(sessions[0].id, changes(sessions[0]));
  const actions = sessions.map((session) => ({ session_id: session.id, changes: changes(session) }));
  const { items } = await post("sessions:batch", { actions });
  for (const item of items) if (item.session) tell("session", item.session);
  const failed = items.find((/** @type {any} */ item) => item.problem && item.status !== 404);
  if (failed) throw new Error(failed.problem.detail);
}

/** @param {Session[]} sessions */
function named(sessions) {
  return sessions.length === 1 ? sessions[0].name : counted(sessions.length, "conversation");
}
