// What a message says, part by part: text as the server rendered it, thoughts and tool calls folded, images and files.

import { h, icon, say, tool } from "./dom.js";
import { showHtml } from "./markup.js";
import { mediaOf, remoteImage } from "./media.js";
import { fail } from "./toasts.js";

/** @typedef {import("./types.js").Message} Message */

/** @param {Message} message @returns {any[]} */
export function parts(message) {
  const blocks = typeof message.content === "string" ? [message.content] : (message.content ?? []);
  if (message.role === "tool") return [fold("Result", blocks.map(plain), message.tool_call_id ?? "")];
  const shown = blocks.map((block, index) => blockElement(block, message.html?.[index] ?? null, placesIn(message, index)));
  return [...gathered(shown), ...(message.tool_calls ?? []).map(call)];
}

/** @param {Message} message @param {number} index */
function placesIn(message, index) {
  return (message.attachments ?? []).filter((place) => place.path[0] === index);
}

/** @param {any} block @param {string | null} html @param {import("./types.js").Place[]} places */
function blockElement(block, html, places) {
  const media = mediaOf(block, places);
  if (media) return media;
  const kind = typeof block === "string" ? "text" : block?.type;
  if (kind === "thinking" || kind === "reasoning" || kind === "redacted_thinking") return thoughts(html);
  if (html !== null) return rich(html);
  if (kind === "tool_use" || kind === "function_call") return call(block);
  return fold(String(kind ?? "Block"), [plain(block)]);
}

/** Thumbnails that follow one another stand side by side. @param {any[]} shown */
function gathered(shown) {
  /** @type {any[]} */
  const groups = [];
  for (const part of shown.flat()) {
    const small = part.classList?.contains("thumbnail") || part.classList?.contains("file");
    const last = groups.at(-1);
    if (small && last?.classList?.contains("thumbnails")) last.append(part);
    else groups.push(small ? h("div", { class: "part thumbnails" }, part) : part);
  }
  return groups;
}

/** @param {string} html */
export function rich(html) {
  const element = h("div", { class: "part" });
  showHtml(element, html);
  finish(element);
  return element;
}

/** Gives code its buttons, and remote images theirs. @param {HTMLElement} element */
function finish(element) {
  for (const figure of element.querySelectorAll("figure.code")) {
    const caption = /** @type {HTMLElement} */ (figure.querySelector("figcaption"));
    const code = /** @type {HTMLElement} */ (figure.querySelector("pre"));
    const language = caption.textContent || "text";
    caption.replaceChildren(h("span", {}, language), copier(() => code.textContent ?? "", "Copy the code"));
    code.setAttribute("aria-label", `Code, ${language}`);
    code.setAttribute("role", "group");
  }
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (element.querySelectorAll("a.remote-image"))) {
    link.replaceWith(/^https?:/.test(link.href) && URL.canParse(link.href) ? remoteImage(link.href, link.textContent ?? "") : (link.textContent ?? ""));
  }
}

/** @param {string | null} html */
function thoughts(html) {
  return folded(h("span", {}, "Thoughts"), html === null ? h("p", { class: "muted" }, "They were not told.") : rich(html));
}

/** A tool call, in whichever of the providers' shapes. @param {any} given */
export function call(given) {
  const named = given?.function ?? given ?? {};
  const values = named.arguments ?? named.input ?? "";
  const text = typeof values === "string" ? indented(values) : JSON.stringify(values, null, 2);
  return folded([h("span", {}, `Calls ${typeof named.name === "string" ? named.name : "a tool"}`), h("code", { dir: "ltr" }, text.replace(/\s+/g, " ").slice(0, 200))], h("pre", { class: "plain", dir: "ltr" }, text));
}

/** @param {string} json */
function indented(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

/** @param {string} title @param {string[]} texts @param {string} [note] */
function fold(title, texts, note = "") {
  const text = texts.join("\n");
  return folded([h("span", {}, title), h("code", {}, text.replace(/\s+/g, " ").slice(0, 200) || note)], h("pre", { class: "plain", dir: "auto" }, text));
}

/** @param {any} summary @param {any} inside */
export function folded(summary, inside) {
  return h("details", { class: "fold part" }, h("summary", {}, summary), h("div", { class: "inside", tabindex: "0", role: "group", "aria-label": "Details" }, inside));
}

/** @param {any} block */
function plain(block) {
  if (typeof block === "string") return block;
  return typeof block?.text === "string" ? block.text : JSON.stringify(block, null, 2);
}

/** A button that copies a text. @param {() => string} text @param {string} name */
export function copier(text, name) {
  const copy = async (/** @type {MouseEvent} */ event) => {
    const button = /** @type {HTMLElement} */ (event.currentTarget);
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      fail(new Error("The browser does not let this page copy."));
      return;
    }
    button.replaceChildren(icon("check"));
    say("Copied");
    setTimeout(() => button.replaceChildren(icon("copy")), 1600);
  };
  return tool("copy", name, copy, { class: "small" });
}
