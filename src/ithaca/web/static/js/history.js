// A window on a conversation: however long it is, some pages of it are in the document, and more come where one
// scrolls to. What is read stays where it is on the screen, whatever comes and goes around it.

import { fill, h } from "./dom.js";

/** @typedef {import("./types.js").Message} Message */

/** Messages that are asked for at once, and that are in the document at most. */
const PAGE = 40;
const MOST = 200;
/** Pixels from an edge at which the next page is asked for. */
const NEAR = 1200;

export class History {
  /**
   * @param {(query: {before?: number, after?: number, limit: number}) => Promise<Message[]>} load
   * @param {(message: Message) => HTMLElement} draw
   * @param {() => void} moved is told when another part is shown
   */
  constructor(load, draw, moved) {
    this.load = load;
    this.draw = draw;
    this.moved = moved;
    /** @type {Message[]} */
    this.messages = [];
    this.first = this.last = false;
    this.turn = 0;
    this.pinned = false;
    this.top = 0;
    this.list = h("ol", { class: "messages", "aria-label": "Messages" });
    this.edge = h("p", { class: "edge" });
    /** What comes after the last message: a reply on its way. */
    this.after = h("ol", { class: "messages after", "aria-label": "Answer" });
    this.element = h("div", { class: "history", tabindex: "0", role: "region", "aria-label": "What was said" }, this.edge, this.list, this.after);
    this.element.addEventListener("scroll", () => this.onScroll(), { passive: true });
    const grown = new ResizeObserver(() => this.pinned && this.toBottom());
    for (const each of [this.list, this.after, this.element]) grown.observe(each);
  }

  /** Shows the end. */
  async openAtEnd() {
    const turn = ++this.turn;
    const messages = await this.load({ limit: PAGE });
    if (turn !== this.turn) return;
    this.show(messages, messages.length < PAGE, true);
    this.toBottom();
  }

  /** Shows a message in the midst of others. @param {number} seq */
  async openAt(seq) {
    const turn = ++this.turn;
    const [before, after] = await Promise.all([this.load({ before: seq + 1, limit: PAGE }), this.load({ after: seq, limit: PAGE })]);
    if (turn !== this.turn) return;
    this.show([...before, ...after], before.length < PAGE, after.length < PAGE);
    this.pinned = false;
    const item = this.itemAt(seq);
    item?.scrollIntoView({ block: "center" });
    item?.classList.add("found");
    item?.focus({ preventScroll: true });
    this.onScroll();
  }

  /** Shows again what is shown, as it is now; without a jump. @param {() => void} [swap] is called as it is drawn */
  async refresh(swap = () => {}) {
    if (!this.messages.length) {
      await this.openAtEnd();
      return swap();
    }
    const turn = ++this.turn;
    const anchor = this.anchor();
    // What came back may stand before the first that is shown, where there was nothing before it.
    const from = this.first ? 0 : this.messages[0].seq - 1;
    const fetched = await this.load({ after: from, limit: Math.min(MOST, Math.max(PAGE, this.messages.length + PAGE)) });
    if (turn !== this.turn) return;
    if (!fetched.length) {
      await this.openAtEnd();
      return swap();
    }
    const last = this.last && fetched.length < Math.min(MOST, Math.max(PAGE, this.messages.length + PAGE));
    swap();
    this.replace(fetched, last);
    if (this.pinned) this.toBottom();
    else this.keep(anchor);
    this.moved();
  }

  /** Draws only what is another now. @param {Message[]} messages @param {boolean} last */
  replace(messages, last) {
    const shown = new Map(this.messages.map((message) => [message.id, message]));
    const kept = (/** @type {Message} */ message) => (same(shown.get(message.id), message) ? this.itemAt(message.seq) : null);
    const items = messages.map((message) => kept(message) ?? this.draw(message));
    for (const item of items) item.classList.remove("replaced");
    const wanted = new Set(items);
    for (const child of [...this.list.children]) if (!wanted.has(/** @type {HTMLElement} */ (child))) child.remove();
    items.forEach((item, index) => this.list.children[index] !== item && this.list.insertBefore(item, this.list.children[index] ?? null));
    this.messages = messages;
    this.last = last;
    this.mark();
  }

