// Forms in dialogs, of a few named fields.

import { openDialog } from "./dialogs.js";
import { h, put } from "./dom.js";

let number = 0;

/**
 * @typedef {{name: string, label: string, type?: string, value?: any, hint?: string, required?: boolean, options?: [string, string][], attributes?: Record<string, any>}} Field
 */

/**
 * Asks for some values; keeps asking, with the server's words at the field, until `save` has taken them.
 * @template T
 * @param {string} title @param {Field[]} fields @param {string} verb @param {(values: Record<string, any>) => Promise<T>} save
 * @param {{intro?: any[], waiting?: string}} [more] what stands above the fields; what is said while `save` takes its time
 * @returns {Promise<T | null>}
 */
export function askForm(title, fields, verb, save, { intro = [], waiting = verb } = {}) {
  return openDialog(title, (close) => {
    const inputs = new Map(fields.map((field) => [field.name, inputOf(field)]));
    const fault = h("p", { class: "fault", role: "alert" });
    const button = h("button", { class: "button main-one" }, verb);
    const wait = (/** @type {boolean} */ on) => {
      button.textContent = on ? waiting : verb;
      put(button, "aria-disabled", on);
    };
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      if (button.hasAttribute("aria-disabled")) return; // once is enough
      wait(true);
      fault.textContent = "";
      for (const input of inputs.values()) input.removeAttribute("aria-invalid");
      try {
        close(await save(Object.fromEntries(fields.map((field) => [field.name, valueOf(field, inputs.get(field.name))]))));
      } catch (/** @type {any} */ error) {
        fault.textContent = error.message;
        const wrong = inputs.get(error.members?.field);
        wrong?.setAttribute("aria-invalid", "true");
        wrong?.focus();
      } finally {
        wait(false);
      }
    };
    return [...intro, h("form", { onsubmit: submit },
      fields.map((field) => rowOf(field, inputs.get(field.name))),
      h("div", { class: "buttons" }, fault,
        h("button", { type: "button", class: "button", onclick: () => close(null) }, "Cancel"),
        button))];
  });
}

/** @param {Field} field */
function inputOf({ type = "text", value = "", required = false, options, attributes = {} }) {
  if (options) {
    const select = h("select", { class: "field", ...attributes }, options.map(([each, label]) => h("option", { value: each }, label)));
    select.value = value;
    return select;
  }
  const input = h("input", { type, required, class: type === "checkbox" ? null : "field", dir: type === "text" ? "auto" : null, ...attributes });
  if (type === "checkbox") input.checked = Boolean(value);
  else input.value = value ?? "";
  return input;
}

/** @param {Field} field @param {any} input */
function rowOf({ label, hint, type }, input) {
  if (type === "checkbox") return h("label", { class: "check" }, input, h("span", {}, label));
  const id = `field-${++number}`;
  input.id = id;
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", { class: "named" }, h("label", { for: id }, label), input, hint && h("span", { class: "hint", id: `${id}-hint` }, hint));
}

/** @param {Field} field @param {any} input */
function valueOf({ type }, input) {
  if (type === "checkbox") return input.checked;
  if (type === "number") return input.value === "" ? null : Number(input.value);
  return input.value.trim();
}
