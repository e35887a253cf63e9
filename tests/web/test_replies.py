"""Writing, and being answered: by a model's server that says what the test wants, when it wants."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from ithaca import ChatMessage
from tests.support.model_server import Answer, Asked, ModelServer, event, model_server, said
from tests.support.unreliable import Unreliable
from tests.web.conftest import Person
from tests.web.given import PNG
from tests.web.test_conversations import talk, toast
from tests.web.test_everyone import accessible


class Model:
    """Says a first part, waits, and says the rest; titles are given at once."""

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        self.first, self.rest = "The ferry **leaves**\n\n", "at dawn."
        self.go_on = threading.Event()
        self.go_on.set()
        self.fails: str | None = None
        server.answer_by(self._answer)

    def _answer(self, asked: Asked) -> Answer:
        if asked.path.endswith("/models"):
            return Answer((json.dumps({"data": [{"id": "qwen3"}, {"id": "gemma3"}]}).encode(),), headers=_JSON)
        if self.fails is not None:
            return Answer((json.dumps({"error": {"message": self.fails}}).encode(),), 400, _JSON)
        if not asked.json.get("stream") or "title" in asked.json["messages"][-1]["content"]:
            return Answer(tuple(said("Ferries")), headers=_EVENTS)
        if "Summarize" in asked.json["messages"][-1]["content"]:
            return Answer(tuple(said(SUMMARY)), headers=_EVENTS)
        self.go_on.wait(0)
        first, rest = (self._pieces(text) for text in (self.first, self.rest))
        begin = event(delta={"reasoning_content": "hm"})
        return Answer((begin, *first, self.go_on, *rest, *said()), headers=_EVENTS)

    def _pieces(self, text: str) -> list[bytes | float]:
        """What is said as some pieces, between which time passes."""
        if len(text) < 100:
            return [event(delta={"content": text})]
        pieces = [text[at : at + 30] for at in range(0, len(text), 30)]
        return [part for piece in pieces for part in (event(delta={"content": piece}), 0.03)]

    def asked_last(self) -> str:
        """What the last message was that a reply was asked for."""
        chats = [asked.json for asked in self.server.requests if asked.path.endswith("/completions")]
        return str(chats[-1]["messages"][-1]["content"])


#: Everything that Markdown makes something else of while it comes.
EVERYTHING = """# The ferry

