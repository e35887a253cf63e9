// What differs between two texts, line by line (Myers, "An O(ND) Difference Algorithm", 1986).

/** Differences beyond which the rest is told as one removed and one added part. */
const MOST = 1500;

/** @typedef {{kind: "same" | "removed" | "added", text: string}} Line */

/** @param {string} before @param {string} after @returns {Line[]} */
export function lineDiff(before, after) {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const same = (/** @type {string[]} */ lines) => lines.map((text) => /** @type {Line} */ ({ kind: "same", text }));
  return [...same(a.slice(0, start)), ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)), ...same(a.slice(a.length - end))];
}

/** @param {string[]} a @param {string[]} b @returns {Line[]} */
function middle(a, b) {
  const steps = paths(a, b);
  if (!steps) return [...told("removed", a), ...told("added", b)];
  /** @type {Line[]} */
  const lines = [];
  let [x, y] = [a.length, b.length];
  for (let d = steps.length - 1; x > 0 || y > 0; d -= 1) {
    const reach = steps[d];
    const k = x - y;
    const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
    const from = down ? k + 1 : k - 1;
    const [px, py] = d === 0 ? [0, 0] : [reach.get(from) ?? 0, (reach.get(from) ?? 0) - from];
    while (x > px && y > py && x > 0 && y > 0 && (d === 0 || x - px !== (down ? 0 : 1) || y - py !== (down ? 1 : 0))) {
      lines.push({ kind: "same", text: a[x - 1] });
      [x, y] = [x - 1, y - 1];
    }
    if (d === 0) break;
    if (down) lines.push({ kind: "added", text: b[y - 1] });
    else lines.push({ kind: "removed", text: a[x - 1] });
    [x, y] = [px, py];
  }
  return lines.reverse();
}

/** How far each diagonal reaches after each number of differences; null if there are too many. @param {string[]} a @param {string[]} b */
function paths(a, b) {
  /** @type {Map<number, number>[]} */
  const steps = [];
  let reach = new Map([[1, 0]]);
  for (let d = 0; d <= Math.min(a.length + b.length, MOST); d += 1) {
    steps.push(new Map(reach));
    const next = new Map(reach);
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
      let x = down ? (reach.get(k + 1) ?? 0) : (reach.get(k - 1) ?? 0) + 1;
      let y = x - k;
      while (x < a.length && y < b.length && a[x] === b[y]) [x, y] = [x + 1, y + 1];
      next.set(k, x);
      if (x >= a.length && y >= b.length) return steps;
    }
    reach = next;
  }
  return null;
}

/** @param {"removed" | "added"} kind @param {string[]} lines @returns {Line[]} */
function told(kind, lines) {
  return lines.map((text) => ({ kind, text }));
}
