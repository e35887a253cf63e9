// Which model answers, of which server: the picker, and what a new conversation begins with.

import { get, part } from "./api.js";
import { openDialog } from "./dialogs.js";
import { fill, h, icon } from "./dom.js";
import { attempt } from "./toasts.js";

/** @typedef {{endpoint_url: string, model: string}} Choice */
/** @typedef {{name: string, base_url: string, model: string, context_window: number | null, shared: boolean}} Endpoint */

const LAST = "ithaca-model";

/** @returns {Promise<Endpoint[]>} */
export async function endpoints() {
  return (await get("endpoints")).items;
}

/** What was chosen last, or the first that there is; null if there is none. @returns {Promise<Choice | null>} */
export async function usualModel() {
  const known = (await attempt(endpoints)) ?? [];
  const last = JSON.parse(localStorage.getItem(LAST) ?? "null");
  if (last && known.some((each) => each.name === last.endpoint_url)) return last;
  const first = known.find((each) => each.model) ?? known[0];
  return first ? { endpoint_url: first.name, model: first.model } : null;
}

/** Asks for a model; null if none was chosen. @param {Choice | null} current @returns {Promise<Choice | null>} */
export async function chooseModel(current) {
  const known = await attempt(endpoints);
  if (!known) return null;
  const chosen = await openDialog("Model", (close) => {
    const filter = h("input", { class: "field", type: "search", placeholder: "Filter", "aria-label": "Filter the models", autofocus: true, oninput: () => narrow(list, filter.value) });
    const list = h("div", { class: "models" }, known.map((endpoint) => section(endpoint, current, close)));
    return [
      known.length ? [filter, list] : h("p", {}, "No model's server is known yet."),
      h("div", { class: "buttons" },
        h("a", { class: "button", href: "settings", "data-go": true, onclick: () => close(null) }, known.length ? "Servers…" : "Add a server"),
        h("button", { type: "button", class: "button", onclick: () => close(null) }, "Cancel")),
    ].flat();
  });
  if (chosen) localStorage.setItem(LAST, JSON.stringify(chosen));
  return chosen;
}

/** @param {Endpoint} endpoint @param {Choice | null} current @param {(choice: Choice | null) => void} close */
function section(endpoint, current, close) {
  const models = h("div", { class: "folders" }, h("p", { class: "muted small" }, "Asking…"));
  const entry = (/** @type {string} */ model) => {
    const chosen = current?.endpoint_url === endpoint.name && current.model === model;
    return h("button", { type: "button", "aria-pressed": String(chosen), "data-model": model.toLowerCase(), onclick: () => close({ endpoint_url: endpoint.name, model }) },
      icon(chosen ? "check" : "blank"), h("span", {}, model));
  };
  get(`endpoints/${part(endpoint.name)}/models`).then(({ items }) => fill(models, items.map(entry)), (error) => {
    const usual = endpoint.model ? entry(endpoint.model) : null;
    fill(models, h("p", { class: "muted small" }, error.message), usual);
  });
  return h("section", {}, h("h3", { class: "small muted" }, endpoint.name, endpoint.shared && " · shared"), models);
}

/** @param {HTMLElement} list @param {string} words */
function narrow(list, words) {
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll("[data-model]"))) {
    button.hidden = !button.dataset.model?.includes(words.trim().toLowerCase());
  }
}
