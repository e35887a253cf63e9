// Keys that work everywhere, and the table of all of them.

import { openDialog } from "./dialogs.js";
import { h } from "./dom.js";
import { undoLast } from "./toasts.js";

const TABLE = [
  ["Search, or jump to a conversation", ["Ctrl", "K"]],
  ["New conversation", ["N"]],
  ["Send; a new line", ["Enter", "Shift Enter"]],
  ["Stop the answer", ["Esc"]],
  ["Edit what you said last", ["↑"]],
  ["Compact the conversation", ["C"]],
  ["All documents", ["D"]],
  ["Up and down the list", ["↑", "↓"]],
  ["Open", ["Enter"]],
  ["Back to the list; close", ["Esc"]],
  ["Star", ["S"]],
  ["Archive", ["E"]],
  ["Move to a folder", ["M"]],
  ["Rename", ["F2"]],
  ["Select several", ["X"]],
  ["Move to the trash", ["Del"]],
  ["Undo the last of these", ["Ctrl", "Z"]],
  ["These keys", ["?"]],
];

/** @param {{search: () => void, begin: () => void, compact: () => void, documents: () => void, list: () => void}} able */
export function listen(able) {
  document.addEventListener("keydown", (event) => {
    const typing = /** @type {Element} */ (event.target).closest?.("input, textarea, [contenteditable]");
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key.toLowerCase() === "k") act(event, able.search);
    else if (typing || document.querySelector("dialog[open]")) return;
    else if (command && event.key.toLowerCase() === "z") undoLast() && event.preventDefault();
    else if (command || event.altKey) return;
    else if (event.key === "?") act(event, help);
    else if (event.key === "n") act(event, able.begin);
    else if (event.key === "c") act(event, able.compact);
    else if (event.key === "d") act(event, able.documents);
    else if (event.key === "/") act(event, able.search);
    else if (event.key === "Escape") act(event, able.list);
  });
}

/** @param {KeyboardEvent} event @param {() => void} what */
function act(event, what) {
  event.preventDefault();
  what();
}

/** Shows the keys. */
export function help() {
  const row = (/** @type {any} */ [what, keys]) => h("tr", {}, h("td", {}, what), h("td", {}, keys.map((/** @type {string} */ key, /** @type {number} */ at) => [at > 0 && " ", h("kbd", {}, key)])));
  openDialog("Keys", (close) => [
    h("table", { class: "keys-table" }, h("tbody", {}, TABLE.map(row))),
    h("div", { class: "buttons" }, h("button", { type: "button", class: "button", autofocus: true, onclick: () => close(null) }, "Close")),
  ]);
}
