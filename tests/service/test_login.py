"""Logging in with a password and by a link, and what a browser's cookie opens, and for which pages."""

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from ithaca import AsyncSessionManager, SessionManager
from ithaca.operations.logins import MOST_TOGETHER
from ithaca.service import ServiceSettings, SignedIn
from tests.service.test_sessions import make
from tests.support.serving import Served, served

pytestmark = pytest.mark.usefixtures("quick_passwords")

PASSWORD = "Kalypso's island 7341"

SETTINGS = ServiceSettings(
    port=0, allowed_hosts="ithaca.example", trusted_proxies="127.0.0.1, 10.0.0.0/8", user_header="X-User"
)


def own(server: Served) -> dict[str, str]:
    """What a browser says of a page of the server's."""
    return {"origin": server.address, "sec-fetch-site": "same-origin"}


@pytest.fixture(scope="module")
def asking(database_url: str) -> Iterator[Served]:
    """A server that asks for keys and log-ins, behind a proxy that says who the user is."""
    with served(database_url, service=SETTINGS, access=lambda manager: SignedIn(manager, SETTINGS)) as running:
        yield running


@pytest.fixture
def browser(asking: Served) -> Callable[..., httpx.Client]:
    """Makes clients that say of each request what a browser says."""
    return lambda **headers: asking.client(None, **{**own(asking), **headers})


@pytest.fixture
def ann(trusted: SessionManager, names: tuple[str, str]) -> Iterator[str]:
    """A user who works on his own data."""
    trusted.create_user(names[0], PASSWORD)
    yield names[0]
    trusted.erase_owner(names[0])


def log_in(client: httpx.Client, name: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    return client.post("/api/login", json={"name": name, "password": password}, headers=headers)


def test_a_browser_logs_in_and_out(browser: Callable[..., httpx.Client], ann: str) -> None:
    client = browser()
    assert client.get("/api/me").status_code == 401
    answer = log_in(client, ann)
    me = {"owner": ann, "rights": ["read", "write"], "by": "login", "name": ann}
    assert (answer.status_code, answer.json()) == (200, me)
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(r"ithaca-\d+=[\w-]{43}; HttpOnly; Max-Age=2592000; Path=/; SameSite=strict", cookie)
    assert answer.headers["cache-control"] == "no-store"
    assert client.get("/api/me").json() == me
    assert make(client, id="s")["owner"] == ann
    assert client.post("/api/logout").status_code == 204
    assert (dict(client.cookies), client.get("/api/me").status_code) == ({}, 401)
    client.headers["cookie"] = cookie.partition(";")[0]
    assert client.get("/api/me").status_code == 401


def test_a_log_in_that_is_refused_does_not_say_why(browser: Callable[..., httpx.Client], ann: str) -> None:
    client = browser()
    wrong, nobody = log_in(client, ann, "guessed it"), log_in(client, f"{ann}-x", "guessed it")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "LoginRefused")
    assert wrong.text == nobody.text
    for body in ({"name": ann}, {"name": ann, "password": 5}, {"name": 5, "password": "x"}, [], {"password": PASSWORD}):
        answer = client.post("/api/login", json=body)
        assert answer.status_code == 422
        assert "Kalypso" not in answer.text


