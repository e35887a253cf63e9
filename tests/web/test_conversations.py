"""The list as people use it: find, open, star, move, archive, delete, and take it back."""

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from ithaca import ChatMessage, SessionManager
from tests.web.conftest import Person


def talk(manager: SessionManager, name: str, *texts: str, **given: Any) -> str:
    """A conversation, in which what is said alternates between the two; its id."""
    id = manager.create_session(name=name, **given).id
    manager.add_messages(id, [ChatMessage(("user", "assistant")[n % 2], text) for n, text in enumerate(texts)])
    return id


def names(page: Page) -> list[str]:
    return page.locator(".row .name").all_text_contents()


def row(page: Page, name: str) -> Locator:
    return page.locator(".row", has_text=name)


def toast(page: Page, words: str) -> Locator:
    return page.locator(".toast", has_text=words)


def test_a_persons_conversations_are_found_ordered_and_put_away(person: Person) -> None:
    for name in ("Bow", "Loom", "Ship", "Raft"):
        talk(person.manager, name, f"about the {name.lower()}")
    loom = person.manager.list_sessions(name="Loom").items[0].id
    page = person.open()
    expect(page.locator(".row")).to_have_count(4)
    assert names(page) == ["Raft", "Ship", "Loom", "Bow"]

    # a star comes first
    row(page, "Loom").locator("a").focus()
    page.keyboard.press("s")
    expect(page.locator(".row .name").first).to_have_text("Loom")
    expect(row(page, "Loom").locator("a")).to_be_focused()
    assert person.manager.get_session(loom, last=0).is_important

    # rename in place, by the menu, and by the keyboard
    row(page, "Bow").locator("a").click()
    page.locator(".head h1 button").click()
    page.locator(".head h1 input").fill("Great bow")
    page.keyboard.press("Enter")
    expect(row(page, "Great bow")).to_be_visible()
    expect(page).to_have_title("Great bow · Ithaca")
    row(page, "Ship").locator("a").focus()
    page.keyboard.press("F2")
    page.get_by_role("textbox", name="Name").fill("Black ship")
    page.keyboard.press("Enter")
    expect(toast(page, "Renamed")).to_have_count(2)
    toast(page, "Renamed").last.get_by_text("Undo").click()
    expect(row(page, "Black ship")).to_have_count(0)
    expect(row(page, "Ship")).to_be_visible()

    # to the trash with the keyboard, and back with Ctrl+Z; then through the trash itself
    row(page, "Raft").locator("a").focus()
    page.keyboard.press("Delete")
    expect(row(page, "Raft")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(row(page, "Raft")).to_be_visible()
    row(page, "Raft").hover()
    row(page, "Raft").get_by_role("button", name="Actions for Raft").click()
    page.get_by_role("menuitem", name="Move to the trash").click()
    expect(row(page, "Raft")).to_have_count(0)
    page.get_by_role("link", name="Trash").click()
    page.locator(".entries li", has_text="Raft").get_by_role("button", name="Restore").click()
    expect(row(page, "Raft")).to_be_visible()
    assert person.manager.trash().items == []

    # the archive is apart
    row(page, "Raft").locator("a").focus()
    page.keyboard.press("e")
    expect(row(page, "Raft")).to_have_count(0)
    page.get_by_role("link", name="Archive").click()
    expect(page.locator(".row")).to_have_count(1)
    row(page, "Raft").locator("a").focus()
    page.keyboard.press("e")
    page.get_by_role("link", name="Chats").click()
    expect(page.locator(".row")).to_have_count(4)


def test_several_are_moved_and_deleted_at_once_and_come_back(person: Person) -> None:
    for name in ("One", "Two", "Three", "Four"):
        talk(person.manager, name, "x")
    person.manager.mark_important(person.manager.list_sessions(name="Four").items[0].id)
    page = person.open()
    expect(page.locator(".row")).to_have_count(4)

    # a range, to a folder that is new
    row(page, "Three").locator("a").click(modifiers=["Control"])
    row(page, "One").locator("a").click(modifiers=["Shift"])
    expect(page.locator(".bulk")).to_contain_text("3 selected")
    page.locator(".bulk").get_by_role("button", name="Move to a folder").click()
    page.get_by_label("New folder").fill("Numbers")
    page.keyboard.press("Enter")
    expect(page.locator(".folders button", has_text="Numbers")).to_contain_text("3")

    # by dragging: out of it
    row(page, "One").locator("a").drag_to(page.locator(".folders button", has_text="All conversations"))
    expect(page.locator(".folders button", has_text="Numbers")).to_contain_text("2")
    page.locator(".folders button", has_text="Numbers").click()
    expect(page.locator(".row")).to_have_count(2)
    page.locator(".folders button", has_text="All conversations").click()
    expect(page.locator(".row")).to_have_count(4)

    # delete all: the starred one stays
    page.get_by_role("button", name="Select several").click()
    for name in ("Four", "Three", "Two", "One"):
        row(page, name).get_by_role("checkbox").check()
    page.locator(".bulk").get_by_role("button", name="Move to the trash").click()
    expect(page.locator(".row")).to_have_count(1)
    expect(toast(page, "Moved 3 conversations to the trash. 1 starred one stayed.")).to_be_visible()
    toast(page, "Moved 3").get_by_text("Undo").click()
    expect(page.locator(".row")).to_have_count(4)
    folders = {session.name: session.folder for session in person.manager.list_sessions()}
    assert folders == {"One": None, "Two": "Numbers", "Three": "Numbers", "Four": None}


def test_what_is_looked_for_is_found_while_typing_and_opens_at_its_place(person: Person) -> None:
    id = talk(person.manager, "Long talk", *(f"{'😀 and more ' * 12}word{number} and more" for number in range(300)))
    talk(person.manager, "The word77 itself", "no")
    page = person.open()
    page.keyboard.press("Control+k")
    expect(page.get_by_label("Search conversations")).to_be_focused()
    page.keyboard.type("word77")
    expect(page.locator(".hits .name")).to_have_text(["The word77 itself"])
    expect(page.locator(".hits mark")).to_have_text(["word77"])
    lines, found = page.locator(".hits p").bounding_box(), page.locator(".hits mark").bounding_box()
    assert lines is not None
    assert found is not None
    # What comes before it doesn't push it out of the few lines that are shown.
    assert found["y"] + found["height"] <= lines["y"] + lines["height"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".message:focus")).to_contain_text("word77")
    expect(page.locator(".message:focus")).to_be_in_viewport()
    expect(page).to_have_url(re.compile(f"sessions/{id}.message="))
    expect(page.get_by_role("button", name="to the end")).to_contain_text(re.compile(r"\d+ of 300"))
    page.get_by_role("button", name="to the end").click()
    expect(page.locator(".message").last).to_contain_text("word299")
    page.go_back()
    page.get_by_label("Search conversations").focus()
    page.keyboard.press("Escape")
    expect(page.locator(".row")).to_have_count(2)


