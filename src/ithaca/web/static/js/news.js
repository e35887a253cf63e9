// What has changed, told to whoever shows it: by this page's own acts, and by the server's live events.

/**
 * @typedef {import("./types.js").Session} Session
 */

const told = new EventTarget();

/** Tells everybody. @param {string} kind @param {any} [detail] */
export function tell(kind, detail) {
  told.dispatchEvent(new CustomEvent(kind, { detail }));
}

/**
 * Hears of `session` (one is new or another now), `gone` (ids that are not there any more), `back` (something came back
 * out of the trash), `messages` (id of a session whose messages changed), `all` (so much that all is to be read again).
 * @param {string} kind @param {(detail: any) => void} act
 */
export function hear(kind, act) {
  told.addEventListener(kind, (event) => act(/** @type {CustomEvent} */ (event).detail));
}
