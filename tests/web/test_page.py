"""The page over HTTP: its policy, its files, and what frames a picture from elsewhere."""

import re

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from ithaca import AsyncSessionManager, ChatMessage, SessionManager
from ithaca.service import create_app
from tests.support.serving import Served


@pytest.fixture
def nobody(site: tuple[Served, SessionManager]) -> httpx.Client:
    """Asks as nobody: the page itself holds nothing of anybody's."""
    return site[0].client(None)


@pytest.mark.parametrize("path", ["/", "/new", "/archive", "/documents", "/documents/x", "/trash", "/sessions/x"])
def test_the_page_may_load_nothing_but_its_own(nobody: httpx.Client, path: str) -> None:
    answer = nobody.get(path)
    policy = dict(part.partition(" ")[::2] for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert (answer.headers["x-content-type-options"], answer.headers["referrer-policy"]) == ("nosniff", "same-origin")
    assert not re.search(r"<script(?![^>]* src=)|<style|style=|\son\w+=", answer.text)


def test_its_files_are_kept_for_ever_and_never_of_two_versions(nobody: httpx.Client) -> None:
    addresses = re.findall(r'(?:src|href)="(static/[^"]+)"', nobody.get("/").text)
    assert len(addresses) > 20
    for address in addresses:
        answer = nobody.get(address)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert re.match("text/(javascript|css)|image/svg", answer.headers["content-type"])
    old = nobody.get(re.sub("static/[^/]+", "static/older", addresses[0]))
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-cache")
    assert nobody.get(addresses[0], headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    for path in ("none.js", "..%2f__init__.py", "../templates/page.html"):
        assert nobody.get(f"/static/x/{path}").status_code == 404


def test_it_works_below_a_path_of_another_app() -> None:
    around = FastAPI()
    around.mount("/chats", create_app(AsyncSessionManager("sqlite:///:memory:"), page=True))
    text = TestClient(around).get("/chats/sessions/x").text
    assert '<base href="/chats/">' in text


def test_without_it_there_is_none() -> None:
    app = create_app(AsyncSessionManager("sqlite:///:memory:"))
    assert TestClient(app).get("/").status_code == 404


def test_a_picture_from_elsewhere_is_framed_with_a_policy_of_its_own(nobody: httpx.Client) -> None:
    answer = nobody.get("/remote-image", params={"address": 'https://example.com:8443/a.png?b="><script>'})
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; img-src https://example.com:8443; " in policy
    assert "sandbox" in policy
    assert "<script" not in answer.text
    bad = [
        "javascript:alert(1)",
        "https://",
        "https://a b/",
        "https://a;script-src *",
        "//x",
        "https://u@h/",
        "http://[::1",
    ]
    for address in bad:
        refused = nobody.get("/remote-image", params={"address": address})
        assert (refused.status_code, refused.json()["field"]) == (422, "address")


def test_messages_come_with_what_they_say_as_html(site: tuple[Served, SessionManager]) -> None:
    server, manager = site
    owned = manager.for_owner("html")
    owned.create_session("s")
    blocks = [{"type": "text", "text": "*b*"}, {"type": "image_url", "image_url": {"url": "https://x.example/"}},
              {"type": "thinking", "thinking": "*t*"}, "*s*"]  # fmt: skip
    reasons = [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "*r*"}]}]
    given = [("user", "*a*\nb"), ("assistant", blocks), ("tool", "*x*"), ("assistant", None), ("assistant", reasons)]
    owned.add_messages("s", [ChatMessage(role, content) for role, content in given])
    client = server.client("html")
    items = client.get("/api/sessions/s/messages", params={"rendered": "true"}).json()["items"]
    assert [item.pop("html") for item in items] == [
        ['<p dir="auto"><em>a</em><br>\nb</p>\n'],
        ['<p dir="auto"><em>b</em></p>\n', None, '<p dir="auto"><em>t</em></p>\n', '<p dir="auto"><em>s</em></p>\n'],
        [None],
        [],
        ['<p dir="auto"><em>r</em></p>\n'],
    ]
    assert items == client.get("/api/sessions/s/messages").json()["items"]
