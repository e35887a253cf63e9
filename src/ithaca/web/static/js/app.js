// The page begins here: it makes its parts, and shows the view that the address names.

import { get, link } from "./api.js";
import { Conversation } from "./conversation.js";
import { Conversations } from "./conversations.js";
import { dropAllDrafts } from "./drafts.js";
import { byId, fill, h, icon, put, tool } from "./dom.js";
import { help, listen } from "./keyboard.js";
import { listen as listenLive } from "./live.js";
import { openMenu } from "./menus.js";
import { Library } from "./library.js";
import { go, here, places } from "./places.js";
import { stayAbove } from "./screen.js";
import { Searching } from "./searching.js";
import { Settings } from "./settings.js";
import { askLogin } from "./login.js";
import { UsageView } from "./usage.js";
import { Trash } from "./trash.js";

const frame = /** @type {HTMLElement} */ (document.querySelector(".frame"));
const main = byId("main");
const list = new Conversations(byId("list-pane"));
const searching = new Searching(byId("searching"), byId("list-pane"));
const conversation = new Conversation(main);
const views = { documents: new Library(main), trash: new Trash(main), settings: new Settings(main), usage: new UsageView(main) };

/** Whose conversations these are; null while it is not known. */
let owner = /** @type {string | null} */ (null);
const narrow = matchMedia("(max-width: 47.5rem)");
const PLACES = /** @type {const} */ ([["", "home", "talk", "Chats"], ["archive", "archive", "archive", "Archive"], ["documents", "documents", "page", "Documents"], ["trash", "trash", "trash", "Trash"], ["usage", "usage", "chart", "Usage"], ["settings", "settings", "gear", "Settings"]]);

/** Shows what the address names. */
function show() {
  const { view, id, message } = here();
  frame.dataset.open = ["home", "archive"].includes(view) ? "list" : "main";
  markMainPart();
  drawPlaces(view);
  const archived = view === "archive";
  if (view === "session" && id) conversation.open(id, message);
  else if (view in views) {
    conversation.close();
    views[/** @type {keyof typeof views} */ (view)].open();
  }
  else conversation.openNew();
  if (view === "session" ? list.loading === 0 : list.archived !== archived || list.loading === 0) list.open(archived, null);
}

/** On a narrow screen the list is the main part, while it is shown. */
function markMainPart() {
  const alone = narrow.matches && frame.dataset.open === "list";
  put(byId("side"), "role", alone ? "main" : "region");
  put(byId("wordmark"), "role", alone && "heading");
  put(byId("wordmark"), "aria-level", alone && "1");
}

/** @param {string} view */
function drawPlaces(view) {
  fill(byId("places"), PLACES.map(([path, name, picture, label]) =>
    h("a", { href: path, "data-go": true, "aria-current": view === name ? "page" : null }, icon(picture), label)));
}

/** The theme: as the system has it, light, or dark. */
function chooseTheme(/** @type {MouseEvent} */ event) {
  const now = document.documentElement.dataset.theme ?? "system";
  const item = (/** @type {string} */ theme, /** @type {string} */ label) => ({ label, checked: now === theme, act: () => setTheme(theme) });
  openMenu(/** @type {HTMLElement} */ (event.currentTarget), [item("system", "As the system"), item("light", "Light"), item("dark", "Dark")]);
}

/** @param {string} theme */
function setTheme(theme) {
  localStorage.setItem("ithaca-theme", theme);
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

function focusList() {
  const current = byId("list-pane").querySelector("[aria-current], .row a");
  if (getComputedStyle(byId("side")).display === "none") history.back();
  else current?.focus();
}

byId("side-tools").append(
  h("a", { class: "tool", href: "new", "data-go": true, "aria-label": "New conversation", title: "New conversation" }, icon("plus")),
  tool("half", "Theme", chooseTheme, { "aria-haspopup": "menu", "aria-expanded": "false" }),
  tool("keys", "Keys", help));
byId("skip").addEventListener("click", (/** @type {Event} */ event) => {
  event.preventDefault();
  main.focus();
});
listen({ search: () => {
    frame.dataset.open = "list";
    markMainPart();
    searching.focus();
  }, begin: () => go("new"), compact: () => conversation.compact(), documents: () => go("documents"), list: focusList });
places.addEventListener("moved", show);
narrow.addEventListener("change", markMainPart);
link.addEventListener("offline", () => fill(byId("notices"), h("p", { class: "notice", role: "alert" }, "The server cannot be reached. Nothing is lost; this page goes on when it is back.")));
link.addEventListener("online", () => fill(byId("notices")));
link.addEventListener("signed-out", askLogin);
link.addEventListener("signed-in", async () => {
  const me = await get("me");
  if (owner !== null && me.owner !== owner) {
    dropAllDrafts();
    location.assign(document.baseURI);
    return;
  }
  owner = me.owner;
  list.open(list.archived, list.folders.chosen);
  show();
  listenLive();
});
get("me").then((me) => { owner = me.owner; }, () => {});
show();
listenLive();
stayAbove();
