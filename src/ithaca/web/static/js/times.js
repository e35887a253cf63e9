// Times and numbers, in the words and order of the reader's language.

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const numbers = new Intl.NumberFormat();

/** A time, as short as it can be said: today's hour, a weekday, a date. @param {string | null} iso */
export function shortTime(iso) {
  if (!iso) return "";
  const time = new Date(iso);
  const now = new Date();
  if (time.toDateString() === now.toDateString()) return clock.format(time);
  const days = (now.getTime() - time.getTime()) / 86_400_000;
  if (days >= 0 && days < 6) return weekday.format(time);
  return (time.getFullYear() === now.getFullYear() ? day : dayOfYear).format(time);
}

/** A time in full. @param {string | null} iso */
export function longTime(iso) {
  return iso ? whole.format(new Date(iso)) : "";
}

/** A number with its thousands apart. @param {number} value */
export function number(value) {
  return numbers.format(value);
}

/** "1 message", "1,200 messages". @param {number} count @param {string} thing */
export function counted(count, thing) {
  return `${number(count)} ${thing}${count === 1 ? "" : "s"}`;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB"];
  const step = Math.min(2, Math.floor(Math.log10(bytes) / 3) - 1);
  return `${(bytes / 1000 ** (step + 1)).toFixed(1)} ${units[step]}`;
}
