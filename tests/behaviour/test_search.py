"""Messages are found by their words: ranked, with snippets, in any script, by nobody but their owner, at once."""

import threading
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ithaca import ChatMessage, InvalidArgument, SearchHit, SessionManager, SessionNotFound
from ithaca.columns import from_json
from ithaca.cursors import write_cursor
from ithaca.operations import search
from ithaca.query import matches, parse
from tests.support.factories import make_session, texts
from tests.support.managers import FakeClock, Opener, execute

HOSTILE = [
    '"', '""', '"""', '"a', 'a"b"c', "a AND", "AND", "NOT a", "a NEAR b", "NEAR(a b, 2)", "words : a", "scope:s",
    "{a b}", "^a", "a*b", "*", "**", "-", "--", "- a", '-"', "(", ")", "a)(b", "a & b | !c <-> d:*", "':*", "\\",
    "'; DROP TABLE", "\0", "a\0b", "\ud800", "🙂", "%", "_", "a'b", "a OR", "OR OR OR", "$1 :a %s {}", "é\u0301\u0301",
    "a" * 5_000,
]  # fmt: skip


def said(hits: Iterable[SearchHit]) -> list[Any]:
    return [hit.message.content for hit in hits]


def highlighted(hit: SearchHit) -> list[str]:
    return [hit.snippet[start:end] for start, end in hit.highlights]


def fill(manager: SessionManager, *contents: Any, **fields: Any) -> str:
    """A session in which this was said; its id."""
    return make_session(manager, [ChatMessage("user", content) for content in contents], **fields).id


@pytest.mark.parametrize(
    ("question", "text", "marked"),
    [
        ("CAFE", "Un café, s'il vous plaît", ["café"]),
        ("λογος", "Ο ΛΌΓΟΣ του", ["ΛΌΓΟΣ"]),
        ("елка", "Где ёлка?", ["ёлка"]),
        ("故宫", "我们今天去北京的故宫博物院。", ["故宫"]),
        ("タワー", "東京タワーへ行きました", ["タワー"]),
        ("ภาษา", "เราเรียนภาษาไทยทุกวัน", ["ภาษา"]),
        ("학교*", "내일 학교에서 만나요", ["학교에서"]),
        ("العربية", "أَتَكَلَّمُ العَرَبِيَّة قليلا", ["العَرَبِيَّة"]),
        ('"to Pylos"', "The ferry to Pylos leaves at noon", ["to Pylos"]),
        ("ferr* noon", "The ferry to Pylos leaves at noon", ["ferry", "noon"]),
    ],
)
def test_a_word_is_found_whatever_its_script(
    manager: SessionManager, question: str, text: str, marked: list[str]
) -> None:
    fill(manager, "something else", text, "中 ไ ferry")

    hits = manager.search(question)

    assert said(hits) == [text]
    assert highlighted(hits[0]) == marked


def test_a_hit_tells_where_it_is(manager: SessionManager) -> None:
    session = make_session(manager, [*texts(3), ChatMessage("user", "needle"), *texts(3, 5)], name="Hay", owner="ann")

    [hit] = manager.search("NEEDLE", neighbours=2)

    assert (hit.owner, hit.session_id, hit.session_name) == ("ann", session.id, "Hay")
    assert hit.message == session.history[3]
    assert (hit.snippet, hit.highlights) == ("needle", [(0, 6)])
    assert hit.before == session.history[1:3]
    assert hit.after == session.history[4:6]
    assert hit.score > 0


def test_a_hit_is_json(manager: SessionManager) -> None:
    fill(manager, "one", "two", owner="ann")

    [hit] = manager.search("one", neighbours=1)

    plain = hit.to_dict()
    assert plain["message"]["content"] == "one"
    assert plain["highlights"] == [[0, 3]]
    assert [message["content"] for message in plain["after"]] == ["two"]


