// One conversation in the list.

import { menuOf } from "./actions.js";
import { h, icon, tool } from "./dom.js";
import { openMenu } from "./menus.js";
import { sessionPath } from "./places.js";
import { longTime, shortTime } from "./times.js";

/** @typedef {import("./types.js").Session} Session */

/**
 * @param {Session} session
 * @param {{selecting: boolean, selected: boolean, current: boolean, choose: (session: Session, event: Event) => void}} state
 */
export function rowOf(session, { selecting, selected, current, choose }) {
  const time = session.last_message_at ?? session.created_at;
  const link = h("a", { href: sessionPath(session.id), "data-go": true, "aria-current": current ? "page" : null, draggable: "true" },
    h("span", { class: "name", dir: "auto" }, session.name || "Untitled"),
    h("span", { class: "facts" },
      session.is_important && h("span", { class: "star", role: "img", "aria-label": "Starred" }, icon("starred")),
      h("time", { datetime: time, title: longTime(time) }, shortTime(time)),
      h("span", {}, [session.folder, session.model].filter(Boolean).map((fact, index) => [index ? " · " : "· ", h("bdi", {}, fact)]))));
  const box = selecting && h("input", { type: "checkbox", "aria-label": `Select ${session.name}`, onclick: (/** @type {Event} */ event) => choose(session, event) });
  if (box) box.checked = selected;
  const more = tool("more", `Actions for ${session.name}`, (event) => openMenu(/** @type {HTMLElement} */ (event.currentTarget), menuOf(session)),
    { class: "small", "aria-haspopup": "menu", "aria-expanded": "false", title: "Actions" });
  return h("li", { class: "row", "data-id": session.id }, box, link, more);
}