It leaves **at dawn**, and it is a long way across the bay, longer than [anybody](https://example.com/) thinks.
Here is how `far`:

```python
def far(days):
    return days * 80

```

- one port
- another port, with `code`

- a third one

  that goes on

1. first
2. second

| port | days |
|:--|--:|
| Pylos | 3 |
| Ithaca | 20 |

> They sang of it
> for years.

## More

"""

SUMMARY = "They sang in nine halls."

_JSON, _EVENTS = {"content-type": "application/json"}, {"content-type": "text/event-stream"}


@pytest.fixture
def model(person: Person) -> Iterator[Model]:
    with model_server() as server:
        person.manager.create_endpoint("local", server.url, model="qwen3", context_window=8192)
        model = Model(server)
        yield model
        model.go_on.set()


def ask(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Message").fill(text)
    page.keyboard.press("Enter")


def test_an_answer_survives_a_reload_and_shows_in_a_second_window(person: Person, model: Model) -> None:
    model.go_on.clear()
    page = person.open("new")
    expect(page.locator(".composer .model")).to_have_text("qwen3")
    ask(page, "When does the ferry leave?")
    live = page.locator(".message.live")
    expect(live.locator("strong")).to_have_text("leaves")
    expect(page).to_have_url(re.compile("/sessions/"))
    expect(page.get_by_role("textbox", name="Message")).to_have_value("")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    second = person.open(page.url.removeprefix(person.address + "/"))
    for window in (page, second):
        window.reload()
        expect(window.locator(".message.live strong")).to_have_text("leaves")
        expect(window.locator(".message")).to_have_count(2)
    page.get_by_role("textbox", name="Message").fill("not sent yet")
    model.go_on.set()
    for window in (page, second):
        expect(window.locator(".message.live")).to_have_count(0)
        expect(window.locator(".message").last).to_contain_text("at dawn.")
        expect(window.locator(".message").last.locator("details")).to_have_count(1)
        expect(window.locator(".message")).to_have_count(2)
    expect(page.get_by_role("textbox", name="Message")).to_have_value("not sent yet")
    expect(page.locator(".head h1")).to_have_text("Ferries")
    expect(page.locator(".meter [role=meter]")).to_have_attribute("aria-valuetext", re.compile("of 8,192 tokens"))
    (session,) = person.manager.list_sessions()
    assert [message.role for message in person.manager.get_messages(session.id)] == ["user", "assistant"]


@pytest.fixture
def network(person: Person) -> Iterator[Unreliable]:
    """What is between somebody and the server."""
    network = Unreliable(person.address)
    person.address = network.address
    yield network
    for context in person.contexts:
        context.close()
    network.close()
    person.complaints = [words for words in person.complaints if "net::ERR" not in words]


def test_after_sleep_nothing_is_missing_and_nothing_is_doubled(
    person: Person, model: Model, network: Unreliable
) -> None:
    id = talk(person.manager, "Asleep", "x", "y", endpoint_url="local", model="qwen3")
    page = person.open("archive")
    page.clock.install()
    page.goto(f"{person.address}/sessions/{id}")
    model.go_on.clear()
    ask(page, "Sing")
    live = page.locator(".message.live")
    expect(live.locator("strong")).to_have_text("leaves")

    # the lid is closed: connections die and nobody is told; the answer ends, and others write and rename meanwhile
    assert network.kill_streams() >= 2  # the news, and the answer
    model.go_on.set()
    stored(person, id, 4)
    person.manager.add_message(id, ChatMessage("user", "from elsewhere"))
    person.manager.rename_session(id, "Awake")
    page.clock.fast_forward(30_000)
    expect(live).not_to_contain_text("dawn")
    page.clock.fast_forward(20_000)
    expect(live).to_have_count(0)
    expect(page.locator(".message")).to_have_count(5)
    said = page.locator(".message[data-role=assistant] .said")
    expect(said.last).to_have_text(re.compile(r"The ferry leaves\s*at dawn\.\s*$"))
    expect(page.locator(".message").last).to_contain_text("from elsewhere")
    expect(page.locator(".head h1")).to_have_text("Awake")
    expect(page.locator(".row")).to_have_count(1)

    # the network is another one: nobody waits until the connections of the former are silent
    model.go_on.clear()
    ask(page, "Again")
    expect(live.locator("strong")).to_have_text("leaves")
    page.context.set_offline(True)
    assert network.kill_streams() >= 2
    page.context.set_offline(False)
    model.go_on.set()
    person.manager.rename_session(id, "Wide awake")
    expect(page.locator(".head h1")).to_have_text("Wide awake")
    expect(live).to_have_count(0)
    expect(said.last).to_have_text(re.compile(r"The ferry leaves\s*at dawn\.\s*$"))
    expect(page.locator(".message")).to_have_count(7)

    # all connections died while nobody looked: what is sent is sent again, and said once
    field = page.get_by_role("textbox", name="Message")
    expect(field).to_have_value("")
    network.kill()
    ask(page, "Once more")
    for _ in range(40):
        page.clock.fast_forward(50_000)  # each of them may have to be found dead
        page.wait_for_timeout(200)
        if not field.input_value() and page.locator(".message:not(.live)").count() == 9:
            break
    expect(field).to_have_value("")
    expect(page.locator(".message")).to_have_count(9)
    expect(said.last).to_have_text(re.compile(r"The ferry leaves\s*at dawn\.\s*$"))
    assert person.manager.get_session(id).message_count == 9


def test_many_windows_leave_one_another_connections(person: Person, model: Model) -> None:
    id = talk(person.manager, "Seen", "x", endpoint_url="local", model="qwen3")
    page = person.open("archive")
    page.clock.install()
    page.goto(f"{person.address}/sessions/{id}")
    model.go_on.clear()
    ask(page, "Sing")
    live = page.locator(".message.live")
    expect(live.locator("strong")).to_have_text("leaves")
    turn = "(hidden) => { document.hide(hidden); document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(
        "document.hide = (hidden) => Object.defineProperty(document, 'hidden', { value: hidden, configurable: true })"
    )
    page.evaluate(turn, True)
    with left(page, "/api/events"), left(page, "/api/replies"):
        page.clock.fast_forward(70_000)
    model.go_on.set()
    person.manager.rename_session(id, "Seen again")
    stored(person, id, 3)
    page.clock.fast_forward(70_000)
    expect(live).not_to_contain_text("dawn")
    expect(page.locator(".head h1")).to_have_text("Seen")
    page.evaluate(turn, False)
    expect(page.locator(".head h1")).to_have_text("Seen again")
    expect(live).to_have_count(0)
    expect(page.locator(".message").last).to_contain_text("at dawn.")
    expect(page.locator(".message")).to_have_count(3)


def left(page: Page, path: str) -> AbstractContextManager[Any]:
    """Waits until the page has ended a request of that path, which the server had not."""
    return page.expect_event("requestfailed", lambda request: path in request.url)


def stored(person: Person, id: str, count: int) -> None:
    """Waits until so many messages are stored."""
    end = time.monotonic() + 20
    while person.manager.get_session(id, last=0).message_count < count:
        assert time.monotonic() < end
        time.sleep(0.05)


SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const each of list.getEntries()) if (!each.hadRecentInput && each.value > 0.0005)
      window.shifts.push([each.value, ...each.sources.map(({ node, previousRect: was, currentRect: is }) =>
        `${node?.className ?? node?.textContent}: ${was.y}+${was.height} -> ${is.y}+${is.height}`)]);
  }).observe({ type: "layout-shift", buffered: true });
}"""

#: Where the history is as each frame is shown: how far from its end, how high it is, and where its last answer begins.
PLACES = """() => {
  const history = document.querySelector(".history"), shown = new MessageChannel();
  window.places = [];
  shown.port1.onmessage = () => {
    const { scrollHeight, scrollTop, clientHeight } = history;
    const read = [...document.querySelectorAll("[data-role=assistant]")].at(-1).querySelector(".said p");
    window.places.push([scrollHeight - scrollTop - clientHeight, scrollHeight, read?.getBoundingClientRect().top]);
    next();
  };
  const next = () => requestAnimationFrame(() => shown.port2.postMessage(""));
  next();
}"""


def test_nothing_that_is_read_moves_while_an_answer_or_a_picture_comes(person: Person, model: Model) -> None:
    id = talk(person.manager, "Talk", "x", "y", endpoint_url="local", model="qwen3")
    picture = [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": PNG}}]
    person.manager.add_messages(id, [ChatMessage("user", picture), ChatMessage("assistant", "I *see*.")])
    page = person.open("archive")
    page.add_init_script(f"({SHIFTS})()")
    held: list[Route] = []
    page.route("**/api/attachments/*", lambda route: held.append(route))
    page.goto(f"{person.address}/sessions/{id}")
    expect(page.locator(".thumbnail")).to_be_visible()
    page.wait_for_timeout(100)
    for each in held:
        each.continue_()
    expect(page.locator(".thumbnail img")).to_have_js_property("naturalWidth", 1)

    model.first, model.rest = EVERYTHING * 3, EVERYTHING + "The end."
    model.go_on.clear()
    ask(page, "Where to?")
    expect(page.locator(".message.live")).to_be_visible()
    page.evaluate(PLACES)
    expect(page.locator(".message.live h4")).to_have_count(3)
    ends = page.evaluate("window.places.splice(0).map(([end]) => end)")
    # Who is at the end stays there; what comes between a frame and the look at it is in the next one.
    assert [pair for pair in pairwise(ends) if min(pair) > 1] == []

    # who scrolled up stays where he is
    page.locator(".history").hover()
    page.mouse.wheel(0, -500)
    page.wait_for_timeout(600)
    page.evaluate("window.places = []")
    model.go_on.set()
    expect(page.locator(".message.live")).to_have_count(0)
    expect(page.locator(".message").last).to_contain_text("The end.")
    page.wait_for_timeout(100)
    places = page.evaluate("window.places")
    assert {round(top) for _, _, top in places} == {round(places[0][2])}
    heights = [height for _, height, _ in places]
    assert heights == sorted(heights), "it was shown otherwise than it is in the end"
    shifts = page.evaluate("window.shifts")
    assert shifts == []


def test_an_answer_is_stopped_continued_made_again_and_asked_otherwise(person: Person, model: Model) -> None:
    id = talk(person.manager, "Talk", endpoint_url="local", model="qwen3")
    page = person.open(f"sessions/{id}")
    model.go_on.clear()
    ask(page, "first")
    expect(page.locator(".message.live strong")).to_have_text("leaves")
    page.keyboard.press("Escape")
    expect(page.locator(".message").last).to_contain_text("Stopped")
    expect(page.locator(".message").last.locator("strong")).to_have_text("leaves")
    model.go_on.set()

    page.get_by_role("button", name="Go on from here").click()
    expect(page.locator(".message").last).to_contain_text("at dawn.")
    expect(page.locator(".message").last).not_to_contain_text("Stopped")
    model.first = "Another *answer*, "
    page.locator(".message").last.get_by_role("button", name="Answer again").click()
    expect(page.locator(".message").last).to_contain_text("Another answer, at dawn.")
    expect(page.locator(".versions")).to_have_text("2 / 2")
    page.get_by_role("button", name="Previous version").click()
    expect(page.locator(".message").last.locator("strong").first).to_have_text("leaves")

    page.get_by_role("textbox", name="Message").focus()
    page.keyboard.press("ArrowUp")
    page.get_by_role("textbox", name="The message").fill("first, but better")
    page.get_by_role("button", name="Save and ask").click()
    expect(page.locator(".message").first).to_contain_text("first, but better")
    expect(page.locator(".message").last).to_contain_text("Another answer, at dawn.")
    assert model.asked_last() == "first, but better"
    expect(page.locator(".message").first.locator(".versions")).to_have_text("2 / 2")
    expect(page.locator(".message")).to_have_count(2)

    model.fails = "The model is not loaded."
    ask(page, "second")
    expect(page.get_by_text("The model is not loaded.")).to_be_visible()
    model.fails = None
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".message").last).to_contain_text("at dawn.")
    expect(page.locator(".message")).to_have_count(4)


