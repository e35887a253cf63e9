// What conversations cost: tokens and money by day and by model.

import { get } from "./api.js";
import { bars } from "./chart.js";
import { fill, h, tool } from "./dom.js";
import { go } from "./places.js";
import { number } from "./times.js";
import { attempt } from "./toasts.js";

const SPANS = /** @type {[string, string][]} */ ([["7", "7 days"], ["30", "30 days"], ["90", "90 days"], ["365", "A year"]]);

/** @typedef {{day: string, model: string, input_tokens: number, output_tokens: number, cost: string, replies: number}} Sum */

export class UsageView {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    this.days = "30";
    this.width = 0;
    this.sized = new ResizeObserver(() => this.body && Math.abs(this.body.clientWidth - this.width) > 8 && this.draw());
  }

  async open() {
    document.title = "Usage · Ithaca";
    this.body = h("div", { class: "stack" });
    const span = h("select", { class: "field", onchange: () => { this.days = span.value; this.load(); } }, SPANS.map(([value, label]) => h("option", { value }, label)));
    span.value = this.days;
    fill(this.place, h("section", { class: "view", tabindex: "0", "aria-labelledby": "usage-title" },
      h("header", {}, tool("left", "Back to the list", () => go(""), { class: "back" }), h("h1", { id: "usage-title" }, "Usage"), h("label", {}, h("span", { class: "unseen" }, "Time"), span)),
      this.body));
    this.sums = undefined;
    this.sized.disconnect();
    this.sized.observe(this.body);
    await this.load();
  }

  async load() {
    const since = new Date(Date.now() - (Number(this.days) - 1) * 86_400_000).toISOString().slice(0, 10);
    const found = await attempt(() => get("usage", { since }));
    if (!found) return;
    this.since = since;
    this.sums = /** @type {Sum[]} */ (found.items);
    this.draw();
  }

  /** Draws what was used, as wide as there is room. */
  draw() {
    const { body, sums, since = "" } = this;
    if (!body || !sums) return;
    const width = (this.width = Math.max(280, body.clientWidth));
    if (!sums.length) return fill(body, h("p", { class: "muted" }, "Nothing was used in this time."));
    const days = daysFrom(since, Number(this.days));
    const models = byModel(sums);
    const tokens = (/** @type {Sum} */ sum) => sum.input_tokens + sum.output_tokens;
    const cost = (/** @type {Sum} */ sum) => Number(sum.cost);
    const paid = sums.some(cost);
    fill(body,
      h("dl", { class: "sums" }, [["Tokens in", total(sums, (sum) => sum.input_tokens)], ["Tokens out", total(sums, (sum) => sum.output_tokens)]].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, number(/** @type {number} */ (value))))),
        paid && h("div", {}, h("dt", {}, "Cost"), h("dd", {}, money(total(sums, cost))))),
      h("h2", {}, "Tokens by day"), bars(days, series(models, tokens), { title: "Tokens by day", format: short, width }), legend(models),
      paid && [h("h2", {}, "Cost by day"), bars(days, series(models, cost), { title: "Cost by day", format: money, width })],
      h("h2", {}, "By model"),
      h("div", { class: "said" }, h("div", { class: "table", tabindex: "0", role: "group", "aria-label": "By model" }, h("table", { class: "figures" },
        h("thead", {}, h("tr", {}, ["Model", "Tokens in", "Tokens out", paid && "Cost"].filter(Boolean).map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, models.map(([name, each]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, number(total(each, (sum) => sum.input_tokens))), h("td", {}, number(total(each, (sum) => sum.output_tokens))), paid && h("td", {}, money(total(each, cost))))))))));
  }
}

/** @param {Sum[]} sums @param {(sum: Sum) => number} of */
function total(sums, of) {
  return sums.reduce((sum, each) => sum + of(each), 0);
}

/** Models with their sums, the most used first. @param {Sum[]} sums @returns {[string, Sum[]][]} */
function byModel(sums) {
  /** @type {Map<string, Sum[]>} */
  const models = new Map();
  for (const sum of sums) models.set(sum.model, [...(models.get(sum.model) ?? []), sum]);
  const weight = (/** @type {Sum[]} */ each) => total(each, (sum) => sum.input_tokens + sum.output_tokens);
  return [...models].sort((one, other) => weight(other[1]) - weight(one[1]));
}

/** @param {[string, Sum[]][]} models @param {(sum: Sum) => number} of */
function series(models, of) {
  return models.map(([name, sums]) => ({ name, values: new Map(sums.map((sum) => [sum.day, of(sum)])) }));
}

/** @param {[string, Sum[]][]} models */
function legend(models) {
  return h("p", { class: "legend" }, models.slice(0, 5).map(([name], at) => h("span", {}, h("i", { class: `c${at}` }), at === 4 && models.length > 5 ? "others" : name)));
}

/** @param {string} since @param {number} count */
function daysFrom(since, count) {
  const start = Date.parse(since);
  return Array.from({ length: count }, (_, at) => new Date(start + at * 86_400_000).toISOString().slice(0, 10));
}

const shortNumbers = new Intl.NumberFormat(undefined, { notation: "compact" });
/** @param {number} value */
const short = (value) => shortNumbers.format(value);
const amounts = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 4 });
/** @param {number} value */
const money = (value) => amounts.format(value);
