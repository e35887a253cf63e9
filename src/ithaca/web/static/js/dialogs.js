// Questions in front of the page. Each returns a promise of the answer; null if it was left.

import { h } from "./dom.js";

let number = 0;

/**
 * Shows a dialog; what `build` gets closes it with an answer.
 * @template T
 * @param {string} title
 * @param {(close: (answer: T | null) => void) => any[]} build what stands below the title
 * @param {{wide?: boolean}} [more]
 * @returns {Promise<T | null>}
 */
export function openDialog(title, build, { wide = false } = {}) {
  const id = `dialog-${++number}`;
  return new Promise((resolve) => {
    /** @type {T | null} */
    let answer = null;
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    const dialog = h("dialog", { "aria-labelledby": id, class: wide ? "wide" : null });
    const close = (/** @type {T | null} */ given) => {
      answer = given;
      dialog.close();
    };
    dialog.append(h("div", { class: "stack" }, h("h2", { id }, title), ...build(close)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      before?.isConnected && before.focus();
      resolve(answer);
    });
    // A click beside it takes nothing away that was typed.
    let typed = false;
    dialog.addEventListener("input", () => { typed = true; });
    dialog.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (!typed && event.target === dialog && outside(dialog, event)) close(null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** @param {HTMLElement} dialog @param {PointerEvent} event */
function outside(dialog, event) {
  const box = dialog.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

/** Whether somebody agrees. @param {string} title @param {string} words @param {string} verb @returns {Promise<boolean | null>} */
export function confirm(title, words, verb) {
  return openDialog(title, (close) => [
    h("p", {}, words),
    h("div", { class: "buttons" },
      h("button", { type: "button", class: "button", autofocus: true, onclick: () => close(null) }, "Cancel"),
      h("button", { type: "button", class: "button warning", onclick: () => close(true) }, verb)),
  ]);
}

/** A line of text. @param {string} title @param {string} label @param {string} value @param {string[]} [known] @returns {Promise<string | null>} */
export function promptFor(title, label, value, known = []) {
  return openDialog(title, (close) => {
    const list = `known-${number}`;
    const field = h("input", { class: "field", value, autofocus: true, list: known.length ? list : null, dir: "auto", maxlength: 300 });
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      close(field.value.trim());
    };
    return [h("form", { onsubmit: submit },
      h("label", { class: "named" }, label, field),
      known.length > 0 && h("datalist", { id: list }, known.map((each) => h("option", { value: each }))),
      h("div", { class: "buttons" },
        h("button", { type: "button", class: "button", onclick: () => close(null) }, "Cancel"),
        h("button", { class: "button main-one" }, "Save")))];
  });
}