def test_what_is_written_is_never_lost(person: Person, model: Model) -> None:
    one = talk(person.manager, "One", "x", endpoint_url="local", model="qwen3")
    two = talk(person.manager, "Two", "y", endpoint_url="local", model="qwen3")
    page = person.open(f"sessions/{one}")
    field = page.get_by_role("textbox", name="Message")
    field.fill("for one")
    page.locator("input[type=file]").set_input_files(
        [{"name": "note.txt", "mimeType": "text/plain", "buffer": b"a note"}]
    )
    expect(page.locator(".composer .file")).to_contain_text("note.txt · 6 B")
    # an image, pasted
    page.evaluate(
        """(base64) => {
          const data = new DataTransfer();
          const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
          data.items.add(new File([bytes], "bow.png", { type: "image/png" }));
          const paste = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
          document.querySelector("textarea").dispatchEvent(paste);
        }""",
        PNG.partition(",")[2],
    )
    expect(page.locator(".composer .file img")).to_have_count(1)
    page.locator(".row", has_text="Two").locator("a").click()
    expect(page.locator(".head h1")).to_have_text("Two")
    expect(field).to_have_value("")
    page.reload()
    page.goto(f"{person.address}/sessions/{one}")
    field.press_sequentially("f")
    page.reload()  # at once
    expect(field).to_have_value("for onef")
    field.press("Backspace")
    expect(page.locator(".composer .file")).to_have_count(2)

    page.context.set_offline(True)
    field.press("Enter")
    expect(page.locator(".notice")).to_contain_text("cannot be reached")
    expect(field).to_have_value("for one")
    page.context.set_offline(False)
    field.press("Enter")
    expect(page.locator(".message").last).to_contain_text("at dawn.")
    expect(field).to_have_value("")
    expect(page.locator(".message[data-role=user]").last.locator(".thumbnail")).to_have_count(1)
    expect(page.locator(".message[data-role=user]").last.locator(".file")).to_contain_text("note.txt")
    content = person.manager.get_messages(one)[-2].content
    assert [block["type"] for block in content] == ["text", "file", "image_url"]
    assert content[2]["image_url"]["url"] == PNG
    assert person.manager.get_session(two).message_count == 1
    person.complaints = [words for words in person.complaints if "ERR_INTERNET_DISCONNECTED" not in words]


