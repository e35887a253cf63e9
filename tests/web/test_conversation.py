"""A conversation as people read it."""

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from ithaca import ChatMessage
from tests.web.conftest import Person
from tests.web.given import MALICIOUS, PNG
from tests.web.test_conversations import row, talk, toast


def test_a_long_conversation_is_read_both_ways_without_a_jump(person: Person) -> None:
    id = talk(person.manager, "Long", *(f"number {number}\n\n" + "line\n\n" * (number % 7) for number in range(1, 901)))
    page = person.open(f"sessions/{id}")
    expect(page.locator(".message").last).to_contain_text("number 900")
    expect(page.locator(".message").last).to_be_in_viewport()
    seen = scroll(page, -700, 60)
    assert min(seen) < 750
    assert page.locator(".message").count() <= 240
    seen = scroll(page, 700, 80)
    assert max(seen) > 890
    expect(page.locator(".message").last).to_contain_text("number 900")


def scroll(page: Page, by: int, times: int) -> list[int]:
    """The numbers that came to the middle of the screen, one after another: none is skipped, none comes again."""
    seen = page.evaluate(
        """async ([by, times]) => {
          const history = document.querySelector(".history"), seen = [];
          for (let step = 0; step < times; step++) {
            const before = [...history.querySelectorAll(".message")].find((m) => m.getBoundingClientRect().bottom > 60);
            const [seq, at] = [before.dataset.seq, before.getBoundingClientRect().top];
            const top = history.scrollTop;
            history.scrollTop += by;
            const moved = history.scrollTop - top;
            await new Promise((go) => setTimeout(go, 60));
            const now = history.querySelector(`[data-seq="${seq}"]`);
            const jump = now ? Math.abs(now.getBoundingClientRect().top - (at - moved)) : 0;
            if (jump > 2) throw new Error(`jumped by ${jump} at ${seq}`);
            seen.push(Number(seq));
          }
          return seen;
        }""",
        [by, times],
    )
    assert seen == sorted(seen, reverse=by < 0)
    return list(seen)


