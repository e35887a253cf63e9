// Images and files for a message: pasted, dropped or picked, and stored as soon as they are there.

import { address, newKey, Problem } from "./api.js";

/** @typedef {import("./drafts.js").Attached} Attached */

/** Milliseconds without progress after which an upload is given up. */
const STILL = 60_000;

/** Stores a file, telling how far it is from 0 to 1. @param {File} file @param {(part: number) => void} told @returns {Promise<Attached>} */
export function store(file, told) {
  // Of what is sent, only the old request tells how far it is.
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address("attachments"));
    request.responseType = "json";
    request.setRequestHeader("content-type", file.type || "application/octet-stream");
    request.setRequestHeader("idempotency-key", newKey());
    let clock = 0;
    const goOn = () => {
      clearTimeout(clock);
      clock = setTimeout(() => request.abort(), STILL);
    };
    request.upload.addEventListener("progress", (event) => {
      goOn();
      if (event.lengthComputable) told(event.loaded / event.total);
    });
    request.addEventListener("loadend", () => clearTimeout(clock));
    request.addEventListener("abort", () => reject(new Error(`${file.name} could not be sent: nothing of it went on for a minute. Add it again.`)));
    request.addEventListener("error", () => reject(new Error(`${file.name} could not be sent: the server cannot be reached.`)));
    request.addEventListener("load", () => {
      if (request.status !== 201) return reject(new Problem(request.status, request.response));
      const { digest, media_type, size } = request.response;
      resolve({ digest, media_type, size, name: file.name });
    });
    goOn();
    request.send(file);
  });
}

/**
 * What a message says that has files: content blocks as OpenAI has them, and where in them the bytes belong.
 * @param {string} text @param {Attached[]} files
 */
export function contentOf(text, files) {
  if (!files.length) return { content: text };
  /** @type {any[]} */
  const content = text ? [{ type: "text", text }] : [];
  const attachments = files.map((file) => {
    const at = content.length;
    const picture = /^image\/(png|jpeg|gif|webp)$/.test(file.media_type);
    content.push(picture ? { type: "image_url", image_url: { url: "" } } : { type: "file", file: { filename: file.name, file_data: "" } });
    const path = picture ? [at, "image_url", "url"] : [at, "file", "file_data"];
    return { path, digest: file.digest, size: file.size, media_type: file.media_type, form: "base64", prefix: `data:${file.media_type};base64,`, inline: false };
  });
  return { content, attachments };
}

/** The files of a drop or a paste. @param {DataTransfer | null} given @returns {File[]} */
export function filesOf(given) {
  return [...(given?.files ?? [])];
}
