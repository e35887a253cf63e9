"""Getting in with a real browser: by the link that `ithaca serve` prints, and only for the server's own pages."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from ithaca import ChatMessage, SessionManager
from ithaca.service import ServiceSettings, SignedIn
from tests.support.serving import Served, served

SETTINGS = ServiceSettings(port=0, allowed_hosts="localhost")


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, SessionManager]]:
    """A server that asks who it is, and a manager of its database."""
    url = f"sqlite:///{tmp_path_factory.mktemp('signing-in')}/chats.db"
    with (
        served(url, service=SETTINGS, access=lambda manager: SignedIn(manager, SETTINGS)) as server,
        SessionManager(url) as manager,
    ):
        yield server, manager
        assert manager.verify() == []


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The address of another server's page."""

    class Blank(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Blank)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_link_opens_the_page_and_what_one_has(
    asking: tuple[Served, SessionManager], context: BrowserContext, elsewhere: str
) -> None:
    server, manager = asking
    session = manager.create_session(name="Trip to Pylos", owner="ann")
    manager.add_message(session.id, ChatMessage("user", "When does the ferry leave?"))
    page = context.new_page()
    page.goto(f"{server.address}/link/{manager.create_link(owner='ann')}")
    page.get_by_role("button", name="Open Ithaca").click()
    page.wait_for_url(f"{server.address}/")
    page.get_by_text("Trip to Pylos").first.wait_for()
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert page.evaluate("document.cookie") == ""
    changed = "fetch('/api/sessions', {method: 'POST', body: '{\"name\": \"x\"}', %s}).then(answer => answer.status)"
    kind = "headers: {'content-type': 'application/json'}"
    assert page.evaluate(changed % kind) == 201
    strange = context.new_page()
    strange.goto(elsewhere)
    # Another port of the same host is the same site: the browser sends the cookie along, and says whose page it is.
    there = changed.replace("'/api", f"'{server.address}/api") % "mode: 'no-cors', credentials: 'include'"
    assert strange.evaluate(there) == 0
    assert [each.name for each in manager.for_owner("ann").list_sessions()] == ["x", "Trip to Pylos"]


def test_who_is_nobody_sees_nothing(asking: tuple[Served, SessionManager], context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(asking[0].address)
    page.get_by_role("dialog", name="Log in").wait_for()
