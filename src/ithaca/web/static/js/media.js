// Images, sounds and files within a message, in whichever of the providers' shapes; none is asked of anybody but our server.

import { address, part } from "./api.js";
import { beside, h, icon } from "./dom.js";
import { size } from "./times.js";

/** @typedef {import("./types.js").Place} Place */

const IMAGE = /^image\/(png|jpeg|gif|webp|avif)$/;
const SOUND = /^audio\/(mpeg|mp3|ogg|wav|x-wav|flac|aac)$/;

/**
 * What a block with bytes looks like; null if it has none.
 * @param {any} block @param {Place[]} places where in it attachments are
 */
export function mediaOf(block, places) {
  if (places.length) return places.map((place) => shown(stored(place), place.media_type, nameOf(block), place.size));
  const written = writtenIn(block);
  if (!written) return null;
  if (/^https?:/i.test(written.url) && URL.canParse(written.url)) return [remoteImage(written.url, nameOf(block))];
  return [shown(written.url, written.type, nameOf(block), null)];
}

/** @param {Place} place */
function stored(place) {
  return address(`attachments/${part(place.digest)}`).href;
}

/** The address that a block itself holds: with the bytes in it, or elsewhere. @param {any} block */
function writtenIn(block) {
  const given = block?.image_url?.url ?? block?.image_url ?? block?.file?.file_data ?? block?.file_data ?? block?.source?.url;
  if (typeof given === "string") return { url: given, type: /^data:([^;,]+)/.exec(given)?.[1] ?? "" };
  const { source, input_audio: sound } = block ?? {};
  if (typeof source?.data === "string" && source.type === "base64") return { url: `data:${source.media_type};base64,${source.data}`, type: source.media_type };
  if (typeof sound?.data === "string") return { url: `data:audio/${sound.format};base64,${sound.data}`, type: `audio/${sound.format}` };
  return null;
}

/** @param {any} block @returns {string} */
function nameOf(block) {
  const name = block?.file?.filename ?? block?.filename ?? block?.name ?? block?.title;
  return typeof name === "string" ? name : "";
}

/** @param {string} url @param {string} type @param {string} name @param {number | null} bytes */
function shown(url, type, name, bytes) {
  const known = [name || type || "File", bytes !== null && size(bytes)];
  const facts = known.filter(Boolean).join(" · ");
  if (IMAGE.test(type)) return image(url, facts);
  if (SOUND.test(type)) return h("audio", { src: url, controls: true, preload: "none", "aria-label": facts });
  return h("a", { class: "file", href: safe(url), download: name || true }, icon("page"), h("span", {}, beside(...known)));
}

/** Bytes that stand in the message are saved, never opened as a page of ours. @param {string} url */
function safe(url) {
  return /^(data:|https?:)/.test(url) ? url : null;
}

/** A thumbnail, which opens in full. @param {string} url @param {string} facts */
export function image(url, facts) {
  const picture = h("img", { src: url, alt: facts, loading: "lazy", decoding: "async" });
  return h("button", { type: "button", class: "thumbnail", "aria-haspopup": "dialog", onclick: () => enlarge(url, facts) }, picture);
}

/** @param {string} url @param {string} facts */
function enlarge(url, facts) {
  const close = h("button", { type: "button", class: "tool", "aria-label": "Close", autofocus: true, onclick: () => dialog.close() }, icon("close"));
  const dialog = h("dialog", { class: "picture", "aria-label": facts }, close, h("img", { src: url, alt: facts }));
  dialog.addEventListener("click", (/** @type {Event} */ event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * A button that shows an image from elsewhere, which until then nobody has asked for.
 * @param {string} url @param {string} words
 */
export function remoteImage(url, words) {
  const { host } = new URL(url);
  const show = () => {
    const src = new URL(`remote-image?address=${encodeURIComponent(url)}`, document.baseURI).href;
    button.replaceWith(h("iframe", { class: "remote-frame", title: `Picture from ${host}`, sandbox: "", referrerpolicy: "no-referrer", src }));
  };
  const button = h("button", { type: "button", class: "remote", onclick: show }, icon("image"), h("span", {}, "Show ", words ? h("bdi", {}, `“${words}”`) : "the picture", ` from ${host}`));
  return button;
}
