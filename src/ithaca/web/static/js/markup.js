// The one place where HTML goes into the page: what the server has made of Markdown, and cleaned.

const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("ithaca", { createHTML: (/** @type {string} */ html) => html });

/** Shows the server's HTML in an element. @param {Element} element @param {string} html */
export function showHtml(element, html) {
  element.innerHTML = policy ? /** @type {any} */ (policy.createHTML(html)) : html;
}