  /** @param {Message[]} messages @param {boolean} first @param {boolean} last */
  show(messages, first, last) {
    this.messages = messages;
    [this.first, this.last] = [first, last];
    fill(this.list, messages.map(this.draw));
    this.mark();
    this.moved();
  }

  /** Shows a message, and what follows it, as being replaced. @param {string} id */
  dim(id) {
    const at = this.messages.findIndex((message) => message.id === id);
    if (at >= 0) for (const message of this.messages.slice(at)) this.itemAt(message.seq)?.classList.add("replaced");
  }

  mark() {
    this.after.hidden = !this.last;
    this.edge.textContent = !this.first ? "…" : this.messages.length ? "" : "Nothing was said yet.";
  }

  async older() {
    const turn = this.turn;
    const page = await this.load({ before: this.messages[0].seq, limit: PAGE });
    if (turn !== this.turn) return;
    this.first = page.length < PAGE;
    const anchor = this.anchor();
    this.messages = [...page, ...this.messages];
    this.list.prepend(...page.map(this.draw));
    if (this.messages.length > MOST) {
      const kept = MOST - PAGE;
      for (const _ of this.messages.splice(kept)) this.list.lastElementChild?.remove();
      this.last = false;
    }
    this.mark();
    this.keep(anchor);
  }

  async newer() {
    const turn = this.turn;
    const page = await this.load({ after: this.messages[this.messages.length - 1].seq, limit: PAGE });
    if (turn !== this.turn) return;
    this.last = page.length < PAGE;
    const anchor = this.anchor();
    this.messages.push(...page);
    this.list.append(...page.map(this.draw));
    if (this.messages.length > MOST) {
      for (const _ of this.messages.splice(0, this.messages.length - MOST + PAGE)) this.list.firstElementChild?.remove();
      this.first = false;
    }
    this.mark();
    this.keep(anchor);
  }

  async onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    const below = scrollHeight - scrollTop - clientHeight;
    // Only who scrolls up leaves the end: this may be told late, when what came meanwhile has moved the end away.
    if (!this.last || below < 40) this.pinned = this.last;
    if (scrollTop < this.top && below > 4) this.pinned = false;
    this.top = scrollTop;
    this.moved();
    if (this.busy || !this.messages.length) return;
    this.busy = true;
    try {
      if (!this.first && scrollTop < NEAR) await this.older();
      else if (!this.last && below < NEAR) await this.newer();
      else return;
    } catch {
      await new Promise((go) => setTimeout(go, 1500));
    } finally {
      this.busy = false;
    }
    this.onScroll();
  }

  /** What stands at the upper edge, and where. */
  anchor() {
    const top = this.element.getBoundingClientRect().top;
    const items = this.list.children;
    // The first whose end is on the screen, by halving.
    let [low, high] = [0, items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (items[middle].getBoundingClientRect().bottom > top) high = middle;
      else low = middle + 1;
    }
    const item = items[Math.min(low, items.length - 1)];
    return item ? { id: item.id, at: item.getBoundingClientRect().top } : null;
  }

  /** Scrolls so that it stands there again. @param {{id: string, at: number} | null} anchor */
  keep(anchor) {
    const item = anchor && document.getElementById(anchor.id);
    if (item) this.element.scrollTop += item.getBoundingClientRect().top - anchor.at;
  }

  toBottom() {
    this.pinned = true;
    this.element.scrollTop = this.element.scrollHeight;
    this.top = this.element.scrollTop;
  }

  /** @param {number} seq @returns {HTMLElement | null} */
  itemAt(seq) {
    return this.list.querySelector(`[data-seq="${seq}"]`);
  }

  /** The number of the message in the middle of the screen. @returns {number | null} */
  seqInView() {
    const anchor = this.anchor();
    const item = anchor && document.getElementById(anchor.id);
    return item ? Number(item.dataset.seq) : null;
  }
}

/** @param {Message | undefined} one @param {Message} other */
function same(one, other) {
  return one !== undefined && one.seq === other.seq && one.edited_at === other.edited_at && one.version_group === other.version_group
    && JSON.stringify([one.content, one.metadata, one.tool_calls]) === JSON.stringify([other.content, other.metadata, other.tool_calls]);
}
