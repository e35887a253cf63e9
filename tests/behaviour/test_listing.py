"""Lists of sessions: filters, orders, pages, names found."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from ithaca import ChatMessage, Conversation, Folder, InvalidArgument, Session, SessionManager
from tests.support.factories import make_session, make_sessions, texts
from tests.support.managers import FakeClock

SORTS = ("activity", "created", "name", "messages")
DAWN = datetime(2026, 1, 1, tzinfo=UTC)


def pages(manager: SessionManager, **asked: Any) -> Iterator[Session]:
    """Every session that a list gives, page after page."""
    cursor = None
    while True:
        page = manager.list_sessions(cursor=cursor, **asked)
        yield from page
        cursor = page.cursor
        if cursor is None:
            return


def fleet(count: int, *, owner: str | None = None, prefix: str = "ship") -> list[Conversation]:
    """Conversations in which every order meets ties, and no two orders agree."""
    return [
        Conversation(
            id=f"{prefix}-{i:03}",
            name=["Argo", "argo", "Nausicaä", "ναῦς", "Zephyr"][i % 5],
            messages=texts(i % 3),
            owner=owner,
            is_important=i % 4 == 0,
            created_at=DAWN + timedelta(hours=i * 7 % 5),
            last_message_at=DAWN + timedelta(days=i * 3 % 4) if i % 3 else None,
        )
        for i in range(count)
    ]


def test_every_session_is_listed_newest_activity_first(manager: SessionManager) -> None:
    make_sessions(manager, fleet(250))
    listed = list(pages(manager, limit=100))
    assert len({session.id for session in listed}) == len(listed) == 250
    activity = [(session.last_message_at or session.created_at, session.id) for session in listed]
    assert activity == sorted(activity, reverse=True)


def test_a_new_message_moves_its_session_to_the_front(timed: SessionManager, clock: FakeClock) -> None:
    ids = [timed.create_session(name=str(clock.move(seconds=1))).id for _ in range(3)]
    assert [session.id for session in timed.list_sessions()] == ids[::-1]
    clock.move(seconds=1)
    timed.add_message(ids[0], ChatMessage("user", "x"))
    timed.rename_session(ids[1], "renaming is not activity")
    assert [session.id for session in timed.list_sessions()] == [ids[0], ids[2], ids[1]]


def test_listed_sessions_come_without_messages_but_with_their_count(manager: SessionManager) -> None:
    session = make_session(manager, 3, headers={"X-Key": "oar"})
    [listed] = manager.list_sessions()
    assert (listed.message_count, listed.history, listed.headers) == (3, [], {"X-Key": "oar"})
    assert manager.get_session(session.id, last=0) == listed


def test_filters(timed: SessionManager, clock: FakeClock) -> None:
    timed.create_session("plain")
    timed.create_session("owned", owner="telemachus")
    timed.create_session("other-owner", owner="Telemachus")
    timed.create_session("foldered", folder="Voyages", model="qwen3", mode="agent")
    timed.create_session("other-folder", folder="voyages", model="qwen3:8b", mode="chat")
    timed.archive_session(timed.create_session("archived").id)
    timed.mark_important(timed.create_session("starred").id)
    moment = clock.move(hours=1)
    timed.create_session("late", name="Trip to Pylos")
    everything = set(SESSIONS)
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({}, everything),
        ({"owner": "telemachus"}, {"owned"}),
        ({"owner": "nobody"}, set()),
        ({"owner": ""}, everything - {"owned", "other-owner"}),
        ({"archived": True}, {"archived"}),
        ({"archived": False}, everything - {"archived"}),
        ({"important": True}, {"starred"}),
        ({"important": False}, everything - {"starred"}),
        ({"folder": "Voyages"}, {"foldered"}),
        ({"folder": ""}, everything - {"foldered", "other-folder"}),
        ({"model": "qwen3"}, {"foldered"}),
        ({"mode": "chat"}, {"other-folder"}),
        ({"name": "pylos"}, {"late"}),
        ({"active_since": moment}, {"late"}),
        ({"active_since": moment.replace(tzinfo=None)}, {"late"}),
        ({"active_since": moment + timedelta(microseconds=1)}, set()),
        ({"folder": "Voyages", "model": "qwen3:8b"}, set()),
        ({"archived": False, "important": False, "owner": "", "folder": ""}, {"plain", "late"}),
    ]
    for asked, expected in cases:
        assert expected == {session.id for session in timed.list_sessions(**asked)}, asked
        assert len(expected) == timed.count_sessions(**asked), asked


SESSIONS = ("plain", "owned", "other-owner", "foldered", "other-folder", "archived", "starred", "late")


def test_folders_are_listed_by_name_with_what_is_in_them(manager: SessionManager) -> None:
    for id, folder in (("1", "b"), ("2", "a"), ("3", "b"), ("4", None)):
        manager.create_session(id, folder=folder, owner="x")
    manager.create_session("5", folder="c", owner="y")
    manager.archive_session("3")
    assert manager.list_folders() == [Folder("a", 1), Folder("b", 2), Folder("c", 1)]
    assert manager.list_folders(archived=False, owner="x") == [Folder("a", 1), Folder("b", 1)]
    assert manager.list_folders(archived=True) == [Folder("b", 1)]
    assert manager.for_owner("z").list_folders() == []


def test_bad_filters_are_refused_by_name(manager: SessionManager) -> None:
    bad = {
        "owner": 5,
        "archived": "no",
        "important": 1,
        "folder": 0,
        "model": "\ud800",
        "mode": [],
        "name": "\0",
        "active_since": "yesterday",
    }
    for (field, value), call in product(bad.items(), (manager.list_sessions, manager.count_sessions)):
        with pytest.raises(InvalidArgument) as error:
            call(**{field: value})
        assert field == error.value.field


def in_order(sessions: list[Session], sort: str, important_first: bool) -> list[str]:
    """The ids, in the order that was asked for, sorted by plain Python: last by what leads."""
    keys = {
        "activity": lambda s: (s.last_message_at or s.created_at, s.owner, s.id),
        "created": lambda s: (s.created_at, s.owner, s.id),
        "name": lambda s: (s.name.casefold().replace("ä", "a").replace("ῦ", "υ"), s.owner, s.id),
        "messages": lambda s: (s.message_count, s.owner, s.id),
    }
    ordered = sorted(sessions, key=keys[sort], reverse=sort != "name")
    if important_first:
        ordered.sort(key=lambda s: not s.is_important)
    return [session.id for session in ordered]


def test_pages_of_any_size_give_every_order_whole(manager: SessionManager) -> None:
    make_sessions(manager, fleet(14, owner="a", prefix="a") + fleet(13, owner="b", prefix="b"))
    sessions = list(manager.list_sessions(limit=100))
    for sort, important_first, limit in product(SORTS, (False, True), (1, 5, 27)):
        paged = [s.id for s in pages(manager, sort=sort, important_first=important_first, limit=limit)]
        assert in_order(sessions, sort, important_first) == paged, (sort, important_first, limit)


def test_pages_show_nothing_twice_and_skip_nothing_while_others_write(
    manager: SessionManager, other: SessionManager
) -> None:
    make_sessions(manager, fleet(30))
    for round, (sort, important_first) in enumerate(product(SORTS, (False, True))):
        staying = {session.id for session in manager.list_sessions(limit=100)} - {f"ship-{round:03}"}
        shown: list[str] = []
        for n, session in enumerate(pages(manager, sort=sort, important_first=important_first, limit=4)):
            shown.append(session.id)
            if n % 4 == 1:
                other.create_session(f"new-{round}-{n}", name="aaa"[n % 3 :])
            if n == 6:
                other.delete_session(f"ship-{round:03}")
        assert len(shown) == len(set(shown))
        assert staying <= set(shown)


def test_a_page_is_a_sequence_and_the_last_has_no_cursor(manager: SessionManager) -> None:
    make_sessions(manager, fleet(5))
    first = manager.list_sessions(limit=3)
    assert (3, first.items[0], first.items[1:]) == (len(first), first[0], first[1:])
    rest = manager.list_sessions(limit=3, cursor=first.cursor)
    assert (len(rest), rest.cursor) == (2, None)
    assert manager.list_sessions(limit=5).cursor is None


def test_the_limit_has_bounds(manager: SessionManager) -> None:
    for limit in (0, -1, 1_001, True, "5", 2.0, None):
        with pytest.raises(InvalidArgument, match="limit must be a whole number from 1 to 1000"):
            manager.list_sessions(limit=limit)


def test_an_unknown_order_is_refused(manager: SessionManager) -> None:
    for sort in ("size", "", None, "activity; --"):
        with pytest.raises(InvalidArgument, match="sort must be one of activity, created, name, messages"):
            manager.list_sessions(sort=sort)
    with pytest.raises(InvalidArgument, match="important_first"):
        manager.list_sessions(important_first=1)


def forged(order: list[Any], key: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([order, key]).encode()).decode()


TAMPERED = [
    "",
    "x",
    "é!!",
    "\ud800",
    "AAAA",
    "bnVsbA==",
    base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    forged(["name", False], ["a", "", "a"]),
    forged(["activity", True], [True, 1, "", "a"]),
    forged(["activity", False], [1, ""]),
    forged(["activity", False], ["1", "", "a"]),
    forged(["activity", False], [1.5, "", "a"]),
    forged(["activity", False], [None, "", "a"]),
    forged(["activity", False], [2**70, "", "a"]),
    forged(["activity", False], [1, "\0", "a"]),
    forged(["activity", False], [1, "", "\ud800"]),
]


def test_tampered_cursors_are_refused(manager: SessionManager) -> None:
    make_sessions(manager, fleet(3))
    for cursor in [*TAMPERED, 5, b"bnVsbA=="]:
        with pytest.raises(InvalidArgument) as error:
            manager.list_sessions(cursor=cursor)
        assert error.value.field == "cursor"
        with pytest.raises(InvalidArgument, match="cursor"):
            manager.list_documents(cursor=cursor)


def test_a_cursor_belongs_to_its_order(manager: SessionManager) -> None:
    make_sessions(manager, fleet(3))
    cursor = manager.list_sessions(sort="created", limit=1).cursor
    assert len(manager.list_sessions(sort="created", cursor=cursor)) == 2
    for asked in ({"sort": "activity"}, {"sort": "created", "important_first": True}):
        with pytest.raises(InvalidArgument, match="the same order"):
            manager.list_sessions(cursor=cursor, **asked)


def test_names_are_found_whatever_their_case_and_accents(manager: SessionManager) -> None:
    names = [
        "Trip to Pylos",
        "ΟΔΥΣΣΕΎΣ",
        "Straße",
        "Ça va?",
        "50% off",
        "a_b",
        "C:\\new",
        "wow!",
        "𝐓𝐫𝐢𝐩 in bold",
        "İthaka",
        "résumé",
        "",
    ]
    for name in names:
        manager.create_session(name=name)
    expected = {
        "TRIP TO": ["Trip to Pylos"],
        "trip": ["Trip to Pylos", "𝐓𝐫𝐢𝐩 in bold"],
        "οδυσσευς": ["ΟΔΥΣΣΕΎΣ"],
        "STRASSE": ["Straße"],
        "ca VA": ["Ça va?"],
        "%": ["50% off"],
        "_": ["a_b"],
        "!": ["wow!"],
        "ithaka": ["İthaka"],
        "re\u0301sume\u0301": ["résumé"],
        "RESUME": ["résumé"],
        "\\": ["C:\\new"],
        ":\\n": ["C:\\new"],
        "'": [],
        "": names,
    }
    found = {text: [s.name for s in manager.list_sessions(name=text, sort="created")] for text in expected}
    assert {text: sorted(listed) for text, listed in expected.items()} == {t: sorted(f) for t, f in found.items()}


def test_the_longest_name_can_be_looked_for(manager: SessionManager) -> None:
    for letter in ("x", "é", "%", "\ufdfa"):
        manager.create_session(name=letter * 2_000)
        assert [letter * 2_000] == [s.name for s in manager.list_sessions(name=letter * 2_000)]


def test_names_sort_without_case_and_accents_and_follow_renaming(manager: SessionManager) -> None:
    ids = [manager.create_session(name=name).id for name in ("zeta", "Émile", "eta", "Alpha", "_")]
    manager.rename_session(ids[0], "Beta")
    assert [s.name for s in manager.list_sessions(sort="name")] == ["_", "Alpha", "Beta", "Émile", "eta"]