def test_two_windows_write_the_same_and_nothing_is_lost_on_its_way(person: Person, model: Model) -> None:
    id = talk(person.manager, "One", "x", endpoint_url="local", model="qwen3")
    page = person.open(f"sessions/{id}")
    second = page.context.new_page()
    second.goto(f"{person.address}/sessions/{id}")
    fields = [window.get_by_role("textbox", name="Message") for window in (page, second)]
    fields[0].press_sequentially("half a ")
    expect(fields[1]).to_have_value("half a ")
    fields[1].press_sequentially("thought")
    expect(fields[0]).to_have_value("half a thought")

    held: list[Route] = []
    page.route("**/replies", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
    fields[0].press("Enter")
    fields[0].press_sequentially(" and more of it")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    for each in held:
        each.continue_()
    expect(page.locator(".message").last).to_contain_text("at dawn.")
    assert model.asked_last() == "half a thought"
    for field in fields:
        expect(field).to_have_value("and more of it")

    # the news of an answer may come before what was asked is answered
    page.unroute("**/replies")
    answers: list[tuple[Route, APIResponse]] = []
    second.route("**/replies", lambda route: answers.append((route, route.fetch())))
    model.go_on.clear()
    fields[1].press("Enter")
    live = second.locator(".message.live strong")
    expect(live).to_have_text("leaves")
    for route, answer in answers:
        route.fulfill(response=answer)
    for field in fields:
        expect(field).to_have_value("")
    expect(live).to_have_text("leaves")
    model.go_on.set()
    expect(page.locator(".message")).to_have_count(5)
    expect(second.locator(".message").last).to_contain_text("at dawn.")


def test_what_is_changed_in_place_is_never_lost(person: Person, model: Model) -> None:
    id = talk(person.manager, "One", "x", "y", endpoint_url="local", model="qwen3")
    document = person.manager.create_document("Draft", "one", session_id=id)
    page = person.open(f"sessions/{id}")
    field = page.get_by_role("textbox", name="The message")
    mine = page.locator(".message").first
    mine.hover()
    mine.get_by_role("button", name="Edit").click()
    field.press_sequentially(", but better")
    page.reload()
    expect(field).to_have_value("x, but better")
    person.manager.edit_message(id, person.manager.get_messages(id)[0].id, "z")  # it is drawn anew
    person.manager.add_message(id, ChatMessage("user", "w"))
    expect(page.locator(".message")).to_have_count(3)
    expect(field).to_have_value("x, but better")

    field.press("Escape")
    expect(field).to_have_count(0)
    toast(page, "put aside").get_by_text("Undo").click()
    expect(field).to_have_value("x, but better")
    page.context.set_offline(True)
    page.get_by_role("button", name="Save only").click()
    expect(page.locator(".notice")).to_contain_text("cannot be reached")
    expect(field).to_have_value("x, but better")
    page.context.set_offline(False)

    # logged out: words, and all as it was when who is logged in again, here in another window
    cookies = page.context.cookies()
    page.get_by_role("textbox", name="Message", exact=True).fill("and this")
    page.context.clear_cookies()
    page.keyboard.press("Enter")  # unless it asks by itself, as soon as the news are asked for again
    dialog = page.get_by_role("dialog", name="Log in")
    expect(dialog).to_contain_text("What you have written is kept.")
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_have_value("and this")
    expect(field).to_have_value("x, but better")
    page.get_by_role("button", name="Save only").click()
    expect(field).to_have_count(0)
    expect(mine.locator(".said")).to_have_text("x, but better")
    page.reload()
    expect(mine.locator(".said")).to_have_text("x, but better")
    expect(field).to_have_count(0)

    page.goto(f"{person.address}/documents/{document.id}")
    text = page.get_by_role("textbox", name="Text")
    page.get_by_role("button", name="Edit", exact=True).click()
    text.press_sequentially(" and two")
    page.reload()
    expect(text).to_have_value("one and two")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".panel-body p")).to_have_text("one")
    toast(page, "put aside").get_by_text("Undo").click()
    page.get_by_role("button", name="Save a version").click()
    expect(page.locator(".panel-body p")).to_have_text("one and two")
    person.complaints = [words for words in person.complaints if "net::ERR" not in words and "401" not in words]


