"""The page under a finger: all that a pointer or a keyboard does can be done on a phone."""

import pytest
from playwright.sync_api import expect

from tests.web.conftest import Person
from tests.web.test_conversations import row, talk, toast


def test_conversations_are_put_away_with_a_finger(person: Person) -> None:
    for number in range(30):
        talk(person.manager, f"Talk {number:02}", "When?", "At dawn.")
    page = person.open(phone=True)

    # into a folder, by the button that is always there
    page.get_by_role("button", name="Actions for Talk 29").tap()
    page.get_by_role("menuitem", name="Move to a folder…").tap()
    page.get_by_label("New folder").fill("Travel")
    page.get_by_role("button", name="Move", exact=True).tap()
    expect(page.locator(".folders button", has_text="Travel")).to_contain_text("1")

    # the same menu by a long press, which the browser tells of as of the other button; it opens nothing else
    row(page, "Talk 28").locator("a").dispatch_event("contextmenu")
    page.get_by_role("menuitem", name="Archive").tap()
    expect(row(page, "Talk 28")).to_have_count(0)
    expect(page.locator(".main")).to_be_hidden()

    # many at once, and back
    page.get_by_role("button", name="Select several").tap()
    for name in ("Talk 27", "Talk 26"):
        row(page, name).locator("a").tap()
    page.locator(".bulk").get_by_role("button", name="Move to the trash").tap()
    expect(row(page, "Talk 27")).to_have_count(0)
    toast(page, "Moved 2 conversations").get_by_text("Undo").tap()
    expect(row(page, "Talk 27")).to_be_visible()

    # one at a time: the list is where it was
    row(page, "Talk 05").scroll_into_view_if_needed()
    before = page.locator(".scroller").first.evaluate("each => each.scrollTop")
    assert before > 0
    row(page, "Talk 05").locator("a").tap()
    expect(page.locator(".message")).to_have_count(2)
    expect(page.locator(".side")).to_be_hidden()
    page.get_by_role("button", name="Back to the list").tap()
    expect(row(page, "Talk 05")).to_be_in_viewport()
    assert page.locator(".scroller").first.evaluate("each => each.scrollTop") == pytest.approx(before, abs=2)


def test_messages_are_handled_with_a_finger(person: Person) -> None:
    id = talk(person.manager, "Talk", "first", "second")
    page = person.open(f"sessions/{id}", phone=True)
    more = page.locator(".message").first.get_by_role("button", name="More")
    assert more.evaluate("each => getComputedStyle(each.closest('.tools')).opacity") == "1"
    more.tap()
    page.get_by_role("menuitem", name="Delete the message").tap()
    expect(page.locator(".message")).to_have_count(1)
    toast(page, "in the trash").get_by_text("Undo").tap()
    expect(page.locator(".message")).to_have_count(2)

    # no keyboard comes up by itself; on one, Enter is a new line; where it lies over the page, the page ends above it
    field = page.get_by_role("textbox", name="Message")
    expect(field).not_to_be_focused()
    field.tap()
    page.keyboard.type("one")
    page.keyboard.press("Enter")
    page.keyboard.type("two")
    expect(field).to_have_value("one\ntwo")
    page.evaluate(
        """() => {
          Object.defineProperty(visualViewport, "height", { value: 420, configurable: true });
          visualViewport.dispatchEvent(new Event("resize"));
        }"""
    )
    assert page.get_by_role("button", name="Send").bounding_box()["y"] < 420 - 24  # type: ignore[index]
    expect(page.locator(".message").last).to_be_in_viewport()
    page.evaluate("delete visualViewport.height; visualViewport.dispatchEvent(new Event('resize'))")
    assert page.get_by_role("button", name="Send").bounding_box()["y"] > 600  # type: ignore[index]
