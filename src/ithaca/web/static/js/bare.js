// A view with nothing in it but words, and the way back.

import { Problem } from "./api.js";
import { h, tool } from "./dom.js";
import { go } from "./places.js";

/** @param {string} title @param {...any} below */
export function bare(title, ...below) {
  return h("section", { class: "bare-view", "aria-label": title },
    h("header", { class: "head bare" }, tool("left", "Back to the list", () => go(""), { class: "back" })),
    h("div", { class: "empty" }, h("h1", {}, title), below));
}

/** What is shown where something could not be opened. @param {string} thing @param {any} error @param {() => any} again */
export function unopened(thing, error, again) {
  if (error instanceof Problem && error.status === 404) return bare("Not here", h("p", {}, `There is no such ${thing}. It may be in the trash.`), toTrash());
  return bare("It could not be opened", h("p", {}, error.message), h("p", {}, h("button", { type: "button", class: "button", onclick: again }, "Try again")));
}

/** The way to the trash. */
export function toTrash() {
  return h("p", {}, h("a", { href: "trash", "data-go": true }, "Open the trash"));
}