def test_a_model_is_chosen_from_those_that_there_are(person: Person, model: Model) -> None:
    id = talk(person.manager, "Talk", "x")
    page = person.open(f"sessions/{id}")
    ask(page, "hello")
    page.get_by_label("Filter the models").fill("gem")
    page.get_by_role("button", name="gemma3").click()
    expect(page.locator(".message").last).to_contain_text("at dawn.")
    session = person.manager.get_session(id)
    assert (session.endpoint_url, session.model) == ("local", "gemma3")


def test_a_long_conversation_is_compacted_and_that_is_taken_back(person: Person, model: Model) -> None:
    said = [f"What was sung in the {number}th hall" for number in range(9)]
    id = talk(person.manager, "Songs", *said, endpoint_url="local", model="qwen3")
    page = person.open(f"sessions/{id}")
    expect(page.locator(".message")).to_have_count(9)
    page.get_by_role("button", name="Compact…").click()
    dialog = page.get_by_role("dialog", name="Compact the conversation")
    accessible(page)
    dialog.get_by_label("Messages at the end").fill("9")
    dialog.get_by_role("button", name="Compact").click()
    expect(dialog.get_by_role("alert")).to_contain_text("fewer than the 9 messages")
    assert person.manager.list_compactions(id) == []

    dialog.get_by_label("Messages at the end").fill("2")
    page.keyboard.press("Enter")
    expect(toast(page, "A summary is sent")).to_be_visible()
    expect(page.locator(".message")).to_have_count(9)
    (made,) = person.manager.list_compactions(id)
    assert (made.through, made.summary) == (7, SUMMARY)
    page.locator(".history").focus()
    page.keyboard.press("c")
    dialog.get_by_text("The summary in use").click()
    expect(dialog).to_contain_text(SUMMARY)
    page.keyboard.press("Escape")
    toast(page, "A summary is sent").get_by_text("Undo").click()
    expect(toast(page, "A summary is sent")).to_have_count(0)
    page.get_by_role("button", name="Actions for this conversation").click()
    page.get_by_role("menuitem", name="Compact…").click()
    expect(dialog.get_by_label("Messages at the end")).to_be_visible()
    expect(dialog.get_by_text("The summary in use")).to_have_count(0)
    assert person.manager.list_compactions(id) == []
    person.complaints = [words for words in person.complaints if "422" not in words]
