// How full the model's window is.

import { get, part } from "./api.js";
import { fill, h } from "./dom.js";
import { endpoints } from "./models.js";
import { number } from "./times.js";

/** Tokens of a model of which nobody said how many it holds; the server's own default. */
const USUAL = 32_768;

/** @param {HTMLElement} place @param {import("./types.js").Session} session */
export async function showMeter(place, session) {
  const known = await endpoints().catch(() => []);
  const window = known.find((each) => each.name === session.endpoint_url || each.base_url === session.endpoint_url)?.context_window ?? USUAL;
  const info = await get(`sessions/${part(session.id)}/context-info`, { max_tokens: window }).catch(() => null);
  if (!info) return fill(place);
  const percent = Math.min(100, Math.round(info.percent));
  const left = Object.values(info.left_out).reduce((sum, count) => sum + count, 0);
  const words = `${number(info.used)} of ${number(window)} tokens of the context${left ? `; ${number(left)} messages are left out` : ""}`;
  const bar = h("span", { class: percent > 85 ? "bar full" : "bar" }, h("span", {}));
  bar.firstElementChild.style.inlineSize = `${Math.max(percent, 2)}%`;
  fill(place, h("span", { role: "meter", "aria-label": "Context", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(percent), "aria-valuetext": words, title: words }, bar, h("span", { "aria-hidden": "true" }, `${percent}%`)));
}
