"""The page in each of its states, one after another, with what is long, wide and many."""

import re
import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page, expect

from ithaca import ChatMessage, SessionManager
from tests.support.files import data_url
from tests.web.test_conversations import row, talk, toast
from tests.web.test_replies import Model

PASSWORD = "Kalypso's island 7341"

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 780}

LONG = "What Odysseus told the Phaeacians about the years between Troy and Scheria, in the order in which he told it"
WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"

MARKDOWN = f"""# The way home

From *Ismaros* past **Cape Malea**, with `nine days` of [north wind](https://example.com/) and {WORD * 2}.

| Island | Who lives there | Ships lost | What was said of it afterwards, at length |
|:--|:--|--:|:--|
| Aiolia | Aiolos, his wife, six sons and six daughters | 0 | The bag was opened within sight of home |
| Telepylos | Laistrygonians | 11 | {WORD} |

```python
# The longest line comes first
bearings = {{name: sum(1 for day in days if day.wind == "north") for name, days in islands.items() if name not in seen}}
print(f"{{len(bearings)}} islands")  # 12
```

> Sing to me of the man.

1. Kikones
2. Lotus-eaters
   - who ate
   - who did not
"""

#: What is told where there is nothing.
NOTHING = {
    "": "No conversations yet",
    "archive": "The archive is empty",
    "new": "on your mind",
    "documents": "None yet",
    "documents/none": "Not here",
    "trash": "The trash is empty",
    "usage": "Nothing was used",
    "settings": "No rules",
    "sessions/none": "Not here",
}

#: What is asked for in the settings: a button, and a field that comes.
FORMS = {"Add a server…": "Address", "Add a rule…": "Archive after", "Add a user…": "Password"}

DAY = timedelta(days=1)


def drawn(red: int, green: int, blue: int, width: int = 60, height: int = 40) -> bytes:
    """A picture of one colour."""
    pixels = zlib.compress((b"\0" + bytes((red, green, blue)) * width) * height)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", pixels), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


#: The name of a state, and what of the page is new in it: a selector; empty for all of it.
State = tuple[str, str]