def test_texts_of_blocks_are_searched_and_nothing_else_of_them(manager: SessionManager) -> None:
    blocks = [{"type": "text", "text": "a red apple"}, {"type": "image_url", "image_url": {"url": "apple.png"}}, "plum"]
    fill(manager, blocks, [{"type": "unheard-of", "x": "apple"}], None, [], "")

    assert said(manager.search("apple")) == [blocks]
    assert said(manager.search("plum")) == [blocks]
    assert [said(manager.search(word)) for word in ("png", "unheard", "type")] == [[], [], []]


def test_nul_and_marks_of_the_storage_part_words(manager: SessionManager) -> None:
    fill(manager, "alpha\0beta\ufdd0gamma")

    [hit] = manager.search("beta gamma")

    assert hit.snippet == "alpha\0beta\ufdd0gamma"
    assert highlighted(hit) == ["beta", "gamma"]


def test_hidden_and_slash_messages_are_found(manager: SessionManager) -> None:
    make_session(
        manager, [ChatMessage("user", "/needle", {"source": "slash"}), ChatMessage("user", "needle", {"hidden": True})]
    )

    assert sorted(said(manager.search("needle"))) == ["/needle", "needle"]


def test_the_better_fit_comes_first(manager: SessionManager) -> None:
    filler = "and so on and on about other things in many words " * 10
    fill(manager, f"{filler} pylos", "pylos pylos, the ferry to pylos", f"{filler} ferry", "nothing of it")

    hits = manager.search("pylos")

    assert said(hits) == ["pylos pylos, the ferry to pylos", f"{filler} pylos"]
    assert hits[0].score > hits[1].score


def test_of_equals_the_newest_comes_first(timed: SessionManager, clock: FakeClock) -> None:
    session = make_session(timed, owner="ann")
    for n in range(5):
        clock.move(minutes=1)
        timed.add_message(session.id, ChatMessage("user", "ahoy", id=f"m{n}"))

    assert [hit.message.id for hit in timed.search("ahoy", limit=3)] == ["m4", "m3", "m2"]


def paged(manager: SessionManager, question: str, **asked: Any) -> Iterator[SearchHit]:
    """The hits of every page."""
    cursor = None
    while True:
        page = manager.search(question, cursor=cursor, **asked)
        assert len(page) == asked["limit"] or page.cursor is None
        yield from page
        cursor = page.cursor
        if cursor is None:
            return


def places(hits: Iterable[SearchHit]) -> list[tuple[str, int | None]]:
    return [(hit.session_id, hit.message.seq) for hit in hits]


#: Messages that fit two words more or less well, many of them equally.
MIXED = [f"{'ahoy ' * (n % 4 + 1)}{'avast ' * (n % 3)}{'sea ' * (n % 7)}" for n in range(60)]


