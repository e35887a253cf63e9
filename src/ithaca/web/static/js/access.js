// Who may ask: keys for programs, and users.

import { get, part, patch, post, remove } from "./api.js";
import { confirm, openDialog } from "./dialogs.js";
import { fill, h, tool } from "./dom.js";
import { askForm } from "./forms.js";
import { copier } from "./said.js";
import { shortTime } from "./times.js";
import { attempt, toast } from "./toasts.js";

export class Keys {
  constructor() {
    this.list = h("ul", { class: "entries" });
    this.element = h("section", { class: "setting" }, h("h2", {}, "Keys for programs"),
      h("p", { class: "muted small" }, "A program shows a key as “Authorization: Bearer …”. What it says is shown once; only a hash of it is stored."),
      this.list, h("div", { class: "buttons" }, h("button", { type: "button", class: "button", onclick: () => this.add() }, "Make a key…")));
  }

  async load() {
    const { items } = await get("keys");
    fill(this.list, items.length ? items.map((/** @type {any} */ key) => this.entry(key)) : h("li", { class: "muted" }, "None."));
  }

  /** @param {any} key */
  entry(key) {
    const facts = [`${key.hint}…`, key.scopes.join(", "), key.used_at ? `last used ${shortTime(key.used_at)}` : "never used",
      key.expires_at && `until ${shortTime(key.expires_at)}`].filter(Boolean).join(" · ");
    return h("li", {}, h("div", { class: "what" }, h("b", { dir: "auto" }, key.name), h("p", {}, facts)),
      tool("trash", `End the key ${key.name}`, () => this.drop(key)));
  }

  async add() {
    const made = await askForm("Make a key", [
      { name: "name", label: "What it is for", required: true, attributes: { autofocus: true, placeholder: "backup" } },
      { name: "may", label: "It may", value: "read write", options: [["read", "read"], ["read write", "read and change"]] },
      { name: "days", label: "Ends after so many days", type: "number", hint: "Empty: never.", attributes: { min: 1 } },
    ], "Make", ({ name, may, days }) => {
      const ends = days === null ? {} : { expires_at: new Date(Date.now() + days * 86_400_000).toISOString() };
      return post("keys", { name, scopes: may.split(" "), ...ends });
    });
    if (!made) return;
    await this.load();
    await openDialog("The key", (close) => [
      h("p", {}, "Copy it now: it is not shown again."),
      h("p", { class: "token" }, h("code", {}, made.token), copier(() => made.token, "Copy the key")),
      h("div", { class: "buttons" }, h("button", { type: "button", class: "button main-one", onclick: () => close(null) }, "Done"))]);
  }

  /** @param {any} key */
  async drop(key) {
    if (!(await confirm(`End the key “${key.name}”?`, "Programs that show it are refused from then on.", "End it"))) return;
    await attempt(() => remove(`keys/${part(key.id)}`));
    await this.load();
  }
}

export class Users {
  /** @param {{name: string | null}} me */
  constructor(me) {
    this.me = me;
    this.list = h("ul", { class: "entries" });
    this.element = h("section", { class: "setting" }, h("h2", {}, "Users"),
      h("p", { class: "muted small" }, "Who logs in to this page with a password, each with conversations of their own."),
      this.list, h("div", { class: "buttons" }, h("button", { type: "button", class: "button", onclick: () => this.add() }, "Add a user…")));
  }

  async load() {
    const found = await get("admin/users").catch((error) => (error.status === 404 ? null : Promise.reject(error)));
    this.element.hidden = found === null; // where people are let in in another way
    const items = found?.items ?? [];
    fill(this.list, items.length ? items.map((/** @type {any} */ user) => this.entry(user)) : h("li", { class: "muted" }, "None: who has the link that the server prints at its start is let in."));
  }

  /** @param {any} user */
  entry(user) {
    const facts = [user.owner !== user.name && `works on what ${user.owner || "nobody"} owns`, user.is_admin && "administrator", `password set ${shortTime(user.password_at)}`].filter(Boolean).join(" · ");
    return h("li", {}, h("div", { class: "what" }, h("b", { dir: "auto" }, user.name), h("p", {}, facts)),
      tool("pencil", `Change ${user.name}`, () => this.change(user)),
      user.name !== this.me.name && tool("trash", `Remove ${user.name}`, () => this.drop(user)));
  }

  async add() {
    const made = await askForm("Add a user", [
      { name: "name", label: "Name", required: true, attributes: { autofocus: true, autocomplete: "off" } },
      { name: "password", label: "Password", type: "password", required: true, hint: "8 characters or more.", attributes: { autocomplete: "new-password" } },
      { name: "is_admin", label: "Administrator", type: "checkbox" },
    ], "Add", (values) => post("admin/users", values));
    if (made) await this.load();
  }

  /** @param {any} user */
  async change(user) {
    const changed = await askForm(`Change ${user.name}`, [
      { name: "password", label: "New password", type: "password", hint: "Empty: the old one stays.", attributes: { autocomplete: "new-password" } },
      { name: "is_admin", label: "Administrator", type: "checkbox", value: user.is_admin },
    ], "Save", ({ password, is_admin }) => patch(`admin/users/${part(user.name)}`, { is_admin, ...(password ? { password } : {}) }));
    if (changed) toast(`${user.name} has to log in anew.`);
    await this.load();
  }

  /** @param {any} user */
  async drop(user) {
    if (!(await confirm(`Remove ${user.name}?`, "They cannot log in any more. Their conversations stay.", "Remove"))) return;
    await attempt(() => remove(`admin/users/${part(user.name)}`));
    await this.load();
  }
}
