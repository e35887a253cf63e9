"""The page for everyone: axe's rules on every view, light and dark, wide and narrow; and what goes wrong, in words."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from ithaca import ChatMessage
from tests.web.conftest import Person
from tests.web.test_conversations import row, talk

axe = Axe()

#: Of the rules of WCAG 2.2 A and AA, and of good practice.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def accessible(page: Page) -> None:
    found = axe.run(page, options={"runOnly": {"type": "tag", "values": TAGS}}).response["violations"]
    told = [f"{each['id']}: {each['help']}: {[node['html'][:120] for node in each['nodes'][:3]]}" for each in found]
    assert told == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"


@pytest.fixture
def conversation(person: Person) -> str:
    """One with what may be hard to read or to reach; beside it another one, of which something was deleted."""
    code = "```python\n# comment\nx = 'a' + 1\n```"
    text = f"# Title\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n\n{code}\n\n> quote [link](https://example.com/)"
    said = ("Hello", text, "![x](https://example.com/)")
    id = talk(person.manager, "Trip to Pylos", *said, model="qwen3", folder="Travel")
    person.manager.mark_important(id)
    person.manager.add_message(id, ChatMessage("tool", "77", tool_call_id="c", name="add"))
    other = talk(person.manager, "Bow", "x", "y")
    person.manager.delete_messages(other, [person.manager.get_messages(other)[0].id])
    return id


def test_every_view_can_be_used_by_everyone(person: Person, conversation: str) -> None:
    page = person.open()
    expect(row(page, "Trip")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Actions for Trip to Pylos").click()
    accessible(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Select several").click()
    page.get_by_role("button", name="Keys").click()
    accessible(page)
    page.keyboard.press("Escape")
    page.get_by_label("Search conversations").fill("title")
    expect(page.locator(".hits mark")).to_have_count(1)
    accessible(page)
    views = {"trash": "Message", "archive": "empty", "usage": "Nothing was used", "sessions/none": "Not here"}
    for view, words in (views | {f"sessions/{conversation}": "Result"}).items():
        page.goto(f"{person.address}/{view}")
        expect(page.get_by_text(words).first).to_be_visible()
        accessible(page)
    person.complaints = [words for words in person.complaints if "404" not in words]


def test_so_can_it_on_a_phone_and_in_the_dark(person: Person, conversation: str) -> None:
    page = person.open(phone=True, dark=True)
    expect(row(page, "Trip")).to_be_visible()
    page.get_by_role("button", name="Select several").click()
    accessible(page)
    for view, words in (
        (f"sessions/{conversation}", "Result"),
        ("new", "What is on your mind?"),
        ("settings", "No rules"),
    ):
        page.goto(f"{person.address}/{view}")
        expect(page.get_by_text(words).first).to_be_visible()
        accessible(page)


def test_it_says_when_the_server_is_out_of_reach_and_when_it_is_back(person: Person) -> None:
    talk(person.manager, "Bow", "x")
    page = person.open()
    expect(row(page, "Bow")).to_be_visible()
    page.context.set_offline(True)
    row(page, "Bow").locator("a").click()
    expect(page.locator(".notice")).to_contain_text("cannot be reached")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".message")).to_have_count(1)
    expect(page.locator(".notice")).to_have_count(0)
    person.complaints = [words for words in person.complaints if "ERR_INTERNET_DISCONNECTED" not in words]
