// Logging in, in front of the page: nothing behind it is lost, nothing typed either.

import { get, link, post } from "./api.js";
import { h } from "./dom.js";

/** @type {HTMLDialogElement | null} */
let open = null;

/** Asks for name and password, and tells `signed-in` when they are right. */
export function askLogin() {
  if (open) return;
  const name = h("input", { class: "field", name: "username", autocomplete: "username", required: true, autofocus: true, dir: "auto" });
  const password = h("input", { class: "field", type: "password", name: "password", autocomplete: "current-password", required: true });
  const fault = h("p", { class: "fault", role: "alert" });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    fault.textContent = "";
    try {
      await post("login", { name: name.value, password: password.value });
      done();
    } catch (/** @type {any} */ error) {
      fault.textContent = error.message;
      password.select();
    }
  };
  const dialog = h("dialog", { "aria-labelledby": "login-title" }, h("form", { onsubmit: submit },
    h("h2", { id: "login-title" }, "Log in"),
    h("p", { class: "muted small" }, "Or open the link that the server has printed at its start. What you have written is kept."),
    h("label", { class: "named" }, "Name", name), h("label", { class: "named" }, "Password", password), fault,
    h("div", { class: "buttons" }, h("button", { class: "button main-one" }, "Log in"))));
  const done = () => {
    open = null;
    dialog.remove();
    link.dispatchEvent(new Event("signed-in"));
  };
  dialog.addEventListener("cancel", (/** @type {Event} */ event) => event.preventDefault());
  document.body.append(dialog);
  dialog.showModal();
  open = dialog;
  // Another window may log in meanwhile.
  const look = () => document.visibilityState === "visible" && open === dialog && get("me").then(done, () => {});
  document.addEventListener("visibilitychange", look);
}
