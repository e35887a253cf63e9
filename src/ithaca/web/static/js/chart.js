// Stacked bars, drawn as SVG: a bar a day, a colour a model.

const SVG = "http://www.w3.org/2000/svg";
const [HEIGHT, LEFT, BELOW] = [220, 56, 22];
const dates = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });

/**
 * @param {string[]} days in order
 * @param {{name: string, values: Map<string, number>}[]} series the largest first
 * @param {{title: string, format: (value: number) => string, width: number}} more one unit of the width is a pixel, so that words can be read
 */
export function bars(days, series, { title, format, width }) {
  const sums = days.map((day) => series.reduce((sum, each) => sum + (each.values.get(day) ?? 0), 0));
  const top = nice(Math.max(...sums, 0));
  const svg = make("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, class: "chart", role: "img", "aria-label": `${title}: ${format(sums.reduce((a, b) => a + b, 0))} in ${days.length} days` });
  const high = HEIGHT - BELOW - 10;
  const y = (/** @type {number} */ value) => 10 + high - (top ? (value / top) * high : 0);
  for (const share of [0, 0.5, 1]) {
    svg.append(make("line", { x1: LEFT, x2: width, y1: y(top * share), y2: y(top * share) }), label(format(top * share), LEFT - 8, y(top * share) + 4, "end"));
  }
  const step = (width - LEFT) / Math.max(days.length, 1);
  days.forEach((day, at) => {
    let from = 0;
    series.forEach((each, number) => {
      const value = each.values.get(day) ?? 0;
      if (!value) return;
      const bar = make("rect", { x: LEFT + at * step + step * 0.12, width: Math.max(1, step * 0.76), y: y(from + value), height: Math.max(0.5, y(from) - y(from + value)), class: `c${Math.min(number, 4)}` });
      const told = make("title", {});
      told.textContent = `${day}, ${each.name}: ${format(value)}`;
      bar.append(told);
      svg.append(bar);
      from += value;
    });
    if (at % Math.ceil(days.length / (width / 80)) === 0) svg.append(label(dates.format(Date.parse(day)), LEFT + at * step + step / 2, HEIGHT - 6, "middle"));
  });
  return svg;
}

/** The next round number above. @param {number} value */
function nice(value) {
  if (value <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return (([1, 2, 5, 10].find((factor) => factor * power >= value)) ?? 10) * power;
}

/** @param {string} text @param {number} x @param {number} y @param {string} anchor */
function label(text, x, y, anchor) {
  const element = make("text", { x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
}

/** @param {string} tag @param {Record<string, any>} attributes */
function make(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}
