"""The page of `ithaca serve` itself: two processes on PostgreSQL, which are ended and begun again."""

import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ithaca import SessionManager
from tests.interchange import legacy
from tests.service.test_serve import Program, running
from tests.service.test_workers import stopped, workers
from tests.support.model_server import model_server
from tests.web.conftest import Person
from tests.web.test_conversations import row, toast
from tests.web.test_replies import Model, ask


def test_an_answer_outlives_the_servers_end(
    postgres_url: str, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITHACA_STOP_SECONDS", "1")  # what is under way then is interrupted
    with model_server() as server, SessionManager(postgres_url) as manager:
        model = Model(server)
        manager.create_endpoint("local", server.url, model="qwen3", shared=True)
        with running(postgres_url, "--workers", "2") as program:
            person = Person(program.address, manager.for_owner(""), browser)
            page = person.open(program.told["link"].removeprefix(program.address + "/"))
            page.get_by_role("button", name="Open Ithaca").click()
            model.go_on.clear()
            page.goto(f"{program.address}/new")
            ask(page, "Sing")
            expect(page.locator(".message.live strong")).to_have_text("leaves")
            port = program.address.rpartition(":")[2]
            program.end()
        model.go_on.set()
        again = Program(postgres_url, "--port", port)
        try:
            expect(page.locator(".message.live")).to_have_count(0, timeout=60_000)
            expect(page.locator(".message").last).to_contain_text("Interrupted")
            expect(page.locator(".message").last.locator("strong")).to_have_text("leaves")
            page.get_by_role("button", name="Go on from here").click()
            expect(page.locator(".message").last).to_contain_text("at dawn.")
            expect(page.locator(".message")).to_have_count(2)
        finally:
            again.end(signal.SIGKILL)
            page.context.close()
        assert manager.verify() == []


def test_two_processes_on_postgresql_are_one_page(postgres_url: str, browser: Browser, tmp_path: Path) -> None:
    """What people do, in two windows: each was opened while the other's process could not answer."""
    with (
        model_server() as server,
        SessionManager(postgres_url) as manager,
        running(postgres_url, "--workers", "2") as program,
    ):
        model = Model(server)
        person = Person(program.address, manager.for_owner(""), browser)
        first, second = workers(program)
        with stopped(second):
            page = person.open(program.told["link"].removeprefix(program.address + "/"))
            page.get_by_role("button", name="Open Ithaca").click()
            expect(page.get_by_text("No conversations yet")).to_be_visible()
        with stopped(first):
            other = also_open(person, page, "")
            expect(other.get_by_text("No conversations yet")).to_be_visible()

        give_server_key_and_user(page, server.url)
        model.go_on.clear()
        page.get_by_role("link", name="New conversation").click()
        expect(page.locator(".composer .model")).to_have_text("qwen3")
        ask(page, "Sing")
        expect(page.locator(".message.live strong")).to_have_text("leaves")
        expect(other.locator(".row")).to_have_count(1)
        with stopped(first):  # which asks the model
            watching = also_open(person, page, page.url.removeprefix(program.address + "/"))
            expect(watching.locator(".message.live strong")).to_have_text("leaves")
        watching.get_by_role("button", name="Stop", exact=True).click()
        for window in (page, watching):
            expect(window.locator(".message.live")).to_have_count(0)
            expect(window.locator(".message").last).to_contain_text("Stopped")
        model.go_on.set()
        change_what_was_said(page, watching)
        put_away_find_and_bring_back(page, other)
        write_a_document(page, other)
        take_in(page, other, tmp_path)

        for context in person.contexts:
            context.close()
        assert [words for words in person.complaints if "Failed to load" not in words] == []
        assert manager.verify() == []


def also_open(person: Person, page: Page, path: str) -> Page:
    """Another window of who is logged in, with connections of its own."""
    window = person.open("link/none")
    window.context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    window.goto(f"{person.address}/{path}")
    return window


def give_server_key_and_user(page: Page, url: str) -> None:
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("button", name="Add a server…").click()
    for label, value in {"Name": "local", "Address": url, "Usual model": "qwen3"}.items():
        page.get_by_label(label).fill(value)
    page.get_by_label("Everybody may use it").check()
    page.get_by_role("button", name="Add", exact=True).click()
    page.locator(".entries li", has_text="local").get_by_role("button", name="Test").click()
    expect(toast(page, "local answered")).to_contain_text("2 models")
    page.get_by_role("button", name="Make a key…").click()
    page.get_by_label("What it is for").fill("backup")
    page.keyboard.press("Enter")
    expect(page.locator(".token")).to_contain_text("ithaca_")
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Add a user…").click()
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill("Kalypso's island 7341")
    page.get_by_role("button", name="Add", exact=True).click()
    for entry in ("backup", "ann"):
        expect(page.locator(".entries li", has_text=entry)).to_be_visible()


def change_what_was_said(page: Page, watching: Page) -> None:
    """An answer made again, a question asked otherwise, and a fork: the other window has it all."""
    page.locator(".message").last.get_by_role("button", name="Answer again").click()
    for window in (page, watching):
        expect(window.locator(".message").last).to_contain_text("at dawn.")
        expect(window.locator(".versions")).to_have_text("2 / 2")
    page.get_by_role("button", name="Previous version").click()
    expect(watching.locator(".message").last).to_contain_text("Stopped")
    page.locator(".message").first.hover()
    page.locator(".message").first.get_by_role("button", name="Edit").click()
    page.get_by_role("textbox", name="The message").fill("Sing of dawn")
    page.get_by_role("button", name="Save and ask").click()
    for window in (page, watching):
        expect(window.locator(".message").first).to_contain_text("Sing of dawn")
        expect(window.locator(".message").last).to_contain_text("at dawn.")
        expect(window.locator(".message").first.locator(".versions")).to_have_text("2 / 2")
    watching.locator(".message").first.hover()
    watching.locator(".message").first.get_by_role("button", name="More").click()
    watching.get_by_role("menuitem", name="Fork from here").click()
    expect(watching.locator(".head h1")).to_have_text(re.compile("fork"))
    expect(page.locator(".row")).to_have_count(2)


def put_away_find_and_bring_back(page: Page, other: Page) -> None:
    expect(other.locator(".row")).to_have_count(2)
    row(other, "(fork)").locator("a").focus()
    other.keyboard.press("Delete")
    expect(row(page, "(fork)")).to_have_count(0)
    toast(other, "Moved to the trash").get_by_text("Undo").click()
    expect(row(page, "(fork)")).to_be_visible()
    other.keyboard.press("Control+k")
    other.keyboard.type("leaves dawn")
    expect(other.locator(".hits mark").first).to_be_visible()
    other.keyboard.press("ArrowDown")
    other.keyboard.press("Enter")
    expect(other.locator(".message:focus")).to_contain_text("at dawn.")
    other.get_by_label("Search conversations").press("Escape")


def write_a_document(page: Page, other: Page) -> None:
    page.get_by_role("button", name="Documents", exact=True).click()
    page.get_by_role("button", name="New document").click()
    page.get_by_label("Title").fill("Draft")
    page.keyboard.press("Enter")
    for text in ("one", "one\ntwo"):
        page.get_by_role("textbox", name="Text").fill(text)
        page.get_by_role("button", name="Save a version").click()
        expect(page.get_by_role("textbox", name="Text")).to_have_count(0)
        page.locator(".documents").get_by_role("button", name="Edit", exact=True).click()
    other.get_by_role("link", name="Documents").click()
    other.get_by_role("link", name="Draft").click()
    other.get_by_role("button", name="Changes").click()
    expect(other.locator(".diff .added")).to_contain_text("two")


def take_in(page: Page, other: Page, directory: Path) -> None:
    """A file is taken in; how far it is, is told on the way."""
    sessions = [legacy.session(id=f"old-{number}", name=f"Old {number}") for number in range(200)]
    messages = [legacy.message(f"m-{number}", session_id=f"old-{number}") for number in range(200)]
    file = legacy.make_legacy(directory / "app.db", sessions=sessions, messages=messages)
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("button", name="Drop a file")).to_be_visible()
    page.evaluate(
        """() => {
          window.told = [];
          const state = document.querySelector(".drop").parentElement;
          new MutationObserver(() => told.push(state.querySelector(".importing span")?.textContent))
            .observe(state, { childList: true, characterData: true, subtree: true });
        }"""
    )
    page.locator("input[type=file]").last.set_input_files([file])
    expect(page.locator(".importing")).to_contain_text("200 conversations, 200 messages")
    assert [words for words in page.evaluate("told") if re.fullmatch(r"app\.db: [1-9]\d* of \d+", words or "")]
    expect(row(other, "Old").first).to_be_visible()
