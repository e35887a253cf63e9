// Making elements. Text always becomes text; nothing here reads HTML.

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element: `h("button", {class: "tool", onclick: act}, "Save")`. Handlers are functions under `on…`; true is an
 * attribute without a value, false and null are left out.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) put(element, name, value);
  element.append(...kept(children));
  return element;
}

/** Sets an attribute, or takes it away. @param {Element} element @param {string} name @param {any} value */
export function put(element, name, value) {
  if (typeof value === "function") element.addEventListener(name.slice(2), value);
  else if (value === true) element.setAttribute(name, "");
  else if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, String(value));
}

/** @param {any[]} children */
function kept(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** Puts these in the place of all that an element holds. @param {Element} element @param {...any} children */
export function fill(element, ...children) {
  element.replaceChildren(...kept(children));
}

/** Facts side by side, whichever way each of them is written. @param {...(string | null | undefined | false)} facts @returns {Child[]} */
export function beside(...facts) {
  return facts.filter(Boolean).flatMap((fact, index) => [index > 0 && " · ", h("bdi", {}, fact)]);
}

/** The element of the page's document with this id. @param {string} id @returns {any} */
export function byId(id) {
  return document.getElementById(id);
}

const SVG = "http://www.w3.org/2000/svg";
const ICONS = new URL("../icons.svg", import.meta.url).href;

/** A picture out of the page's own set; it says nothing to who cannot see it. @param {string} name @param {string} [more] */
export function icon(name, more = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${more}`.trim());
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${ICONS}#${name}`);
  svg.append(use);
  return svg;
}

/**
 * A button that is only a picture, with a name.
 * @param {string} picture @param {string} name @param {(event: MouseEvent) => any} act @param {Record<string, any>} [more]
 */
export function tool(picture, name, act, more = {}) {
  const { class: classes = "", ...rest } = more;
  return h("button", { type: "button", class: `tool ${classes}`.trim(), "aria-label": name, title: name, onclick: act, ...rest }, icon(picture));
}

/** Says something to a screen reader. @param {string} words */
export function say(words) {
  byId("said").textContent = words;
}