def test_guessing_is_answered_with_when_to_try_again(browser: Callable[..., httpx.Client], ann: str) -> None:
    client = browser()
    answers: list[int] = []

    def guess() -> None:
        answers.append(log_in(client, ann, "a guess").status_code)

    threads = [threading.Thread(target=guess) for _ in range(MOST_TOGETHER + 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [401] * MOST_TOGETHER + [429] * 5  # at once or one by one
    late = log_in(client, ann)
    assert (late.status_code, late.json()["error"]) == (429, "TooManyAttempts")
    assert 0 < int(late.headers["retry-after"]) <= 900
    assert log_in(client, ann, **{"x-forwarded-for": "10.9.9.9, 192.0.2.1, 10.0.0.1"}).status_code == 200


def test_where_a_request_is_from_is_what_proxies_say(browser: Callable[..., httpx.Client], ann: str) -> None:
    client = browser()
    for number in range(MOST_TOGETHER):  # what stands before a proxy's own word, anybody can write
        log_in(client, ann, "a guess", **{"x-forwarded-for": f"192.0.2.{number}, 192.0.2.77, 10.0.0.1"})
    assert log_in(client, ann, **{"x-forwarded-for": "192.0.2.77"}).status_code == 429
    for number in range(MOST_TOGETHER):  # one network of IPv6 is one address
        log_in(client, ann, "a guess", **{"x-forwarded-for": f"2001:db8::{number}"})
    assert log_in(client, ann, **{"x-forwarded-for": "2001:db8::ffff:1"}).status_code == 429
    assert log_in(client, ann, **{"x-forwarded-for": "2001:db8:0:1::1"}).status_code == 200
    for number in range(MOST_TOGETHER):  # a proxy that adds a line of its own, below what anybody wrote
        lines = [("x-forwarded-for", f"192.0.2.{100 + number}"), ("x-forwarded-for", "192.0.2.88")]
        client.post("/api/login", json={"name": ann, "password": "a guess"}, headers=lines)
    assert log_in(client, ann, **{"x-forwarded-for": "192.0.2.88"}).status_code == 429


def test_who_is_not_known_sends_no_more_than_a_password(browser: Callable[..., httpx.Client]) -> None:
    refused = browser().post("/api/login", json={"name": "ann", "password": "x" * 70_000})
    assert (refused.status_code, refused.json()["error"]) == (413, "BodyTooLarge")


FOREIGN: list[dict[str, str]] = [
    {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"},
    {"origin": "null"}, {"origin": "http://127.0.0.1:1"}, {"origin": "http://["}, {"origin": "http://"},
    {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
]  # fmt: skip


@pytest.mark.parametrize("said", FOREIGN, ids=str)
def test_no_other_page_changes_anything(
    asking: Served, ann: str, trusted: SessionManager, said: dict[str, str]
) -> None:
    client = asking.client(None)
    refused = log_in(client, ann, **said)
    assert (refused.status_code, refused.json()["error"]) == (403, "ForeignOrigin")
    link = trusted.create_link(owner=ann)
    assert client.post(f"/link/{link}", headers=said).status_code == 403
    assert log_in(client, ann).status_code == 200  # a program says nothing of pages
    refused = client.post("/api/sessions", json={"name": "x"}, headers=said)
    assert (refused.status_code, refused.json()["error"]) == (403, "ForeignOrigin")
    assert client.post("/api/sessions", json={"name": "x"}).status_code == 403  # nor is it known to be ours
    assert client.post("/api/sessions", json={"name": "x"}, headers={"origin": asking.address}).status_code == 201
    assert client.get("/api/sessions", headers=said).status_code == 200  # which that page cannot read
    key = asking.with_key(trusted.create_key("k", owner=ann).token)
    assert key.post("/api/sessions", json={"name": "x"}, headers=said).status_code == 201


@pytest.mark.parametrize(
    ("asked", "host", "origin", "own"),
    [
        ("https", "", "https://ithaca.example", True), ("https", "", "http://ithaca.example", False),
        ("https", ":443", "https://ithaca.example", True), ("https", ":443", "http://ithaca.example:443", False),
        ("https", ":8443", "https://ithaca.example:8443", True), ("https", ":8443", "https://ithaca.example", False),
        ("https", ":80", "https://ithaca.example", False), ("http", "", "https://ithaca.example", False),
        ("http", "", "http://ithaca.example", True), ("http", ":80", "http://ithaca.example", True),
        ("https, http", "", "https://ithaca.example", False), (None, "", "https://ithaca.example", False),
    ],
)  # fmt: skip
def test_a_page_of_the_other_scheme_is_another_page(
    asking: Served, ann: str, asked: str | None, host: str, origin: str, own: bool
) -> None:
    """By which scheme it was asked, the proxy says."""
    said = {"host": f"ithaca.example{host}", "origin": origin} | ({"x-forwarded-proto": asked} if asked else {})
    client = asking.client(None, **said)
    assert log_in(client, ann).status_code == (200 if own else 403)
    changed = client.post("/api/sessions", json={"name": "x"}, headers={"x-user": ann})
    assert changed.status_code == (201 if own else 403)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("evil.example", False), ("127.0.0.1.evil.example", False), ("ithaca.example.evil", False), ("[", False),
        ("localhost", True), ("LOCALHOST:80", True), ("127.0.0.1", True), ("[::1]:8421", True), ("10.0.0.7", True),
        ("ithaca.example", True), ("Ithaca.Example:443", True),
    ],
)  # fmt: skip
def test_it_goes_by_its_own_names_only(asking: Served, host: str, known: bool) -> None:
    client = asking.client(None)
    answer = client.get("/api/openapi.json", headers={"host": host})
    assert answer.status_code == (200 if known else 421)
    assert client.get("/healthz", headers={"host": host}).status_code == 200
    if not known:
        assert "ITHACA_ALLOWED_HOSTS" in answer.json()["detail"]


def test_another_password_logs_out_elsewhere(browser: Callable[..., httpx.Client], ann: str) -> None:
    here, elsewhere = browser(), browser()
    log_in(here, ann), log_in(elsewhere, ann)
    change = {"password": PASSWORD, "new_password": "another one"}
    assert here.post("/api/me/password", json={**change, "password": "guessed it"}).json()["error"] == "LoginRefused"
    short = here.post("/api/me/password", json={**change, "new_password": "short"})
    assert (short.status_code, short.json()["field"]) == (422, "new_password")
    key = {"idempotency-key": "k"}
    assert here.post("/api/me/password", json=change, headers=key).status_code == 204
    again = here.post("/api/me/password", json=change, headers=key)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (204, "true")
    assert "set-cookie" not in again.headers  # what a cookie says is kept nowhere
    assert (here.get("/api/me").status_code, elsewhere.get("/api/me").status_code) == (200, 401)
    assert log_in(elsewhere, ann).status_code == 401
    log_in(elsewhere, ann, "another one")
    assert here.post("/api/logout", json={"everywhere": True}).status_code == 204
    assert elsewhere.get("/api/me").status_code == 401


def test_administrators_make_users(
    asking: Served, browser: Callable[..., httpx.Client], ann: str, trusted: SessionManager
) -> None:
    trusted.update_user(ann, is_admin=True)
    client, other = browser(), f"{ann}-bob"
    assert log_in(client, ann).json()["rights"] == ["admin", "read", "write"]
    made = client.post("/api/admin/users", json={"name": other, "password": PASSWORD, "owner": ann})
    assert (made.status_code, made.json()["owner"], "password" in made.json()) == (201, ann, False)
    again = client.post("/api/admin/users", json={"name": other, "password": PASSWORD})
    assert (again.status_code, again.json()["error"], again.json()["name"]) == (409, "UserExists", other)
    bob = browser()
    assert log_in(bob, other).json() == {"owner": ann, "rights": ["read", "write"], "by": "login", "name": other}
    assert bob.get("/api/admin/users").status_code == 403
    path = f"/api/admin/users/{other}"
    assert client.post(f"{path}/logout").json() == {"count": 1}
    assert bob.get("/api/me").status_code == 401
    assert client.patch(path, json={"password": "another one", "is_admin": True}).json()["is_admin"] is True
    assert client.patch(path, json={}).status_code == 422
    assert log_in(bob, other, "another one").json()["rights"] == ["admin", "read", "write"]
    assert [user["name"] for user in client.get("/api/admin/users", params={"owner": ann}).json()["items"]] == [
        ann, other,
    ]  # fmt: skip
    assert client.get(path).json()["name"] == other
    assert (client.delete(path).status_code, client.delete(path).status_code) == (204, 404)
    assert bob.get("/api/me").status_code == 401


def test_a_link_opens_once_and_survives_a_preview(
    asking: Served, browser: Callable[..., httpx.Client], trusted: SessionManager, ann: str
) -> None:
    link = f"/link/{trusted.create_link(owner=ann)}"
    client = browser()
    for _ in range(3):  # a preview, a scanner, a person
        page = client.get(link)
        assert page.status_code == 200
        assert "form-action 'self'" in page.headers["content-security-policy"]
    opened = client.post(link)
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    assert client.get("/api/me").json() == {
        "owner": ann, "rights": ["admin", "read", "write"], "by": "link", "name": None,
    }  # fmt: skip
    assert client.post("/api/me/password", json={"password": "x", "new_password": "y"}).status_code == 403
    again = browser().post(link)
    assert (again.status_code, "opened before" in again.text) == (401, True)
    assert asking.client(None).get("/link/%22%3E%3Cscript%3E").text.count("<script>") == 0


def test_a_proxy_that_is_named_says_who_the_user_is(
    asking: Served, browser: Callable[..., httpx.Client], ann: str, trusted: SessionManager
) -> None:
    client = browser(**{"x-user": f"{ann}-new"})
    assert client.get("/api/me").json() == {
        "owner": f"{ann}-new", "rights": ["read", "write"], "by": "proxy", "name": f"{ann}-new",
    }  # fmt: skip
    assert client.post("/api/sessions", json={"name": "x"}).status_code == 201
    foreign = {"sec-fetch-site": "cross-site"}
    assert client.post("/api/sessions", json={"name": "x"}, headers=foreign).status_code == 403
    trusted.update_user(ann, is_admin=True)
    assert browser(**{"x-user": ann}).get("/api/me").json()["rights"] == ["admin", "read", "write"]
    secure = log_in(client, ann, **{"x-forwarded-proto": "https"}).headers["set-cookie"]
    assert secure.startswith("__Host-ithaca-")
    assert "; Secure" in secure
    for first, last in (("https", "http"), ("http", "https")):  # it may add a line of its own, below what anybody wrote
        lines = [("x-forwarded-proto", first), ("x-forwarded-proto", last)]
        with asking.client(None) as other:
            answer = other.post("/api/login", json={"name": ann, "password": PASSWORD}, headers=lines)
        assert ("; Secure" in answer.headers["set-cookie"]) == (last == "https")


@pytest.mark.parametrize(
    ("names", "owner"),
    [([b""], None), ([b"root", b"ann"], None), (["josé".encode()], "josé"), ([b"jos\xe9"], None)],
    ids=["empty", "two", "UTF-8", "not UTF-8"],
)
def test_a_proxy_names_one_user(asking: Served, names: list[bytes], owner: str | None) -> None:
    """Where it leaves what the browser wrote beside its own word, either could be the other's."""
    answer = asking.client(None).get("/api/me", headers=[(b"x-user", name) for name in names])
    assert (answer.status_code, answer.json().get("owner")) == (401 if owner is None else 200, owner)


@pytest.mark.parametrize("settings", [{"user_header": "X-User"}, {"trusted_proxies": "127.0.0.1"}])
def test_nobody_else_is_believed(settings: dict[str, Any], tmp_path: Any) -> None:
    service = ServiceSettings(port=0, **settings)
    with served(f"sqlite:///{tmp_path}/a.db", service=service, access=lambda m: SignedIn(m, service)) as server:
        client = server.client(None, **{"x-user": "ann", "x-owner": "ann", "remote-user": "ann"})
        assert client.get("/api/me").status_code == 401


def test_an_administrator_logs_himself_out_on_whosever_behalf_he_asks(
    browser: Callable[..., httpx.Client], ann: str, trusted: SessionManager
) -> None:
    trusted.update_user(ann, is_admin=True)
    here, same = browser(), browser(**{"ithaca-owner": "bob"})
    log_in(here, ann)
    same.cookies = here.cookies
    assert same.get("/api/me").json()["owner"] == "bob"
    assert same.post("/api/logout").status_code == 204
    assert here.get("/api/me").status_code == 401


def test_who_logs_out_everywhere_ends_the_links_too(
    browser: Callable[..., httpx.Client], ann: str, trusted: SessionManager
) -> None:
    opened, unopened, others = (trusted.create_link(owner=owner) for owner in (ann, ann, f"{ann}-other"))
    here = browser()
    assert here.post(f"/link/{opened}").status_code == 303
    assert here.post("/api/logout", json={"everywhere": True}).status_code == 204
    assert browser().post(f"/link/{unopened}").status_code == 401
    assert browser().post(f"/link/{others}").status_code == 303


def test_who_is_logged_out_hears_no_more(
    asking: Served, browser: Callable[..., httpx.Client], ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ithaca.service import live

    monkeypatch.setattr(live, "REVIEW", 0.05)
    client = browser()
    log_in(client, ann)
    with client.stream("GET", "/api/events") as stream:
        lines = stream.iter_lines()
        assert "event: ready" in [next(lines) for _ in range(2)]
        assert client.post("/api/logout").status_code == 204
        assert "signed out" in "".join(lines)


def test_an_app_of_ones_own_asks_too(tmp_path: Any) -> None:
    """Unless it says otherwise: who forgets to say who may ask has let in nobody."""
    import asyncio

    from ithaca.service import create_app

    async def ask() -> int:
        async with AsyncSessionManager(f"{tmp_path}/a.db") as manager:
            transport = httpx.ASGITransport(create_app(manager))
            async with httpx.AsyncClient(transport=transport, base_url="http://ithaca") as client:
                return (await client.get("/api/sessions")).status_code

    assert asyncio.run(ask()) == 401
