// Addresses within the page: which view is shown, and going from one to another without loading anew.

/**
 * @typedef {{view: "home" | "session" | "new" | "archive" | "documents" | "trash" | "usage" | "settings", id?: string, message?: string}} Place
 */

const VIEWS = new Set(["new", "archive", "documents", "trash", "usage", "settings"]);
const BASE = new URL(document.baseURI);
/** Tells of `moved`, when another place is shown. */
export const places = new EventTarget();

/** Where the page is. @returns {Place} */
export function here() {
  const path = location.pathname.slice(BASE.pathname.length);
  const [first, second] = path.split("/");
  if (first === "sessions" && second) {
    const message = new URLSearchParams(location.search).get("message") ?? undefined;
    return { view: "session", id: decodeURIComponent(second), message };
  }
  if (first === "documents" && second) return { view: "documents", id: decodeURIComponent(second) };
  return { view: VIEWS.has(first) ? /** @type {any} */ (first) : "home" };
}

/** The address of a conversation, or of a message in it. @param {string} id @param {string} [message] */
export function sessionPath(id, message) {
  return `sessions/${encodeURIComponent(id)}${message ? `?message=${encodeURIComponent(message)}` : ""}`;
}

/** Goes there. @param {string} path below the page's base @param {{replace?: boolean}} [more] */
export function go(path, { replace = false } = {}) {
  const url = new URL(path, BASE);
  history[replace ? "replaceState" : "pushState"](null, "", url);
  places.dispatchEvent(new Event("moved"));
}

addEventListener("popstate", () => places.dispatchEvent(new Event("moved")));

// A plain click on a link of the page's own stays in the page.
document.addEventListener("click", (event) => {
  const link = /** @type {Element} */ (event.target).closest?.("a[data-go]");
  if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.href);
});
