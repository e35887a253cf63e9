// What is being written, kept in the browser for each conversation until it is sent.

/**
 * @typedef {{digest: string, media_type: string, size: number, name: string}} Attached
 * @typedef {{text: string, files: Attached[], id: string}} Draft `id` is that of the message it will be: sent twice, it is stored once
 */

/** @param {string} id @returns {Draft} */
export function draftOf(id) {
  try {
    const kept = JSON.parse(localStorage.getItem(key(id)) ?? "null");
    return { text: kept?.text ?? "", files: kept?.files ?? [], id: kept?.id ?? newId() };
  } catch {
    return { text: "", files: [], id: newId() };
  }
}

/** @param {string} id @param {Draft} draft */
export function keepDraft(id, draft) {
  if (!draft.text && !draft.files.length) return dropDraft(id);
  try {
    localStorage.setItem(key(id), JSON.stringify(draft));
  } catch {
    // The browser's room is used up: what is written stays in the field.
  }
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