def test_everything_that_a_message_may_hold_is_shown(person: Person) -> None:
    id = person.manager.create_session(name="All").id
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    call = {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": '{"path": "log.csv"}'}}
    person.manager.add_messages(
        id,
        [
            ChatMessage("user", [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": PNG}}]),
            ChatMessage("assistant", [{"type": "thinking", "thinking": "*hm*"}, {"type": "text", "text": "I see."}]),
            ChatMessage("assistant", None, tool_calls=[call]),
            ChatMessage("tool", "port,days", tool_call_id="c1", name="read_file"),
            ChatMessage("assistant", "```python\nprint('code')\n```\n\n![Bay](https://example.com/bay.png)"),
            ChatMessage("user", [picture, {"type": "unheard_of", "value": 1}]),
        ],
    )
    page = person.open(f"sessions/{id}")
    expect(page.locator(".message")).to_have_count(6)
    page.locator(".thumbnail").click()
    expect(page.locator("dialog.picture img")).to_be_visible()
    page.keyboard.press("Escape")
    for words, inside in (("Thoughts", "hm"), ("Calls read_file", '"path": "log.csv"'), ("Result", "port,days")):
        fold = page.locator("details", has_text=words)
        expect(fold.locator(".inside")).to_be_hidden()
        fold.locator("summary").click()
        expect(fold.locator(".inside")).to_contain_text(inside)
    page.get_by_role("button", name="Copy the code").click()
    assert page.evaluate("navigator.clipboard.readText()") == "print('code')\n"
    assert person.strayed == []
    page.get_by_role("button", name="Show “Bay” from example.com").click()
    expect(page.locator("iframe.remote-frame")).to_be_visible()
    page.wait_for_timeout(200)
    assert person.strayed == ["https://example.com/bay.png"]
    person.complaints = [words for words in person.complaints if "ERR_NAME_NOT_RESOLVED" not in words]


def test_nothing_that_is_said_runs_loads_or_imitates_anything(person: Person) -> None:
    id = talk(
        person.manager, "<img src=x onerror='window.harmed=1'>", *MALICIOUS, model="<script>window.harmed=1</script>"
    )
    nowhere = {"type": "image_url", "image_url": {"url": "https://"}}
    script = {"type": "file", "file": {"filename": "x", "file_data": "javascript:window.harmed=1"}}
    turned = {"type": "image_url", "name": "\u202eelif", "image_url": {"url": "https://evil.example/x.png"}}
    odd: list[Any] = [None, 5, [1], {}, {"type": "tool_use", "name": {}, "input": None}, {"type": "text", "text": 5}]
    failed = {"state": "failed", "error": {"words": {}}, "reasoning": 5}
    person.manager.add_messages(
        id,
        [
            ChatMessage("assistant", odd, metadata=failed, tool_calls=[{"function": {"name": [], "arguments": 5}}]),
            ChatMessage("constructor", "x", metadata={"state": "constructor"}),
            ChatMessage("user", [nowhere, script, turned]),
        ],
    )
    page = person.open(f"sessions/{id}")
    expect(page.locator(".message").last).to_be_in_viewport()
    expect(page.locator(".message").last.locator("button.remote")).to_contain_text("from evil.example")
    for odd_one in page.locator(".message").all()[-3:-1]:
        expect(odd_one).not_to_contain_text(re.compile(r"\[object|native code|undefined"))
    for _ in range(40):
        page.mouse.move(700, 400)
        page.mouse.wheel(0, -4000)
        page.wait_for_timeout(20)
    expect(page.locator(".message").first).to_be_in_viewport()
    expect(page.locator(".row .name")).to_have_text(["<img src=x onerror='window.harmed=1'>"])
    assert page.evaluate("window.harmed") is None
    said = page.locator(
        ".said :is(script, style, iframe, img, svg:not(.icon), math, form, input, [id], [name], [style])"
    )
    assert said.count() == 0
    # Nothing leaves its place in the message, or is painted beyond it.
    assert (
        page.evaluate(
            """() => [...document.querySelectorAll(".said, .said *")].filter((each) => {
          const { position, zIndex, overflow } = getComputedStyle(each);
          return position !== "static" || zIndex !== "auto" || (each.matches(".said") && overflow !== "clip");
        }).map((each) => each.outerHTML.slice(0, 200))"""
        )
        == []
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert person.strayed == []
    assert page.url.startswith(person.address)


def test_messages_are_copied_deleted_brought_back_and_forked(person: Person) -> None:
    id = talk(person.manager, "Voyage", "first", "second", "third *here*")
    second = person.manager.get_messages(id)[1].id
    person.manager.edit_message(id, second, "second, but better", branch=True)
    person.manager.add_message(id, ChatMessage("user", "and on"))
    page = person.open(f"sessions/{id}")
    expect(page.locator(".message")).to_have_count(3)

    page.get_by_role("button", name="Previous version").click()
    expect(page.locator(".message")).to_have_text(
        [re.compile("first"), re.compile("second$", re.M), re.compile("third")]
    )
    expect(page.locator(".versions")).to_have_text("1 / 2")
    page.locator(".message").last.hover()
    page.locator(".message").last.get_by_role("button", name="Copy the message").click()
    assert page.evaluate("navigator.clipboard.readText()") == "third *here*"

    page.locator(".message").last.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Delete the message").click()
    expect(page.locator(".message")).to_have_count(2)
    page.evaluate("window.read = document.querySelector('.history')")
    toast(page, "in the trash").get_by_text("Undo").click()
    expect(page.locator(".message")).to_have_count(3)
    assert page.evaluate("window.read.isConnected"), "what is read stays where it is"

    page.locator(".message").first.get_by_role("button", name="Edit").click()
    page.get_by_role("textbox", name="The message").fill("first of all")
    page.get_by_role("button", name="Save only").click()
    expect(page.locator(".message").first).to_contain_text("first of all")
    expect(page.locator(".message").first).to_contain_text("edited")
    assert person.manager.get_messages(id)[0].content == "first of all"
    toast(page, "Saved").get_by_text("Undo").click()
    expect(page.locator(".message").first).not_to_contain_text("of all")

    page.locator(".message").first.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Fork from here").click()
    expect(page.locator(".head h1")).to_have_text("Voyage (fork)")
    expect(page.locator(".message")).to_have_count(1)
    expect(page.locator(".row")).to_have_count(2)
    assert [session.message_count for session in person.manager.list_sessions(sort="name")] == [3, 1]


#: Where some words stand in an element: the left edges of the first and last letter, how far they are from its edges.
PLACED = """(element, words) => {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const at = node.data.indexOf(words);
    if (at < 0) continue;
    const edges = [at, at + words.length - 1].map((place) => {
      const range = document.createRange();
      range.setStart(node, place);
      range.setEnd(node, place + 1);
      return range.getBoundingClientRect();
    });
    const [first, last] = edges, box = element.getBoundingClientRect(), style = getComputedStyle(element);
    const left = Math.min(first.left, last.left) - box.left - parseFloat(style.paddingLeft);
    const right = box.right - parseFloat(style.paddingRight) - Math.max(first.right, last.right);
    return [first.left, last.left, left, right];
  }
}"""


def goes(element: Locator, words: str) -> str:
    """Which way the words go, and at which edges of the element they stand."""
    first, last, left, right = element.evaluate(PLACED, words)
    edges = [name for name, away in (("left", left), ("right", right)) if away < 3]
    return " ".join(["from the left" if first < last else "from the right", *edges])


def test_what_is_written_from_the_right_stands_so(person: Person) -> None:
    hebrew = "שלום, מה שלומך? `f(1)` היום.\nAnd now this.\nועוד שורה!"
    arabic = (
        "# مرحبا بالعالم\n\nفقرة مع `print(1)` وكلمة.\n\nThis is English.\n\n- أول\n- second\n\n"
        "|اسم|أيام|\n|-|-|\n|Troy|3650|\n\n> اقتباس\n\n```python\nf('שלום') # z\n```"
    )
    id = talk(person.manager, "رحلة (Pylos)!", hebrew, arabic, model="qwen3", folder="سفر")
    page = person.open(f"sessions/{id}")
    mine, said = page.locator(".message").first, page.locator(".message").last
    right, left = "from the right right", "from the left left"
    assert goes(mine.locator("p"), "שלום") == right
    assert goes(mine.locator("p"), "And now") == left
    assert goes(mine.locator("p"), "ועוד שורה!") == right
    assert goes(mine.locator("code"), "f(1)").startswith("from the left")
    assert goes(said.locator("h3"), "مرحبا") == right
    assert goes(said.locator("p").first, "فقرة") == right
    assert goes(said.locator("p code"), "print(1)").startswith("from the left")
    assert goes(said.locator("p").nth(1), "This is") == left
    assert [goes(said.locator("li").nth(n), words) for n, words in enumerate(("أول", "second"))] == [
        right,
        "from the left right",  # beside its mark
    ]
    assert said.locator("li").first.evaluate("e => getComputedStyle(e.parentElement).paddingRight") != "0px"
    assert said.locator("td").first.bounding_box()["x"] > said.locator("td").last.bounding_box()["x"]  # type: ignore[index]
    assert goes(said.locator("blockquote p"), "اقتباس") == right
    assert goes(said.locator("pre"), "# z") == "from the left"

    title = page.locator(".head h1 button")
    assert goes(title, "رحلة").startswith("from the right")
    assert title.evaluate(PLACED, "رحلة")[0] > title.evaluate(PLACED, "!")[0]
    facts = page.locator(".head .facts")
    places = [facts.evaluate(PLACED, words)[0] for words in ("qwen3", "سفر", "2 messages")]
    assert places == sorted(places)
    assert goes(row(page, "رحلة").locator(".name"), "رحلة").startswith("from the right right")

    field = page.get_by_role("textbox", name="Message")
    field.fill("טיוטה")
    assert field.evaluate("e => getComputedStyle(e).direction") == "rtl"
    page.get_by_label("Search conversations").fill("שלום")
    assert goes(page.locator(".hit p").first, "שלומך").startswith("from the right")
    expect(page.locator(".hit p mark").first).to_have_text("שלום")
    assert goes(page.locator(".hit p").first, "שלום").endswith("right")
