"""Takes the pictures of the page that the README shows, with the demonstration's conversations: `make screenshots`."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from ithaca import AsyncSessionManager, SessionManager
from ithaca.cli.demo import fill
from ithaca.service import LocalOwner, ServiceSettings, create_app
from ithaca.service.running import Server, address_of, listen

FOLDER = Path(__file__).parent / "images"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
DESKTOP, PHONE = {"width": 1200, "height": 750}, {"width": 390, "height": 750}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        with SessionManager(f"{folder}/demo.db") as manager:
            fill(manager)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        with _running(f"{folder}/demo.db") as address:
            _conversation(browser, address)
            _search(browser, address)
            _phone(browser, address)
        browser.close()


def _page(browser: Any, address: str, path: str, size: dict[str, int], scheme: str) -> Any:
    page = browser.new_context(
        viewport=size, color_scheme=scheme, reduced_motion="reduce", has_touch=size is PHONE
    ).new_page()
    page.goto(f"{address}/{path}")
    page.locator(".message").last.wait_for()  # never is the network idle: the page listens
    page.locator(".meter [role=meter]").wait_for()
    return page


def _conversation(browser: Any, address: str) -> None:
    """A conversation with a document beside it."""
    page = _page(browser, address, "sessions/demo-letter-home", DESKTOP, "light")
    page.get_by_role("button", name="Documents", exact=True).click()
    page.locator(".documents button.what").first.click()
    page.get_by_role("button", name="Changes").click()
    page.locator(".diff").wait_for()
    page.mouse.move(600, 740)
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=FOLDER / "conversation.png")


def _search(browser: Any, address: str) -> None:
    """Something is looked for, in the dark."""
    page = _page(browser, address, "sessions/demo-great-bow", DESKTOP, "dark")
    page.keyboard.press("Control+k")
    page.keyboard.type("bow OR bed OR log")
    page.locator(".hits mark").first.wait_for()
    page.screenshot(path=FOLDER / "search.png")


def _phone(browser: Any, address: str) -> None:
    """An agent's conversation on a phone."""
    page = _page(browser, address, "sessions/demo-ships-log", PHONE, "light")
    page.locator(".message").last.wait_for()
    page.wait_for_timeout(300)
    page.screenshot(path=FOLDER / "phone.png")


@contextmanager
def _running(file: str) -> Iterator[str]:
    settings = ServiceSettings(port=0)
    listener = listen(settings)
    held, began = list[Server](), threading.Event()

    async def run() -> None:
        async with AsyncSessionManager(file) as manager:
            held.append(Server(create_app(manager, settings, access=LocalOwner(), page=True), settings))
            began.set()
            await held[0].serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    began.wait()
    yield address_of(listener)
    held[0].should_exit = True
    thread.join()
    listener.close()


if __name__ == "__main__":
    main()
