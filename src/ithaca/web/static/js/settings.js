// What is around conversations: models' servers, who may ask, how long things are kept, what comes in.

import { get } from "./api.js";
import { Account } from "./account.js";
import { Endpoints } from "./endpoints.js";
import { Importing } from "./importing.js";
import { Keys, Users } from "./access.js";
import { Retention } from "./retention.js";
import { fill, h, tool } from "./dom.js";
import { go } from "./places.js";
import { attempt } from "./toasts.js";

export class Settings {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
  }

  async open() {
    document.title = "Settings · Ithaca";
    const me = await attempt(() => get("me"));
    if (!me) return;
    const admin = me.rights.includes("admin");
    const sections = [new Endpoints(admin), new Retention(), new Importing(), new Keys(), ...(admin ? [new Users(me)] : []), new Account(me)];
    fill(this.place, h("section", { class: "view", tabindex: "0", "aria-labelledby": "settings-title" },
      h("header", {}, tool("left", "Back to the list", () => go(""), { class: "back" }), h("h1", { id: "settings-title" }, "Settings"), h("span", { class: "muted small" }, me.name ?? me.owner)),
      sections.map((section) => section.element)));
    await Promise.all(sections.map((section) => attempt(() => section.load())));
  }
}
