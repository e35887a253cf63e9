// Who one is here: the password, and logging out.

import { post } from "./api.js";
import { confirm } from "./dialogs.js";
import { h } from "./dom.js";
import { countDrafts, dropAllDrafts } from "./drafts.js";
import { askForm } from "./forms.js";
import { counted } from "./times.js";
import { attempt, toast } from "./toasts.js";

export class Account {
  /** @param {{owner: string, name: string | null, by: string}} me */
  constructor(me) {
    const button = (/** @type {string} */ words, /** @type {() => any} */ act) => h("button", { type: "button", class: "button", onclick: act }, words);
    this.element = h("section", { class: "setting" }, h("h2", {}, "You"),
      h("p", { class: "muted small" }, me.name ? `You are logged in as ${me.name}.` : "You were let in by the link that the server has printed."),
      h("div", { class: "buttons" },
        me.name && button("Change the password…", () => this.changePassword()),
        button("Log out", () => this.logOut(false)),
        button("Log out everywhere", () => this.logOut(true))));
    this.element.hidden = !["login", "link"].includes(me.by);
  }

  async load() {}

  async changePassword() {
    const done = await askForm("Change the password", [
      { name: "password", label: "Present password", type: "password", required: true, attributes: { autofocus: true, autocomplete: "current-password" } },
      { name: "new_password", label: "New password", type: "password", required: true, hint: "8 characters or more. Every other browser is logged out.", attributes: { autocomplete: "new-password" } },
    ], "Change", async (values) => {
      await post("me/password", values);
      return true;
    });
    if (done) toast("The password is changed.");
  }

  /** @param {boolean} everywhere */
  async logOut(everywhere) {
    const drafts = countDrafts();
    if (drafts && !(await confirm("Log out?", `What you have written in ${counted(drafts, "place")} and not sent or saved yet is forgotten, so that nobody reads it who comes here after you.`, "Log out"))) return;
    await attempt(async () => {
      await post("logout", { everywhere });
      dropAllDrafts();
      // What is on the screen is nobody's to see now.
      location.assign(document.baseURI);
    });
  }
}
