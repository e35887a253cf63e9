// One message: who speaks, what is said, and what can be done to it.

import { copier, folded, parts } from "./said.js";
import { howItEnded } from "./streaming.js";
import { h, tool } from "./dom.js";
import { openMenu } from "./menus.js";
import { longTime, shortTime } from "./times.js";

/** @typedef {import("./types.js").Message} Message */

const SPEAKERS = new Map([["user", "You"], ["assistant", "Assistant"], ["system", "Instructions"], ["developer", "Instructions"], ["tool", "Tool"]]);

/**
 * @param {Message} message
 * @param {{menu: (message: Message) => import("./menus.js").Item[], tools: (message: Message) => any[], versions: (message: Message) => any}} able
 */
export function messageElement(message, able) {
  const speaker = message.role === "tool" && message.name ? message.name : (SPEAKERS.get(message.role) ?? message.role);
  const article = h("article", { "aria-label": `${speaker}, ${longTime(message.created_at)}` },
    h("header", { class: "who" }, h("h2", { dir: "auto" }, speaker),
      h("time", { datetime: message.created_at, title: longTime(message.created_at) }, shortTime(message.created_at)),
      notes(message).map((note) => h("span", {}, note))),
    h("div", { class: "said", dir: "auto" }, thoughts(message), parts(message)), howItEnded(message.metadata));
  const more = tool("more", "More", (event) => openMenu(/** @type {HTMLElement} */ (event.currentTarget), able.menu(message)),
    { class: "small", "aria-haspopup": "menu", "aria-expanded": "false" });
  const tools = h("div", { class: "tools", role: "group", "aria-label": "Actions" },
    copier(() => textOf(message), "Copy the message"), able.tools(message), more);
  const item = h("li", { class: "message", "data-role": message.role, id: `m-${message.id}`, tabindex: "-1", "data-seq": message.seq }, article, tools);
  if (message.version_group) able.versions(message).then((/** @type {Node | null} */ chooser) => chooser && tools.prepend(chooser));
  return item;
}

/** What a model thought before it spoke, where a reply has kept it. @param {Message} message */
function thoughts(message) {
  const { reasoning } = message.metadata ?? {};
  return typeof reasoning === "string" && reasoning && folded(h("span", {}, "Thoughts"), h("pre", { class: "plain", dir: "auto" }, reasoning));
}

/** @param {Message} message */
function notes(message) {
  return [message.role === "tool" && message.name && "tool", message.edited_at && "edited", message.metadata?.hidden === true && "hidden from the model", message.metadata?.source === "slash" && "command"].filter(Boolean);
}

/** What a message says as plain text, as it was written. @param {Message} message @returns {string} */
export function textOf(message) {
  if (typeof message.content === "string") return message.content;
  return (message.content ?? []).map((block) => (typeof block === "string" ? block : (block?.text ?? ""))).filter((text) => typeof text === "string" && text).join("\n\n");
}
