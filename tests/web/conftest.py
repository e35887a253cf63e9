"""The page's stage: a real server, a real browser, and people who each have conversations of their own."""

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from ithaca import SessionManager
from ithaca.service import ServiceSettings
from tests.conftest import fresh_database
from tests.support.serving import Served, served

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"

#: Nothing is asked of anybody but the test's server.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
         ]  # fmt: skip

#: Seconds that a machine with other work may take until what is expected shows.
expect.set_options(timeout=20_000)

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def site(servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, SessionManager]]:
    """A server with the page on SQLite, and a manager of the same database."""
    with (
        fresh_database("sqlite", servers, tmp_path_factory.mktemp("web"), with_tables=True) as url,
        served(url, service=ServiceSettings(port=0, private_endpoints=True)) as server,
        SessionManager(url) as manager,
    ):
        yield server, manager
        assert manager.verify() == []


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all tests of the page. It ends with them: its event loop would be in others' way."""
    if not Path(CHROMIUM).exists():
        pytest.skip("the tests of the page need Chromium (in Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@dataclass
class Person:
    """Somebody who looks at the page, and what is stored of theirs."""

    address: str
    manager: SessionManager
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    #: What the browser complained of.
    complaints: list[str] = field(default_factory=list)
    #: Addresses elsewhere that were asked for.
    strayed: list[str] = field(default_factory=list)

    def open(self, path: str = "", *, phone: bool = False, dark: bool = False, rights: str = "read,write") -> Page:
        """The page in a window of its own."""
        size = {"width": 390, "height": 780} if phone else {"width": 1280, "height": 800}
        context = self.browser.new_context(
            viewport=size,  # type: ignore[arg-type]
            has_touch=phone,
            is_mobile=phone,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            permissions=["clipboard-read", "clipboard-write"],
        )
        who = {"x-owner": self.manager.owner or "", "x-rights": rights}
        context.add_cookies([{"name": name, "value": value, "url": self.address} for name, value in who.items()])
        context.set_default_timeout(20_000)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._note(request.url))
        page.goto(f"{self.address}/{path}")
        return page

    def _note(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:")):
            self.strayed.append(url)


@pytest.fixture
def person(site: tuple[Served, SessionManager], browser: Browser) -> Iterator[Person]:
    """Somebody new, of whose page the browser has nothing to complain."""
    server, manager = site
    somebody = Person(server.address, manager.for_owner(f"person-{next(_numbers)}"), browser)
    yield somebody
    for context in somebody.contexts:
        context.close()
    assert somebody.complaints == []
