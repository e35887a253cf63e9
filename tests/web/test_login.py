"""Logging in in front of the page: what stands behind it stays, and what is written."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ithaca import SessionManager
from ithaca.service import SignedIn
from tests.support.serving import Served, served
from tests.web.conftest import Person
from tests.web.test_conversations import row, talk
from tests.web.test_everyone import accessible

pytestmark = pytest.mark.usefixtures("quick_passwords")

PASSWORD = "Kalypso's island 7341"


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[tuple[Served, SessionManager]]:
    """A server that asks who it is, and two who may come in."""
    url = f"sqlite:///{tmp_path}/users.db"
    with SessionManager(url) as manager:
        manager.create_user("ann", PASSWORD, is_admin=True)
        manager.create_user("bob", PASSWORD)
        with served(url, access=lambda manager: SignedIn(manager)) as server:
            yield server, manager


@pytest.fixture
def ann(asking: tuple[Served, SessionManager], browser: Browser) -> Iterator[Person]:
    server, manager = asking
    somebody = Person(server.address, manager.for_owner("ann"), browser)
    yield somebody
    for context in somebody.contexts:
        context.close()
    assert [words for words in somebody.complaints if "401" not in words] == []


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    dialog = page.get_by_role("dialog", name="Log in")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def test_who_is_logged_out_loses_nothing_and_somebody_else_sees_nothing(
    ann: Person, asking: tuple[Served, SessionManager]
) -> None:
    manager = asking[1]
    id = talk(ann.manager, "Loom", "x")
    talk(manager.for_owner("bob"), "Boat", "y")
    page = ann.open(f"sessions/{id}")
    expect(page.get_by_role("dialog", name="Log in")).to_be_visible()
    accessible(page)
    page.keyboard.press("Escape")
    log_in(page, "ann", "not her password")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("no user of this name")
    log_in(page, "ann")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(row(page, "Loom")).to_be_visible()
    expect(page.locator(".message")).to_have_count(1)
    assert page.locator(".toast").count() == 0

    page.get_by_role("textbox", name="Message").fill("half a thought")
    manager.log_out_user("ann")  # as an administrator, or another window, does
    expect(page.get_by_role("dialog", name="Log in")).to_be_visible()
    log_in(page, "ann")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("half a thought")
    manager.for_owner("ann").rename_session(id, "Great loom")
    expect(page.locator(".head h1")).to_have_text("Great loom")

    page.get_by_role("link", name="Settings").click()
    expect(page.locator(".entries li", has_text="bob")).to_be_visible()
    page.get_by_role("button", name="Add a user…").click()
    page.get_by_label("Name").fill("eve")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("8")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Log out", exact=True).click()
    leaving = page.get_by_role("dialog", name="Log out?")
    expect(leaving).to_contain_text("in 1 place and not sent")
    leaving.get_by_role("button", name="Log out").click()
    log_in(page, "bob")
    expect(row(page, "Boat")).to_be_visible()
    expect(row(page, "loom")).to_have_count(0)
    assert "half a thought" not in page.evaluate("JSON.stringify(localStorage)")
    page.goto(f"{ann.address}/sessions/{id}")
    expect(page.get_by_role("heading", name="Not here")).to_be_visible()
    ann.complaints = [words for words in ann.complaints if "404" not in words and "422" not in words]