@pytest.mark.parametrize("few", [False, True])
def test_pages_of_any_size_give_the_whole_order(
    manager: SessionManager, few: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if few:
        monkeypatch.setattr(search, "RANKED_AT_ONCE", 7)
    session = fill(manager, *MIXED[:40], owner="ann")
    fill(manager, *MIXED[40:], "ahoy of bob's", owner="bob")
    for question, asked in (
        ("ahoy", {}), ("ahoy OR avast", {"owner": "ann"}), ("ahoy avast", {"session_id": session}),
        ("ahoy -avast", {"role": "user", "neighbours": 1}),
    ):  # fmt: skip
        whole = manager.search(question, **asked, limit=1000)
        assert whole.cursor is None
        for limit in (1, 9, len(whole)):
            found = list(paged(manager, question, **asked, limit=limit))
            assert found == whole.items, (question, limit)
        assert len(whole) == len(set(places(whole))) > 9


def test_what_ranks_best_and_lies_in_the_trash_hides_nothing(manager: SessionManager) -> None:
    fill(manager, *(f"ahoy {n} {'sea ' * 20}" for n in range(5)), owner="ann")
    removed = fill(manager, *("ahoy " * 20 for _ in range(150)), owner="ann")
    manager.search("settled")
    manager.delete_session(removed)
    assert [hit.message.content[:6] for hit in paged(manager, "ahoy", limit=2)] == [
        f"ahoy {n}" for n in (4, 3, 2, 1, 0)
    ]
    assert len(manager.search("ahoy", role="user", limit=3)) == 3
    assert said(manager.search("ahoy sea -3 -4 -2 -1", owner="ann")) == [f"ahoy 0 {'sea ' * 20}"]


def of_eight(ahoys: int) -> str:
    """Words as many in each message, so that its rank depends on how often one of them is there."""
    return "ahoy " * ahoys + "sea " * (8 - ahoys)


def test_pages_repeat_and_skip_nothing_while_others_store_and_remove(
    manager: SessionManager, other: SessionManager
) -> None:
    session = fill(manager, *(of_eight(n % 4 + 1) for n in range(40)), *(of_eight(0) for _ in range(60)), owner="ann")
    whole = places(manager.search("ahoy", owner="ann", limit=1000))
    assert len(whole) == 40
    found: list[tuple[str, int | None]] = []
    for n, hit in enumerate(paged(manager, "ahoy", owner="ann", limit=5), 1):
        found += places([hit])
        if n % 5 == 0:  # before the next page is asked for; it changes every rank
            other.delete_messages(session, [str(hit.message.id)])
            other.add_messages(session, [ChatMessage("user", of_eight(n)) for n in (0, 0, 8)])
            fill(other, *(of_eight(0) for _ in range(20)), owner="bob")
    assert found == whole


def test_what_is_edited_does_not_take_the_next_page_with_it(manager: SessionManager) -> None:
    session = fill(manager, *(of_eight(n % 4 + 1) for n in range(40)), *(of_eight(0) for _ in range(60)))
    whole = places(manager.search("ahoy", limit=1000))
    first = manager.search("ahoy", limit=5)
    manager.edit_message(session, str(first[-1].message.id), of_eight(8))
    assert places(manager.search("ahoy", limit=1000))[0] == places(first)[-1]
    assert places(manager.search("ahoy", limit=1000, cursor=first.cursor)) == whole[5:]


def test_a_cursor_belongs_to_its_question(manager: SessionManager) -> None:
    session = fill(manager, *MIXED, owner="ann")
    cursor = manager.search("ahoy", limit=5).cursor
    assert cursor is not None
    assert len(manager.search("AHOY", limit=5, cursor=cursor)) == 5
    sessions = [fill(manager, "one"), fill(manager, "two")]
    foreign = manager.list_sessions(limit=len(sessions)).cursor
    order, key = from_json(urlsafe_b64decode(cursor + "==="))
    assert order[0] == "search"
    for bad in ("x", "", 5, foreign, *(write_cursor(order, made) for made in ([], key[:-1], [*key[:-1], "x"]))):
        with pytest.raises(InvalidArgument, match="cursor"):
            manager.search("ahoy", limit=5, cursor=bad)  # type: ignore[arg-type]
    for asked in ({"text": "avast"}, {"text": "ahoy", "session_id": session}):
        with pytest.raises(InvalidArgument, match="cursor"):
            manager.search(**asked, cursor=cursor)


@pytest.mark.parametrize("number", [-(2**63), -1, 0, 2**63 - 1])
def test_a_cursor_that_nobody_gave_shows_nothing_of_others(manager: SessionManager, number: int) -> None:
    fill(manager, *MIXED[:9], owner="ann")
    fill(manager, *MIXED[:9], owner="bob")
    ann = manager.for_owner("ann")
    order, key = from_json(urlsafe_b64decode(f"{ann.search('ahoy', limit=5).cursor}==="))
    made = write_cursor(order, [number if isinstance(value, int) else 1e300 for value in key])
    assert {hit.owner for hit in ann.search("ahoy", cursor=made)} <= {"ann"}


def test_filters(timed: SessionManager, clock: FakeClock) -> None:
    start = clock.time
    one = fill(timed, "ahoy one")
    clock.move(hours=1)
    timed.add_message(one, ChatMessage("assistant", "ahoy two"))
    clock.move(hours=1)
    two = fill(timed, "ahoy three")
    timed.archive_session(two)

    def found(**filters: Any) -> set[Any]:
        return set(said(timed.search("ahoy", **filters)))

    assert found() == {"ahoy one", "ahoy two", "ahoy three"}
    assert found(session_id=one) == {"ahoy one", "ahoy two"}
    assert found(role="assistant") == {"ahoy two"}
    assert found(since=start + timedelta(hours=1)) == {"ahoy two", "ahoy three"}
    assert found(until=start + timedelta(hours=1)) == {"ahoy one"}
    assert found(archived=True) == {"ahoy three"}
    assert found(archived=False, role="user") == {"ahoy one"}
    assert len(timed.search("ahoy", limit=2)) == 2


def test_an_owner_finds_only_what_is_theirs(manager: SessionManager) -> None:
    mine, other = fill(manager, "ahoy mine", owner="ann"), fill(manager, "ahoy other", owner="bob")
    fill(manager, "ahoy nobody")
    ann = manager.for_owner("ann")

    assert said(ann.search("ahoy")) == said(manager.search("ahoy", owner="ann")) == ["ahoy mine"]
    assert said(ann.search("ahoy", session_id=mine)) == ["ahoy mine"]
    assert said(manager.search("ahoy", owner="")) == said(manager.for_owner("").search("ahoy")) == ["ahoy nobody"]
    assert said(ann.search("ahoy", owner="bob")) == said(manager.search("ahoy", owner="ann", session_id=other)) == []
    assert len(manager.search("ahoy")) == 3
    with pytest.raises(SessionNotFound):
        ann.search("ahoy", session_id=other)


def test_the_same_session_id_of_two_owners_is_two_sessions(manager: SessionManager) -> None:
    for owner in ("ann", "bob"):
        fill(manager.for_owner(owner), f"ahoy {owner}", session_id="same")

    assert said(manager.for_owner("bob").search("ahoy", session_id="same")) == ["ahoy bob"]
    assert len(manager.search("ahoy")) == 2


def test_what_was_just_stored_is_found(manager: SessionManager, other: SessionManager) -> None:
    session = fill(manager, "alpha")
    assert len(manager.search("alpha")) == 1

    added = manager.add_message(session, ChatMessage("user", "beta"))
    assert said(other.search("beta")) == ["beta"]

    other.edit_message(session, str(added.id), "gamma")
    assert (said(manager.search("beta")), said(manager.search("gamma"))) == ([], ["gamma"])

    manager.undo(session)
    assert (said(other.search("beta")), said(other.search("gamma"))) == (["beta"], [])

    manager.replace_messages(session, [ChatMessage("user", "delta")])
    assert (said(other.search("alpha")), said(other.search("delta"))) == ([], ["delta"])


@pytest.mark.parametrize("searched_before", [True, False])
@pytest.mark.parametrize("searched_meanwhile", [True, False])
def test_what_is_removed_is_not_found_and_what_comes_back_is(
    manager: SessionManager, other: SessionManager, searched_before: bool, searched_meanwhile: bool
) -> None:
    session = fill(manager, "ahoy 1", "ahoy 2", "ahoy 3", owner="ann")
    kept = manager.get_session(session).history
    if searched_before:
        assert len(manager.search("ahoy")) == 3
    removals = [
        lambda: manager.truncate_messages(session, 1),
        lambda: manager.delete_messages(session, [str(kept[1].id), str(kept[2].id)]),
        lambda: manager.replace_messages(session, kept[:1]),
    ]
    for remove in removals:
        remove()
        if searched_meanwhile:
            assert said(other.search("ahoy")) == ["ahoy 1"]
            manager.edit_message(session, str(kept[0].id), "avast")
            assert said(other.search("ahoy OR avast")) == ["avast"]
            manager.undo(session)
        manager.undo(session)
        assert sorted(said(manager.search("ahoy", owner="ann"))) == ["ahoy 1", "ahoy 2", "ahoy 3"]

    manager.delete_session(session)
    assert not searched_meanwhile or said(manager.search("ahoy")) == []
    manager.undo(session)
    assert len(other.search("ahoy", session_id=session)) == 3


def test_the_version_that_is_shown_is_found(manager: SessionManager) -> None:
    session = make_session(manager, [ChatMessage("user", "question"), ChatMessage("assistant", "yes, ahoy", id="a")]).id
    assert len(manager.search("ahoy")) == 1

    manager.add_version(session, "a", ChatMessage("assistant", "no, avast", id="b"))
    assert said(manager.search("ahoy OR avast")) == ["no, avast"]

    manager.switch_version(session, "a")
    assert said(manager.search("ahoy OR avast")) == ["yes, ahoy"]


def test_a_fork_is_searched_for_itself(manager: SessionManager) -> None:
    session = fill(manager, "ahoy 1", "ahoy 2")
    assert len(manager.search("ahoy")) == 2
    fork = manager.fork_session(session).id
    manager.delete_session(session)

    assert [hit.session_id for hit in manager.search("ahoy")] == [fork, fork]


def test_what_is_erased_leaves_the_index(manager: SessionManager, open_manager: Opener) -> None:
    fill(manager, "qzplantedqz one", owner="bob")
    session = fill(manager, "qzplantedqz two", "other", "qzplantedqz three", owner="ann")
    assert len(manager.search("qzplantedqz")) == 3

    manager.truncate_messages(session, 1)
    manager.purge(manager.trash(owner="ann")[0].id)
    assert execute(open_manager.url, "SELECT owner, seq FROM search_entries ORDER BY owner") == [("ann", 1), ("bob", 1)]

    assert manager.erase_owner("ann").counts["search_entries"] == 1
    assert said(manager.search("qzplantedqz")) == ["qzplantedqz one"]


def test_no_text_is_a_mistake(manager: SessionManager) -> None:
    fill(manager, *(text for text in HOSTILE if "\ud800" not in text), "a b c d words scope near drop table")
    expected = manager.get_session(manager.list_sessions()[0].id).history

    for question in HOSTILE:
        query = parse(question)
        fitting = [m.content for m in expected if matches(query, str(m.content)) is not None]
        assert sorted(said(manager.search(question, limit=1000))) == sorted(fitting), question


words = st.sampled_from(
    ["a", "ab", "abc", "b", "the", "Æ", "ß", "中国", "中", "国菜", "ไทย", "é", "1", "x-y", "🙂", "'"]
)
sentences = st.lists(words, max_size=8).map(" ".join)
questions = st.lists(
    st.tuples(st.sampled_from(["", "", "", "-", '"', "OR "]), sentences, st.sampled_from(["", "*", '"', '"*', " "])),
    max_size=3,
).map(lambda parts: " ".join("".join(part) for part in parts))


def test_the_databases_find_what_a_plain_comparison_finds(manager: SessionManager) -> None:
    @given(corpus=st.lists(sentences, min_size=1, max_size=6), asked=st.lists(questions, min_size=1, max_size=8))
    @settings(max_examples=25, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def compare(corpus: list[str], asked: list[str]) -> None:
        session = fill(manager, *corpus)
        for question in asked:
            query = parse(question)
            expected = sorted(text for text in corpus if matches(query, text) is not None)
            assert sorted(said(manager.search(question, session_id=session, limit=100))) == expected, question
        manager.delete_session(session)

    compare()


def test_more_than_one_batch_is_indexed(manager: SessionManager) -> None:
    sessions = [fill(manager, *(f"word{n} common" for n in range(9))) for _ in range(2 * search.MOST_SESSIONS)]
    fill(manager, *(f"word{n} common" for n in range(3 * search.MOST_MESSAGES)), owner="ann")

    assert len(manager.search("word8")) == 20
    assert len(manager.search("word8", limit=1000)) == len(sessions) + 1
    assert len(manager.search("common", limit=1000, owner="ann")) == 3 * search.MOST_MESSAGES
    assert said(manager.search("word700")) == ["word700 common"]


def test_all_are_found_though_few_are_ranked_at_once(manager: SessionManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "RANKED_AT_ONCE", 7)
    session = make_session(
        manager, [ChatMessage("tool" if n % 50 == 0 else "user", f"ahoy {n}") for n in range(200)]
    ).id

    assert len(manager.search("ahoy", limit=150)) == 150
    assert len({hit.message.id for hit in manager.search("ahoy", limit=1000, session_id=session)}) == 200
    assert sorted(said(manager.search("ahoy", role="tool"))) == ["ahoy 0", "ahoy 100", "ahoy 150", "ahoy 50"]


def test_a_huge_message_is_found_by_its_beginning(manager: SessionManager) -> None:
    # Many different words, one word very often, and text that never ends.
    fill(manager, "needle " + "straw " * 1_700_000, " ".join(f"word{n}" for n in range(200_000)), "x" * 1_000_000)

    [hit] = manager.search("needle straw")
    assert highlighted(hit)[:2] == ["needle", "straw"]
    assert len(hit.snippet) < 300
    assert [len(manager.search(f"word{n}")) for n in (0, 9_000, 199_999)] == [1, 1, 0]
    assert len(manager.search("x" * 1_000_000)) == 1


@pytest.mark.on_disk
def test_two_search_at_once_while_others_write(manager: SessionManager, other: SessionManager) -> None:
    session = fill(manager, *(f"ahoy {n}" for n in range(600)))
    found: list[int] = []

    def look(which: SessionManager) -> None:
        found.append(len(which.search("ahoy", limit=1000)))

    threads = [threading.Thread(target=look, args=[which]) for which in (manager, other, manager, other)]
    for thread in threads:
        thread.start()
    for n in range(20):
        manager.add_message(session, ChatMessage("user", f"more {n}"))
    for thread in threads:
        thread.join()

    assert found == [600] * 4
    assert len(manager.search("more", limit=1000)) == 20


def test_searching_changes_no_session(manager: SessionManager) -> None:
    before = manager.get_session(fill(manager, "ahoy"))

    manager.search("ahoy")

    after = manager.get_session(before.id)
    assert (after.revision, after.updated_at) == (before.revision, before.updated_at)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("text", None), ("text", b"ahoy"), ("owner", 5), ("session_id", 5), ("role", ""), ("since", "now"),
        ("until", 5), ("archived", "yes"), ("limit", 0), ("limit", 1001), ("neighbours", -1), ("neighbours", 21),
    ],
)  # fmt: skip
def test_bad_input_is_named(manager: SessionManager, argument: str, value: Any) -> None:
    with pytest.raises(InvalidArgument) as refused:
        manager.search(**{"text": "ahoy", argument: value})

    assert refused.value.field == argument


def test_a_session_that_is_not_there(manager: SessionManager) -> None:
    for missing in ("nope", "", "\0"):
        with pytest.raises(SessionNotFound):
            manager.search("ahoy", session_id=missing)


def test_verify_tells_what_the_index_gets_wrong(manager: SessionManager, open_manager: Opener) -> None:
    session = fill(manager, "ahoy 1", "ahoy 2")
    manager.search("ahoy")
    execute(open_manager.url, "UPDATE messages SET text = 'avast' WHERE seq = 2")

    assert [(problem.name, problem.id) for problem in manager.verify()] == [("search", session)]

    execute(open_manager.url, "UPDATE sessions SET indexed_seq = 0, to_index = TRUE")
    assert said(manager.search("avast")) == ["avast"]
