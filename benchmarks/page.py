"""Measures the web page in a real browser: `make bench-page`.

A conversation of 100,000 messages beside one of 10, opened in turn in windows that have nothing in their caches: the
time until the last message is on the screen, and what scripts hold then and after scrolling back through 2,000
messages. And the frames that are drawn while an answer comes, a word every few milliseconds.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import machine
from ithaca import AsyncSessionManager, ChatMessage, SessionManager
from ithaca.service import LocalOwner, ServiceSettings, create_app
from ithaca.service.running import Server, address_of, listen
from tests.support.model_server import Answer, model_server, said

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--enable-precise-memory-info",
         "--js-flags=--expose-gc"]  # fmt: skip
LONG, SHORT = 100_000, 10
WORDS = "the ferry to Pylos leaves at dawn and *arrives* before `noon` with a west wind"

#: Until the last message is within the window, from when the address was entered.
_SHOWN = """() => new Promise((done) => {
  const look = () => {
    const last = [...document.querySelectorAll(".message")].at(-1);
    if (last && last.getBoundingClientRect().bottom <= innerHeight) done(performance.now());
    else requestAnimationFrame(look);
  };
  look();
})"""

_HEAP = "() => { gc(); return performance.memory.usedJSHeapSize / 1e6; }"

#: Scrolls back through so many messages.
_BACK = """async (count) => {
  const history = document.querySelector(".history");
  const first = () => Number(document.querySelector(".message").dataset.seq);
  const goal = first() - count;
  while (first() > goal && first() > 1) {
    history.scrollTop = 0;
    await new Promise(requestAnimationFrame);
  }
}"""

#: Milliseconds between frames until the answer has ended.
_FRAMES = """() => new Promise((done) => {
  const gaps = [];
  let [last, begun] = [performance.now(), false];
  const frame = (now) => {
    const live = document.querySelector(".message.live");
    begun ||= live !== null;
    if (begun) gaps.push(now - last);
    last = now;
    if (begun && !live) done(gaps);
    else requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="openings of each conversation")
    parser.add_argument("--long", type=int, default=LONG, help="messages of the long conversation")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        with _served(f"{folder}/page.db", asked.long) as address, _browser(playwright) as browser:
            found = _openings(browser, address, asked.rounds) | _memory(browser, address) | _frames(browser, address)
        facts = machine.described(Path(folder)) | {"messages": str(asked.long)}
    sys.stdout.write(json.dumps({"facts": facts, "found": found}, indent=2) + "\n")


@contextmanager
def _browser(playwright: Any) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield browser
    browser.close()


@contextmanager
def _served(file: str, long: int) -> Iterator[str]:
    """A server on a database with both conversations, and a model that says a thousand words."""
    with model_server() as model, SessionManager(file) as manager:
        words = [f"{word} " if number % 60 else f"{word}\n\n" for number, word in enumerate(WORDS.split() * 70, 1)]
        paced: list[Any] = [part for event in said(*words) for part in (event, 0.004)]
        model.answer_by(lambda asked: Answer(tuple(paced), headers={"content-type": "text/event-stream"}))
        manager.create_endpoint("local", model.url, model="words")
        for id, count in (("long", long), ("short", SHORT)):
            manager.create_session(id, id, "local", "words")
            for start in range(0, count, 1000):
                manager.add_messages(id, [_message(n) for n in range(start, min(count, start + 1000))])
        with _running(file) as address:
            yield address


def _message(number: int) -> ChatMessage:
    return ChatMessage(("user", "assistant")[number % 2], f"{number}: {WORDS * (1 + number % 4)}")


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


def _opened(browser: Browser, address: str, id: str) -> tuple[Page, float]:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"{address}/sessions/{id}", wait_until="commit")
    return page, float(page.evaluate(_SHOWN))


def _openings(browser: Browser, address: str, rounds: int) -> dict[str, Any]:
    times: dict[str, list[float]] = {"short": [], "long": []}
    for number in range(rounds + 1):
        for id in ("short", "long") if number % 2 else ("long", "short"):
            page, time = _opened(browser, address, id)
            page.context.close()
            if number:  # the first round warms up
                times[id].append(time)
    ratios = [one / other for one, other in zip(times["long"], times["short"], strict=True)]
    medians = {f"{id}: last message shown, ms": round(statistics.median(all)) for id, all in times.items()}
    return medians | {"long ÷ short": round(statistics.median(ratios), 2)}


def _memory(browser: Browser, address: str) -> dict[str, Any]:
    found = {}
    for id in ("short", "long"):
        page, _ = _opened(browser, address, id)
        found[f"{id}: heap, MB"] = round(page.evaluate(_HEAP), 1)
        if id == "long":
            page.evaluate(_BACK, 2_000)
            found["long: heap after scrolling back 2,000, MB"] = round(page.evaluate(_HEAP), 1)
            found["long: messages in the document then"] = page.locator(".message").count()
        page.context.close()
    return found


def _frames(browser: Browser, address: str) -> dict[str, Any]:
    page, _ = _opened(browser, address, "long")
    page.get_by_role("textbox", name="Message").fill("Sing")
    page.keyboard.press("Enter")
    gaps = sorted(page.evaluate(_FRAMES))
    page.context.close()
    return {
        "streaming: frames": len(gaps),
        "streaming: frame, median ms": round(statistics.median(gaps), 1),
        "streaming: frame, 99th of 100, ms": round(gaps[int(len(gaps) * 0.99) - 1], 1),
        "streaming: longest frame, ms": round(gaps[-1], 1),
    }


if __name__ == "__main__":
    main()
