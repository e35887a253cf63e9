// Models' servers: registered, tried, changed, removed.

import { get, part, patch, post, remove } from "./api.js";
import { confirm } from "./dialogs.js";
import { fill, h, tool } from "./dom.js";
import { askForm } from "./forms.js";
import { attempt, toast } from "./toasts.js";

/** @typedef {import("./models.js").Endpoint & {has_key: boolean}} Endpoint */

export class Endpoints {
  /** @param {boolean} admin */
  constructor(admin) {
    this.admin = admin;
    this.list = h("ul", { class: "entries" });
    this.element = h("section", { class: "setting" }, h("h2", {}, "Models' servers"),
      h("p", { class: "muted small" }, "Whatever speaks OpenAI's Chat Completions: Ollama, llama.cpp, vLLM, LM Studio, OpenRouter, OpenAI. Keys are kept encrypted and are never shown."),
      this.list,
      h("div", { class: "buttons" },
        h("button", { type: "button", class: "button", onclick: () => this.add({}) }, "Add a server…"),
        admin && h("button", { type: "button", class: "button", onclick: (/** @type {MouseEvent} */ event) => this.discover(/** @type {any} */ (event.currentTarget)) }, "Look for servers here")));
  }

  async load() {
    const { items } = await get("endpoints");
    fill(this.list, items.length ? items.map((/** @type {Endpoint} */ endpoint) => this.entry(endpoint)) : h("li", { class: "muted" }, "None yet."));
  }

  /** @param {Endpoint} endpoint */
  entry(endpoint) {
    const facts = [endpoint.base_url, endpoint.model, endpoint.has_key && "with a key", endpoint.shared && "shared"].filter(Boolean).join(" · ");
    const mine = !endpoint.shared || this.admin;
    return h("li", {}, h("div", { class: "what" }, h("b", {}, endpoint.name), h("p", {}, facts)),
      h("span", { class: "deeds" },
        h("button", { type: "button", class: "button", onclick: (/** @type {any} */ event) => this.test(endpoint, event.currentTarget) }, "Test"),
        mine && tool("pencil", `Change ${endpoint.name}`, () => this.change(endpoint)),
        mine && tool("trash", `Remove ${endpoint.name}`, () => this.drop(endpoint))));
  }

  /** @param {{base_url?: string, name?: string, model?: string}} given */
  async add(given) {
    const fields = [
      { name: "name", label: "Name", required: true, value: given.name, attributes: { autofocus: true, placeholder: "ollama" } },
      ...this.fields({ base_url: given.base_url ?? "", model: given.model ?? "", context_window: null }),
      ...(this.admin ? [{ name: "shared", label: "Everybody may use it", type: "checkbox" }] : []),
    ];
    const made = await askForm("Add a model's server", fields, "Add", ({ shared, ...values }) => post(shared ? "admin/endpoints" : "endpoints", tidy(values)));
    if (made) await this.load();
  }

  /** @param {{base_url: string, model: string, context_window: number | null, has_key?: boolean}} endpoint */
  fields({ base_url, model, context_window, has_key = false }) {
    return [
      { name: "base_url", label: "Address", required: true, value: base_url, attributes: { type: "url", placeholder: "http://localhost:11434/v1" } },
      { name: "key", label: "Key", type: "password", hint: has_key ? "Leave it empty to keep the one that is stored." : "Where the server asks for one.", attributes: { autocomplete: "off" } },
      { name: "model", label: "Usual model", value: model, attributes: { placeholder: "qwen3" } },
      { name: "context_window", label: "Context window, in tokens", type: "number", value: context_window, attributes: { min: 1 } },
    ];
  }

  /** @param {Endpoint} endpoint */
  async change(endpoint) {
    const path = `${endpoint.shared ? "admin/" : ""}endpoints/${part(endpoint.name)}`;
    const changed = await askForm(`Change ${endpoint.name}`, this.fields(endpoint), "Save", (values) => {
      const changes = tidy(values);
      if (changes.base_url === endpoint.base_url) delete changes.base_url;
      return patch(path, changes);
    });
    if (changed) await this.load();
  }

  /** @param {Endpoint} endpoint */
  async drop(endpoint) {
    if (!(await confirm(`Remove ${endpoint.name}?`, "Its key is erased with it. Conversations stay, and can be given another model.", "Remove"))) return;
    await attempt(() => remove(`${endpoint.shared ? "admin/" : ""}endpoints/${part(endpoint.name)}`));
    await this.load();
  }

  /** @param {Endpoint} endpoint @param {HTMLButtonElement} button */
  async test(endpoint, button) {
    button.disabled = true;
    await attempt(async () => {
      const found = await post(`endpoints/${part(endpoint.name)}/test`);
      const lacks = found.has_model === false ? ` It does not have ${endpoint.model}.` : "";
      toast(`${endpoint.name} answered in ${found.seconds.toFixed(2)} s; it has ${found.models.length} models.${lacks}`);
    });
    button.disabled = false;
  }

  /** @param {HTMLButtonElement} button */
  async discover(button) {
    button.disabled = true;
    const found = await attempt(() => get("admin/endpoints:discover"));
    button.disabled = false;
    if (!found) return;
    if (!found.items.length) return toast("No model's server answers on this machine's usual ports.");
    const [{ kind, base_url, models }] = found.items;
    await this.add({ name: kind.toLowerCase().replace(/\W+/g, "-"), base_url, model: models[0] });
  }
}

/** Without what was left empty. @param {Record<string, any>} values @returns {Record<string, any>} */
function tidy(values) {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== "" && (value !== null || name === "context_window")));
}