def test_what_is_found_goes_on_as_long_as_one_asks(person: Person) -> None:
    talk(person.manager, "Long talk", *(f"ahoy {number}" for number in range(100)))
    page = person.open()
    page.get_by_label("Search conversations").fill("ahoy")
    expect(page.locator(".hit")).to_have_count(40)
    page.keyboard.press("ArrowDown")
    for count, first in ((80, 59), (100, 19)):
        for _ in range(40):
            page.keyboard.press("ArrowDown")
        expect(page.get_by_role("button", name="More messages")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".hit")).to_have_count(count)
        expect(page.locator(".hit a:focus p")).to_have_text(f"ahoy {first}")
    expect(page.get_by_role("button", name="More messages")).to_have_count(0)
    assert len(set(page.locator(".hit p").all_inner_texts())) == 100


def test_a_list_of_many_goes_on_where_one_scrolls(person: Person) -> None:
    for number in range(150):
        person.manager.create_session(name=f"Talk {number}")
    page = person.open()
    expect(page.locator(".row")).to_have_count(60)
    page.locator(".row a").first.focus()
    for count in (120, 150):
        page.keyboard.press("End")
        expect(page.locator(".row")).to_have_count(count)
    assert names(page) == [f"Talk {number}" for number in reversed(range(150))]


def test_what_others_change_shows_at_once(person: Person) -> None:
    first, second = talk(person.manager, "First", "x"), talk(person.manager, "Second", "y")
    page = person.open(f"sessions/{first}")
    expect(page.locator(".message")).to_have_count(1)
    expect(page.locator(".row")).to_have_count(2)
    page.wait_for_timeout(300)  # it listens by now
    person.manager.add_message(first, ChatMessage("assistant", "news"))
    expect(page.locator(".message").last).to_contain_text("news")
    expect(page.locator(".message").last).to_be_in_viewport()
    expect(page.locator(".row .name")).to_have_text(["First", "Second"])
    person.manager.rename_session(first, "Renamed elsewhere")
    expect(page.locator(".head h1")).to_have_text("Renamed elsewhere")
    person.manager.delete_session(second)
    third = talk(person.manager, "Third", "z")
    expect(page.locator(".row .name")).to_have_text(["Third", "Renamed elsewhere"])
    person.manager.delete_sessions([first, third])
    expect(page.locator(".row")).to_have_count(0)
    expect(page.get_by_role("heading", name="In the trash")).to_be_visible()
    person.manager.undo(first)
    expect(page.locator(".message")).to_have_count(2)
