// Compaction: the model sums up the beginning of a conversation, and is sent the summary in its place from then on.

import { restore } from "./actions.js";
import { get, part, post } from "./api.js";
import { h } from "./dom.js";
import { askForm } from "./forms.js";
import { attempt, toast } from "./toasts.js";

/** Messages at the end that are sent as they are, unless somebody says otherwise. */
const KEPT = 6;

/** @typedef {{id: string, summary: string, counts: boolean}} Compaction */

/** Asks how much is summed up, and has it done. @param {import("./types.js").Session} session */
export async function compact(session) {
  const path = `sessions/${part(session.id)}`;
  const made = await attempt(() => get(`${path}/compactions`));
  if (!made) return;
  const used = made.items.find((/** @type {Compaction} */ each) => each.counts);
  const keep = { name: "keep_last", label: "Messages at the end that are sent as they are", type: "number", required: true,
    value: Math.min(KEPT, Math.max(session.message_count - 1, 0)), attributes: { min: 0, inputmode: "numeric" } };
  await askForm("Compact the conversation", [keep], "Compact", async (values) => {
    const compaction = await post(`${path}/summaries`, values);
    toast("A summary is sent from now on, in place of what it tells of.", () => restore(compaction.id));
    return compaction;
  }, {
    intro: [
      h("p", {}, "The model sums up what was said before. From then on it is sent the summary instead. Here, everything stays as it is."),
      used && h("details", { class: "fold" }, h("summary", {}, h("span", {}, "The summary in use")), h("div", { class: "inside", tabindex: "0", role: "group", "aria-label": "The summary in use" }, h("p", { class: "plain", dir: "auto" }, used.summary))),
    ],
    waiting: "Summing up…",
  });
}
