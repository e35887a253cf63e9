// Menus that hang on a button, for pointer and keyboard.

import { h, icon } from "./dom.js";

/**
 * @typedef {{icon?: string, label: string, act: () => any, warning?: boolean, checked?: boolean} | null} Item
 * null is a line between items.
 */

/** Opens a menu of these items beside a button. @param {HTMLElement} button @param {Item[]} items */
export function openMenu(button, items) {
  const menu = h("div", { class: "menu", role: "menu", popover: "auto", "aria-label": button.getAttribute("aria-label") ?? "Menu" },
    items.map((item) => (item === null ? h("hr", { role: "separator" }) : entry(item, () => menu.hidePopover()))));
  // Inside a dialog, a menu must lie in it to be reached; else in the landmark that the button is in.
  (button.closest("dialog, nav, main, .side-head") ?? document.body).append(menu);
  menu.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => onKey(menu, event));
  const again = () => requestAnimationFrame(() => place(menu, button));
  addEventListener("resize", again);
  menu.addEventListener("toggle", (/** @type {ToggleEvent} */ event) => {
    button.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState !== "closed") return;
    if (menu.contains(document.activeElement) || document.activeElement === document.body) button.focus();
    removeEventListener("resize", again);
    menu.remove();
  });
  menu.showPopover();
  place(menu, button);
  menu.querySelector("[role^=menuitem]")?.focus();
}

/** @param {NonNullable<Item>} item @param {() => void} close */
function entry(item, close) {
  const role = item.checked === undefined ? "menuitem" : "menuitemradio";
  const act = () => {
    close();
    item.act();
  };
  const checked = item.checked === undefined ? null : String(item.checked);
  return h("button", { type: "button", role, tabindex: "-1", class: item.warning ? "warning" : null, "aria-checked": checked, onclick: act },
    item.checked === undefined ? item.icon && icon(item.icon) : icon(item.checked ? "check" : "blank"), item.label);
}

/** Below the button, or above it where there is no room; nowhere, if the button is not shown any more. @param {HTMLElement} menu @param {HTMLElement} button */
function place(menu, button) {
  const at = button.getBoundingClientRect();
  if (!at.width) return menu.hidePopover();
  menu.style.left = "0px"; // or else what is left of the screen would make it narrow
  const own = menu.getBoundingClientRect();
  const below = at.bottom + own.height + 12 < innerHeight;
  const top = below ? at.bottom + 4 : Math.max(8, at.top - own.height - 4);
  const rightToLeft = getComputedStyle(button).direction === "rtl";
  const wanted = rightToLeft ? at.left : at.right - own.width;
  menu.style.top = `${top}px`;
  menu.style.left = `${Math.min(Math.max(8, wanted), innerWidth - own.width - 8)}px`;
}

/** @param {HTMLElement} menu @param {KeyboardEvent} event */
function onKey(menu, event) {
  const entries = /** @type {HTMLElement[]} */ ([...menu.querySelectorAll("[role^=menuitem]")]);
  const at = entries.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 + entries.length, Home: 0, End: entries.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    entries[to % entries.length].focus();
  } else if (event.key === "Tab") {
    menu.hidePopover();
  } else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && event.key !== " ") {
    entries.find((entry) => entry.textContent?.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
  }
  event.stopPropagation();
}
