// How long conversations are kept without use.

import { get, post, put, remove } from "./api.js";
import { confirm } from "./dialogs.js";
import { fill, h, tool } from "./dom.js";
import { askForm } from "./forms.js";
import { counted } from "./times.js";
import { attempt, toast } from "./toasts.js";

export class Retention {
  constructor() {
    this.list = h("ul", { class: "entries" });
    this.element = h("section", { class: "setting" }, h("h2", {}, "How long conversations are kept"),
      h("p", { class: "muted small" }, "Without a rule, for ever. A rule counts days without use; what it deletes waits in the trash first. A folder's rule stands over the general one."),
      this.list,
      h("div", { class: "buttons" },
        h("button", { type: "button", class: "button", onclick: () => this.edit(null) }, "Add a rule…"),
        h("button", { type: "button", class: "button", onclick: () => this.apply() }, "Apply now…")));
  }

  async load() {
    const { items } = await get("retention");
    fill(this.list, items.length ? items.map((/** @type {any} */ policy) => this.entry(policy)) : h("li", { class: "muted" }, "No rules: everything is kept."));
  }

  /** @param {any} policy */
  entry(policy) {
    const name = policy.folder || "All conversations";
    const facts = [
      policy.archive_after !== null && `archived after ${counted(policy.archive_after, "day")}`,
      policy.delete_after !== null && `deleted after ${counted(policy.delete_after, "day")}`,
      policy.keep_starred && "starred ones are kept",
      policy.keep_newest > 0 && `the newest ${policy.keep_newest} are kept`,
      policy.legal_hold && "on legal hold: nothing ends",
    ].filter(Boolean).join(" · ");
    return h("li", {}, h("div", { class: "what" }, h("b", { dir: "auto" }, name), h("p", {}, facts)),
      tool("pencil", `Change the rule for ${name}`, () => this.edit(policy)),
      tool("trash", `Remove the rule for ${name}`, () => this.drop(policy)));
  }

  /** @param {any} policy */
  async edit(policy) {
    const { items: folders } = (await attempt(() => get("folders"))) ?? { items: [] };
    const options = /** @type {[string, string][]} */ ([["", "All conversations"], ...folders.map((/** @type {any} */ each) => [each.name, each.name])]);
    if (policy?.folder && !options.some(([name]) => name === policy.folder)) options.push([policy.folder, policy.folder]);
    const saved = await askForm(policy ? "Change a rule" : "Add a rule", [
      ...(policy ? [] : [{ name: "folder", label: "For", options, value: "" }]),
      { name: "archive_after", label: "Archive after so many days without use", type: "number", value: policy?.archive_after, attributes: { min: 0, step: "any" } },
      { name: "delete_after", label: "Delete after so many days without use", type: "number", value: policy?.delete_after, attributes: { min: 0, step: "any" } },
      { name: "keep_newest", label: "Always keep the newest", type: "number", value: policy?.keep_newest ?? 0, attributes: { min: 0 } },
      { name: "keep_starred", label: "Keep starred conversations", type: "checkbox", value: policy?.keep_starred ?? true },
    ], "Save", ({ folder = policy?.folder, ...values }) => put("retention", { ...values, keep_newest: values.keep_newest ?? 0, ...(folder ? { folder } : {}) }));
    if (saved) await this.load();
  }

  /** @param {any} policy */
  async drop(policy) {
    await attempt(() => remove("retention", policy.folder ? { folder: policy.folder } : {}));
    await this.load();
    const { folder, archive_after, delete_after, keep_starred, keep_newest } = policy;
    toast("The rule is removed.", async () => {
      await put("retention", { archive_after, delete_after, keep_starred, keep_newest, ...(folder ? { folder } : {}) });
      await this.load();
    });
  }

  /** Says first what would happen. */
  async apply() {
    const would = await attempt(() => post("retention:apply", { dry_run: true }));
    if (!would) return;
    if (!would.archived && !would.deleted) return toast("Nothing is old enough for a rule.");
    const words = `${counted(would.archived, "conversation")} would be archived, ${would.deleted} moved to the trash.`;
    if (!(await confirm("Apply the rules now?", words, "Apply"))) return;
    await attempt(async () => {
      const done = await post("retention:apply", {});
      toast(`${counted(done.archived, "conversation")} archived, ${done.deleted} moved to the trash.`);
    });
  }
}
