// What is being written, kept in the browser until it is sent or saved: for each conversation, and of what is changed in place.

/**
 * @typedef {{digest: string, media_type: string, size: number, name: string}} Attached
 * @typedef {{text: string, files: Attached[], id: string, version?: number}} Draft `id` is that of the message it will be: sent twice, it is
 *   stored once; `version` is the one that is changed, of what has versions
 */

/** @param {string} id @returns {Draft} */
export function draftOf(id) {
  try {
    const kept = JSON.parse(localStorage.getItem(key(id)) ?? "null");
    return { text: kept?.text ?? "", files: kept?.files ?? [], id: kept?.id ?? newId(), version: kept?.version };
  } catch {
    return { text: "", files: [], id: newId() };
  }
}

/** Whether it could be kept: else the browser's room is used up. @param {string} id @param {Draft} draft */
export function keepDraft(id, draft) {
  try {
    if (draft.text || draft.files.length) localStorage.setItem(key(id), JSON.stringify(draft));
    else dropDraft(id);
    return true;
  } catch {
    return false;
  }
}

/** Whether two are the same to who writes. @param {Draft} one @param {Draft} other */
export function sameDraft(one, other) {
  const empty = !one.text && !one.files.length;
  return one.text === other.text && JSON.stringify(one.files) === JSON.stringify(other.files) && (empty || one.id === other.id);
}

/** What was written beyond that which was sent, while it was on its way: of a message of its own. @param {Draft} draft @param {Draft} sent @returns {Draft} */
export function beyond(draft, sent) {
  const text = draft.text.startsWith(sent.text) ? draft.text.slice(sent.text.length).trimStart() : draft.text;
  const digests = new Set(sent.files.map((file) => file.digest));
  return { text, files: draft.files.filter((file) => !digests.has(file.digest)), id: newId() };
}

/**
 * Keeps what is changed in a field, and shows there what was kept of it before. @param {HTMLTextAreaElement} field
 * @param {string} id @param {string} before what is there to be changed @param {number} [version] of that
 */
export function keepChanges(field, id, before, version) {
  field.value = draftOf(id).text || before;
  field.addEventListener("input", () => keepDraft(id, { text: field.value === before ? "" : field.value, files: [], id, version }));
}

/** How many conversations, messages and documents something is written for that is nowhere else. */
export function countDrafts() {
  return Object.keys(localStorage).filter((name) => name.startsWith(key(""))).length;
}

/** @param {string} id */
export function dropDraft(id) {
  localStorage.removeItem(key(id));
}

/** Forgets what was written by who was here: somebody else is, or may be soon. */
export function dropAllDrafts() {
  for (const name of Object.keys(localStorage)) if (name.startsWith(key(""))) localStorage.removeItem(name);
}

/** @param {string} id */
function key(id) {
  return `ithaca-draft:${id}`;
}

/** An id that nobody else makes, also where the page is not served over HTTPS (no `randomUUID` there). */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
