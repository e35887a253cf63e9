// Short news at the lower edge, and the way back from what was just done.

import { byId, h, icon } from "./dom.js";

const SHOWN = 10_000;

/** @type {(() => Promise<any>) | null} */
let lastUndo = null;

/**
 * Says what was done, with a button that takes it back.
 * @param {string} words @param {() => Promise<any>} [undo]
 */
export function toast(words, undo) {
  const close = () => {
    if (lastUndo === back) lastUndo = null;
    element.remove();
  };
  const back = undo && (async () => {
    close();
    try {
      await undo();
    } catch (error) {
      fail(error);
    }
  });
  const element = h("div", { class: "toast" },
    h("p", {}, words),
    back && h("button", { type: "button", class: "button", onclick: back }, "Undo"),
    h("button", { type: "button", class: "button", "aria-label": "Dismiss", onclick: close }, icon("close")));
  lastUndo = back ?? lastUndo;
  byId("toasts").append(element);
  while (byId("toasts").children.length > 3) byId("toasts").firstElementChild.remove();
  leaveAfter(element, close);
}

/** Goes by itself, but not while somebody is about to use it. @param {HTMLElement} element @param {() => void} close */
function leaveAfter(element, close) {
  let timer = setTimeout(close, SHOWN);
  const hold = () => clearTimeout(timer);
  const release = () => { timer = setTimeout(close, SHOWN / 2); };
  element.addEventListener("pointerenter", hold);
  element.addEventListener("pointerleave", release);
  element.addEventListener("focusin", hold);
  element.addEventListener("focusout", release);
}

/** Takes back the last thing that a toast still offers to. @returns {boolean} whether there was one */
export function undoLast() {
  const undo = lastUndo;
  lastUndo = null;
  undo?.();
  return undo !== null;
}

/** Says what went wrong. @param {any} error */
export function fail(error) {
  if (error?.name === "AbortError" || error?.status === 401) return; // the log-in asks by itself
  toast(error?.message ?? String(error));
}

/** Does something, and says so if it fails. @template T @param {() => Promise<T>} act @returns {Promise<T | undefined>} */
export async function attempt(act) {
  try {
    return await act();
  } catch (error) {
    fail(error);
    return undefined;
  }
}
