"""The page of `ithaca serve` itself: two processes on PostgreSQL, which are ended and begun again."""

import signal

import pytest
from playwright.sync_api import Browser, expect

from ithaca import SessionManager
from tests.service.test_serve import Program, running
from tests.support.model_server import model_server
from tests.web.conftest import Person
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