class Tour:
    """Goes through the page as Ann, who is an administrator; at first she has nothing."""

    def __init__(self, page: Page, address: str, manager: SessionManager, model: Model) -> None:
        self.page, self.address, self.everyone, self.model = page, address, manager, model
        self.manager = manager.for_owner("ann")

    def states(self) -> Iterator[State]:
        """The states, each given while the page is in it."""
        yield from self._outside()
        yield from self._nothing()
        self._fill()
        yield from self._list()
        yield from self._said()
        yield from self._asked()
        yield from self._documents()
        yield from self._around()

    def go(self, path: str, words: str | re.Pattern[str]) -> None:
        self.page.goto(f"{self.address}/{path}")
        expect(self.page.get_by_text(words).locator("visible=true").first).to_be_visible()

    def press(self, name: str, role: Any = "button") -> None:
        self.page.get_by_role(role, name=name, exact=True).locator("visible=true").first.click()

    def _outside(self) -> Iterator[State]:
        page = self.page
        self.go(f"link/{self.everyone.create_link(owner='ann')}", "Open Ithaca")
        yield "link", ""
        self.press("Open Ithaca")
        page.wait_for_url(f"{self.address}/")
        page.go_back()
        self.press("Open Ithaca")
        expect(page.get_by_text("opened before")).to_be_visible()
        yield "link, used", ""
        page.context.clear_cookies()
        self.go("", "Log in")
        dialog = page.get_by_role("dialog", name="Log in")
        dialog.get_by_label("Name").fill("ann")
        dialog.get_by_label("Password").fill("not hers")
        self.press("Log in")
        expect(dialog.get_by_role("alert")).not_to_be_empty()
        yield "log-in, refused", ""
        dialog.get_by_label("Password").fill(PASSWORD)
        self.press("Log in")
        expect(dialog).to_have_count(0)

    def _nothing(self) -> Iterator[State]:
        for path, words in NOTHING.items():
            self.go(path, words)
            yield f"nothing, {path or 'list'}", ""

    def _fill(self) -> None:
        manager, now = self.manager, datetime.now(UTC)
        manager.create_endpoint("local", self.model.server.url, model="qwen3", context_window=8192)
        manager.create_endpoint("a-server-of-which-the-name-is-long", "https://models.example/" + "path/" * 20 + "v1")
        self.long = talk(manager, "Long", *(f"Word {number} of it." for number in range(120)), folder="Travel")
        for number, name in enumerate(("Bow", "Loom", "Ship", LONG, WORD, "مرحبا بالعالم")):
            folder = ("Travel", LONG, None)[number % 3]
            id = talk(manager, name, "When?", "At dawn.", folder=folder, model=f"vendor/{WORD}" if number == 4 else "")
            if number % 2:
                manager.mark_important(id)
        for number in range(10):
            talk(manager, f"Talk {number}", "When does it leave?", "At dawn.", model="qwen3")
        gone = [talk(manager, name, "x") for name in (LONG, "Raft", "Sail")]
        manager.delete_session(gone[0])
        manager.delete_sessions(gone[1:])
        manager.archive_session(talk(manager, "Put away", "x"))
        self.empty = talk(manager, "Empty", endpoint_url="local", model="qwen3")
        self.asked = talk(manager, LONG, endpoint_url="local", model="qwen3")
        self.all = manager.create_session(name=LONG, model=f"vendor/{WORD}", folder=LONG).id
        pictures = [{"type": "image_url", "image_url": {"url": data_url(drawn(40 * n, 90, 160))}} for n in range(6)]
        file = {"filename": f"{WORD}.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
        call = {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": f'{{"path": "{WORD}"}}'}}
        files = [{"type": "file", "file": file}, {"type": "file", "file": file | {"filename": "a.pdf"}}]
        thought = {"type": "thinking", "thinking": f"*hm* {WORD}"}
        manager.add_messages(self.all, [
            ChatMessage("system", "You know the sea."),
            ChatMessage("user", [{"type": "text", "text": f"Look at these: {WORD * 2}"}, *pictures, *files]),
            ChatMessage("assistant", [thought, {"type": "text", "text": "I see."}]),
            ChatMessage("assistant", None, tool_calls=[call]),
            ChatMessage("tool", f"port,days\n{WORD * 3},3", tool_call_id="c1", name="read_file"),
            ChatMessage("assistant", f"{MARKDOWN}\n\n![Bay](https://example.com/{WORD}.png)"),
            ChatMessage("user", "שלום, מה שלומך היום?"),
        ])  # fmt: skip
        document = manager.create_document(LONG, MARKDOWN, language="markdown", session_id=self.all)
        manager.edit_document(document.id, MARKDOWN.replace("Kikones", "The Kikones") + WORD * 2, source="ai")
        self.document = document.id
        manager.create_document(WORD, "x = 1", language="python")
        for number in range(30):
            for model, tokens, cost in (("qwen3", 900, 0), (f"vendor/{WORD}", 40_000, 0.25), ("gemma3", 7_000, 0.01)):
                used = tokens * (number % 7)
                manager.record_usage(self.long, model=model, input_tokens=used, output_tokens=used // 3,
                                     cost=cost * (number % 5), at=now - number * DAY)  # fmt: skip
        manager.set_retention(archive_after=90 * DAY, keep_newest=10)
        manager.set_retention(folder=LONG, archive_after=30 * DAY, delete_after=365 * DAY)
        manager.create_key("backup")
        manager.create_key(LONG[:60], expires_at=now + 30 * DAY)
        self.everyone.create_user("bob", PASSWORD)
        self.everyone.create_user("somebody-whose-name-is-rather-long@mail.example", PASSWORD, owner="ann")

    def _list(self) -> Iterator[State]:
        page = self.page
        self.go("", "Talk 9")
        yield "list", ""
        page.get_by_role("button", name=f"Actions for {WORD}").click()
        yield "list, menu", ".menu"
        page.get_by_role("menuitem", name="Move to a folder").click()
        expect(page.get_by_role("dialog").get_by_text("Travel")).to_be_visible()
        yield "list, folder asked for", "dialog"
        page.keyboard.press("Escape")
        self.press("Select several")
        for name in ("Talk 9", "Talk 7"):
            row(page, name).get_by_role("checkbox").check()
        yield "list, selected", ".list-pane"
        page.locator(".bulk").get_by_role("button", name="Move to the trash").click()
        expect(toast(page, "Moved 2")).to_be_visible()
        yield "list, undo offered", ".toasts"
        toast(page, "Moved 2").get_by_text("Undo").click()
        page.locator(".folders button", has_text=LONG).click()
        expect(page.locator(".row", has_text="Talk 8")).to_have_count(0)
        yield "list, a folder", ".list-pane"
        self.press("Theme")
        yield "theme", ".menu"
        page.keyboard.press("Escape")
        page.keyboard.press("Control+k")
        page.keyboard.type("dawn OR laistrygonians OR " + WORD[:8])
        expect(page.locator(".hits mark").first).to_be_visible()
        yield "hits", ".side"
        page.get_by_label("Search conversations").fill("nowhereatall")
        expect(page.get_by_text("Nothing was found")).to_be_visible()
        yield "hits, none", ".hits"
        self.go("archive", "Put away")
        yield "archive", ".list-pane"
        self.go("trash", LONG)
        yield "trash", ".main"
        page.get_by_role("button", name="Erase").first.click()
        yield "trash, asked", "dialog"
        page.keyboard.press("Escape")
        page.locator(".view").press("?")
        yield "keys", "dialog"
        page.keyboard.press("Escape")

    def _said(self) -> Iterator[State]:
        page = self.page
        self.go(f"sessions/{self.empty}", "qwen3")
        yield "conversation, empty", ""
        message = self.manager.get_messages(self.long, after=2, limit=1)[0].id
        self.go(f"sessions/{self.long}?message={message}", "to the end")
        yield "conversation, in the midst", ".foot, .message.found"
        self.go(f"sessions/{self.all}", "שלום")
        yield "conversation, its end", ".main"
        for summary in page.locator("details summary").all():
            summary.click()
        page.locator(".history").evaluate("history => history.scrollTop = 0")
        yield "conversation, folds open", ".history"
        page.locator(".thumbnail").first.click()
        yield "picture", "dialog"
        page.keyboard.press("Escape")
        self.press("Actions for this conversation")
        yield "conversation, menu", ".menu"
        page.get_by_role("menuitem", name="Export…").click()
        yield "export", "dialog"
        page.keyboard.press("Escape")
        page.locator(".message").last.get_by_role("button", name="More").click()
        yield "message, menu", ".menu"
        page.keyboard.press("Escape")
        page.locator(".head h1 button").click()
        yield "conversation, renamed", ".head"
        page.keyboard.press("Escape")

    def _asked(self) -> Iterator[State]:
        page, model = self.page, self.model
        field = page.get_by_role("textbox", name="Message")
        self.go(f"sessions/{self.asked}", "qwen3")
        model.first, model.rest = f"{MARKDOWN}\n\n", f"and so on.\n\n```python\n{WORD * 3}"
        model.go_on.clear()
        field.fill("first\nof all")
        self.press("Send")
        expect(page.locator(".message.live table")).to_be_visible()
        yield "streaming", ".after, .foot"
        self.press("Stop")
        expect(page.locator(".message").last).to_contain_text("Stopped")
        yield "stopped", ".message:last-child"
        model.go_on.set()
        page.locator(".message").last.get_by_role("button", name="Answer again").click()
        expect(page.locator(".versions")).to_have_text("2 / 2")
        yield "versions", ".message:last-child"
        page.locator(".message").first.get_by_role("button", name="Edit").click()
        yield "editing", ".editing"
        self.press("Cancel")
        model.fails = f"The model {WORD} is not loaded."
        field.fill("second")
        self.press("Send")
        expect(page.get_by_role("button", name="Try again")).to_be_in_viewport()
        yield "failed", ".after"
        field.fill("A long text. " * 40)
        files = [{"name": f"{WORD}-{n}.txt", "mimeType": "text/plain", "buffer": b"x%d" % n} for n in range(4)]
        files += [{"name": f"{n}.png", "mimeType": "image/png", "buffer": drawn(200, 50 * n, 20)} for n in range(4)]
        page.locator("input[type=file]").set_input_files(files)  # type: ignore[arg-type]
        expect(page.locator(".composer .file")).to_have_count(8)
        expect(page.locator(".composer progress")).to_have_count(0)
        yield "attached", ".foot"
        self.press("Compact…")
        expect(page.get_by_role("dialog")).to_be_visible()
        yield "compact", "dialog"
        page.keyboard.press("Escape")
        self.press("Model: qwen3")
        expect(page.get_by_role("button", name="gemma3")).to_be_visible()
        yield "model", "dialog"
        page.keyboard.press("Escape")
        page.context.set_offline(True)
        self.press("Star")
        expect(page.locator(".notice")).to_be_visible()
        yield "offline", ".notices, .toasts, .head"
        page.context.set_offline(False)

    def _documents(self) -> Iterator[State]:
        page = self.page
        self.go(f"sessions/{self.all}", "שלום")
        self.press("Documents")
        expect(page.locator(".documents .entries li")).to_have_count(1)
        yield "documents beside", ".documents, .head"
        page.locator(".documents .what").click()
        expect(page.locator(".documents table")).to_be_visible()
        yield "document beside", ".documents"
        self.press("Changes")
        expect(page.locator(".diff .added").first).to_be_visible()
        yield "document beside, changes", ".documents"
        page.locator(".documents").get_by_role("button", name="Edit").click()
        yield "document beside, editing", ".documents"
        self.go("documents", WORD)
        yield "documents", ".main"
        self.go(f"documents/{self.document}", "Kikones")
        yield "document", ".main"

    def _around(self) -> Iterator[State]:
        page = self.page
        self.go("usage", "By model")
        yield "usage", ".main"
        self.go("settings", "bob")
        yield "settings", ".main"
        page.locator("input[type=file]").last.set_input_files(
            [{"name": f"{WORD}.txt", "mimeType": "text/plain", "buffer": b"x"}]
        )
        expect(page.locator(".importing .fault")).to_be_visible()
        yield "settings, a file refused", ".setting"
        for button, words in FORMS.items():
            self.press(button)
            expect(page.get_by_role("dialog").get_by_label(words)).to_be_visible()
            if words == "Address":
                page.get_by_role("dialog").get_by_label("Name").fill("x")
                page.get_by_role("dialog").get_by_label(words).fill("http://user@x")
                self.press("Add")
                expect(page.get_by_role("dialog").get_by_role("alert")).not_to_be_empty()
            yield f"settings, {button}", "dialog"
            page.keyboard.press("Escape")
        self.press("Make a key…")
        page.get_by_label("What it is for").fill("another")
        page.keyboard.press("Enter")
        expect(page.locator(".token")).to_be_visible()
        yield "settings, the key", "dialog"
        self.press("Done")
        page.get_by_role("button", name="Remove local").click()
        yield "settings, asked", "dialog"
        page.keyboard.press("Escape")
