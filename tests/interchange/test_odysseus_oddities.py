"""Legacy files as nobody should write them: everything that can be kept is kept, and what was odd is said."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ithaca import Limits, SessionManager, Settings
from ithaca.interchange.odysseus import import_database, inspect, sniffed
from tests.interchange.legacy import OLD_TABLES, message, session
from tests.support.factories import history, said

Legacy = Callable[..., Path]

EIGHT = datetime(2026, 3, 1, 8, tzinfo=UTC)


def contents(manager: SessionManager, session_id: str = "s1") -> list[Any]:
    return [message.content for message in manager.get_session(session_id).history]


# Content


@pytest.mark.parametrize(
    "kind", ["text", "image", "image_url", "audio", "input_audio", "input_image", "document", "file"]
)
def test_a_list_of_known_blocks_becomes_blocks(kind: str) -> None:
    assert [{"type": kind, "x": 1}] == sniffed(f'[{{"type": "{kind}", "x": 1}}]')


@pytest.mark.parametrize(
    "text",
    [
        '[{"type":["string","null"]}]',
        '[{"type": "object"}]',
        '[{"type": "text"}, {"type": "tool_use"}]',
        '[{"type": "text"}, "plain"]',
        '[{"text": "no \\"type\\" here"}]',
        ' [{"type": "text"}]',
        '[ {"type": "text"}]',
        '[{"type": "text"}',
        '[{"type": "text"}] and more',
        '{"type": "text"}',
        "[]",
        "",
        '[{"type": "text", "text": "half a character: \\ud800"}]',
        '[{"type": "text", "number": NaN}]',
        '[{"type": "text", "number": 1e999}]',
        '[{"type": "text", "deep": ' + "[" * 200 + "]" * 200 + "}]",
        '[{"type": "text", "deep": ' + "[" * 10_000 + "]" * 10_000 + "}]",
        '[{"type": "text", "long": ' + "9" * 5_000 + "}]",
    ],
)
def test_anything_else_stays_the_exact_text(text: str) -> None:
    assert text == sniffed(text)


def test_never_happens_1_and_8_pasted_json_is_neither_a_list_nor_unreadable(
    manager: SessionManager, legacy: Legacy
) -> None:
    texts = ['[{"type":["string","null"]}]', "[" * 10_000, '[{"type": "object"}]', '[{"type": 1}]']
    rows = [message(f"m{i}", text) for i, text in enumerate(texts)]
    import_database(manager, legacy(sessions=[session()], messages=rows))
    assert texts == contents(manager)


@pytest.mark.parametrize(
    ("stored", "content", "oddities"),
    [
        (None, None, 1),
        ("", "", 0),
        ("two\0parts", "two\0parts", 0),
        ("\ufdd0\ufdd00 noncharacters", "\ufdd0\ufdd00 noncharacters", 0),
        ("καλημέρα".encode(), "καλημέρα", 0),
        (b"caf\xe9", "caf\ufffd", 1),
        (b'[{"type": "text", "text": "in a blob"}]', [{"type": "text", "text": "in a blob"}], 0),
        (7, "7", 0),
    ],
)
def test_content_is_kept_as_far_as_it_can_be(
    manager: SessionManager, legacy: Legacy, stored: Any, content: Any, oddities: int
) -> None:
    report = import_database(manager, legacy(sessions=[session()], messages=[message("m1", stored)]))
    assert [content] == contents(manager)
    assert oddities == len(report.oddities)


def test_a_text_that_is_not_valid_utf_8_is_read_all_the_same(manager: SessionManager, legacy: Legacy) -> None:
    tables = "CREATE TABLE sessions (id, name); CREATE TABLE chat_messages (id, session_id, role, content);"
    invalid = "INSERT INTO chat_messages VALUES ('m1', 's1', 'user', CAST(x'636166e9' AS TEXT));"
    path = legacy(sessions=[{"id": "s1", "name": "x"}], tables=tables + invalid)
    assert "not valid UTF-8" in import_database(manager, path).oddities[-1]
    assert contents(manager) == ["caf\ufffd"]


def test_a_file_in_utf_16_is_read(manager: SessionManager, legacy: Legacy) -> None:
    path = legacy(sessions=[session(name="Πύλος")], messages=[message("m1", "日本")], tables=UTF_16)
    import_database(manager, path)
    assert (manager.get_session("s1").name, contents(manager)) == ("Πύλος", ["日本"])


UTF_16 = """
    PRAGMA encoding = 'UTF-16le';
    CREATE TABLE sessions (id TEXT, name TEXT, endpoint_url, model, headers, created_at, updated_at);
    CREATE TABLE chat_messages (id TEXT, session_id TEXT, role TEXT, content TEXT, timestamp);
"""


# Metadata


@pytest.mark.parametrize(
    ("stored", "metadata"),
    [
        (None, {}),
        ("", {}),
        ("null", {}),
        ("{}", {}),
        ('{"source": "slash", "n": [1, 2.5, null]}', {"source": "slash", "n": [1, 2.5, None]}),
        ("[1, 2]", {"legacy_metadata": [1, 2]}),
        ('"words"', {"legacy_metadata": "words"}),
        ("{'source': 'slash'}", {"legacy_metadata": "{'source': 'slash'}"}),
        ('{"n": NaN}', {"legacy_metadata": '{"n": NaN}'}),
        ('{"n": -Infinity}', {"legacy_metadata": '{"n": -Infinity}'}),
        ('{"n": 1e999}', {"legacy_metadata": '{"n": 1e999}'}),
        ('{"a": 1, "a": 2}', {"legacy_metadata": '{"a": 1, "a": 2}'}),
        ('{"a": "\\ud800"}', {"legacy_metadata": '{"a": "\\ud800"}'}),
        ('{"a": "\\u0000"}', {"a": "\0"}),
        (f'{{"a": {"[" * 500}{"]" * 500}}}', {"legacy_metadata": f'{{"a": {"[" * 500}{"]" * 500}}}'}),
        (f'{{"a": {"[" * 10_000}', {"legacy_metadata": f'{{"a": {"[" * 10_000}'}),
    ],
)  # fmt: skip
def test_never_happens_7_metadata_of_any_kind_is_kept(
    manager: SessionManager, legacy: Legacy, stored: Any, metadata: dict[str, Any]
) -> None:
    rows = [message("m1", metadata=stored), message("m2")]
    report = import_database(manager, legacy(sessions=[session()], messages=rows))
    assert [metadata, {}] == [m.metadata for m in manager.get_session("s1").history]
    assert ("legacy_metadata" in metadata) == bool(report.oddities)


# Order and times


def test_rows_order_by_time_then_by_row(manager: SessionManager, legacy: Legacy) -> None:
    times = ["08:00:02", "08:00:01.5", "08:00:01", "08:00:01", "08:00:00"]
    rows = [message(f"m{i}", str(i), timestamp=f"2026-03-01 {time}") for i, time in enumerate(times)]
    import_database(manager, legacy(sessions=[session()], messages=rows))
    assert contents(manager) == ["4", "2", "3", "1", "0"]
    assert [m.seq for m in manager.get_session("s1").history] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01 08:00:00", EIGHT),
        ("2026-03-01 08:00:00.000007", EIGHT + timedelta(microseconds=7)),
        ("2026-03-01T08:00:00Z", EIGHT),
        ("2026-03-01T10:00:00+02:00", EIGHT),
        ("2026-03-01 03:00:00.000000-05:00", EIGHT),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(
    manager: SessionManager, legacy: Legacy, text: str, moment: datetime
) -> None:
    path = legacy(sessions=[session(created_at=text)], messages=[message("m1", timestamp=text)])
    assert import_database(manager, path).oddities == []
    found = manager.get_session("s1")
    assert [moment, moment] == [found.created_at, found.history[0].created_at]


def test_times_of_several_forms_order_as_times(manager: SessionManager, legacy: Legacy) -> None:
    times = ["2026-03-01T08:00:00", "2026-03-01 09:00:00", "2026-03-01 12:00:00+05:00"]
    rows = [message(f"m{i}", str(i), timestamp=time) for i, time in enumerate(times)]
    import_database(manager, legacy(sessions=[session()], messages=rows))
    assert contents(manager) == ["2", "0", "1"]


@pytest.mark.parametrize("missing", [None, "yesterday", "", 1767225600])
def test_a_message_without_a_time_stays_beside_its_neighbour(
    manager: SessionManager, legacy: Legacy, missing: Any
) -> None:
    times = [missing, "2026-03-01 08:00:00", missing, "2026-03-01 09:00:00", "2026-03-01 07:00:00", missing]
    rows = [message(f"m{i}", str(i), timestamp=time) for i, time in enumerate(times)]
    report = import_database(manager, legacy(sessions=[session()], messages=rows))
    assert contents(manager) == ["4", "5", "0", "1", "2", "3"]
    assert any("(3 times)" in oddity for oddity in report.oddities)


def test_without_any_time_the_order_is_the_files(manager: SessionManager, legacy: Legacy) -> None:
    rows = [message(f"m{i}", str(i), timestamp=None) for i in (2, 0, 1)]
    import_database(manager, legacy(sessions=[session(created_at="2026-03-01 08:00:00")], messages=rows))
    assert contents(manager) == ["2", "0", "1"]
    assert {EIGHT} == {m.created_at for m in manager.get_session("s1").history}


def test_a_session_with_bad_times_comes_in(manager: SessionManager, legacy: Legacy) -> None:
    bad = session(created_at="never", updated_at=None, last_accessed="0000-00-00", last_message_at="9999-99-99")
    report = import_database(manager, legacy(sessions=[bad], messages=[message("m1")]))
    assert (manager.get_session("s1").created_at, manager.get_session("s1").last_message_at) == (EIGHT, EIGHT)
    assert len(report.oddities) == 3


# Sessions


def test_older_files_lack_columns_and_tables(manager: SessionManager, legacy: Legacy) -> None:
    rows = [{"id": f"m{i}", "session_id": "s1", "role": "user", "content": str(i)} for i in range(3)]
    report = import_database(manager, legacy(sessions=[{"id": "s1", "name": "x"}], messages=rows, tables=OLD_TABLES))
    assert (report.sessions, report.messages, report.documents) == (1, 3, 0)
    assert report.oddities == ["The messages have no times: they stand in the order of the file."]
    assert contents(manager) == ["0", "1", "2"]


def test_counts_are_those_of_the_rows(manager: SessionManager, legacy: Legacy) -> None:
    report = import_database(manager, legacy(sessions=[session(message_count=7)], messages=[message("m1")]))
    assert manager.get_session("s1").message_count == 1
    assert report.oddities == ["Session 's1': counted 7 messages, holds 1."]


@pytest.mark.parametrize("count", [-1, "many", 1e300, 2**60])
def test_a_token_total_that_is_no_count_is_0(manager: SessionManager, legacy: Legacy, count: Any) -> None:
    report = import_database(manager, legacy(sessions=[session(total_input_tokens=count)]))
    assert manager.get_session("s1").total_input_tokens == 0
    assert "total_input_tokens" in report.oddities[0]


def test_nulls_everywhere_are_the_defaults(manager: SessionManager, legacy: Legacy) -> None:
    import_database(manager, legacy(sessions=[{"id": "s1"}]))
    found = manager.get_session("s1")
    assert (
        found.name, found.endpoint_url, found.model, found.owner, found.folder, found.mode
    ) == ("", "", "", "", None, None)  # fmt: skip
    assert (
        found.rag, found.archived, found.is_important, found.total_input_tokens, found.total_output_tokens
    ) == (False, False, False, 0, 0)  # fmt: skip
    assert (found.headers, found.extra) == ({}, {})


def test_an_owner_of_null_or_nothing_is_nobody(manager: SessionManager, legacy: Legacy) -> None:
    import_database(manager, legacy(sessions=[session("s1", owner=None), session("s2", owner="")]))
    assert {"s1", "s2"} == {s.id for s in manager.list_sessions(owner="")}


@pytest.mark.parametrize(
    ("stored", "headers", "oddities"),
    [
        (None, {}, 0),
        ("{}", {}, 0),
        ("null", {}, 0),
        ('{"Authorization": "Bearer k"}', {"Authorization": "Bearer k"}, 0),
        ('"{\\"Authorization\\": \\"Bearer k\\"}"', {"Authorization": "Bearer k"}, 0),
        ('{"X-Number": 3, "X-Flag": true, "X-None": null}', {"X-Number": "3", "X-Flag": "true", "X-None": "null"}, 1),
        ('{"Good": "k", "Bad": "a\\r\\nb"}', {"Good": "k"}, 1),
        ("Bearer k", {}, 1),
        ('["Bearer k"]', {}, 1),
    ],
)
def test_headers_that_can_be_sent_are_kept(
    manager: SessionManager, legacy: Legacy, stored: Any, headers: dict[str, str], oddities: int
) -> None:
    report = import_database(manager, legacy(sessions=[session(headers=stored)]))
    assert headers == manager.get_session("s1").headers
    assert oddities == len(report.oddities)
    assert "Bearer k" not in str(report)


def test_what_has_no_field_of_its_own_is_kept_in_extra(manager: SessionManager, legacy: Legacy) -> None:
    rows = [
        session("s1", crew_member_id="c7", extra_data='{"pinned": true}'),
        session("s2", crew_member_id="c8", extra_data='{"crew_member_id": 9}'),
        session("s3", extra_data="[1]"),
    ]
    import_database(manager, legacy(sessions=rows))
    extras = {s.id: s.extra for s in manager.list_sessions()}
    assert extras["s1"] == {"crew_member_id": "c7", "pinned": True}
    assert extras["s2"] == {"crew_member_id": 9, "legacy_crew_member_id": "c8"}
    assert extras["s3"] == {"legacy_extra_data": [1]}


def test_a_name_that_is_too_long_is_kept_whole_in_extra(manager: SessionManager, legacy: Legacy) -> None:
    name = "Ω" * 3_000
    report = import_database(manager, legacy(sessions=[session(name=name, folder="a\0b")]))
    found = manager.get_session("s1")
    assert (name[:2_000], "ab") == (found.name, found.folder)
    assert {"legacy_name": name, "legacy_folder": "a\0b"} == found.extra
    assert len(report.oddities) == 2


def test_a_folder_of_too_many_bytes_is_kept_whole_in_extra(manager: SessionManager, legacy: Legacy) -> None:
    folder = "海" * 1_000
    import_database(manager, legacy(sessions=[session(folder=folder)]))
    found = manager.get_session("s1")
    assert (folder[:666], {"legacy_folder": folder}) == (found.folder, found.extra)


def test_ids_that_cannot_be_stored_are_replaced_the_same_way_each_time(manager: SessionManager, legacy: Legacy) -> None:
    path = legacy(
        sessions=[session("x" * 201), session(None), session(""), session("a\0b")],
        messages=[message("m1", session_id="x" * 201), message("y" * 201, "long", session_id="x" * 201)],
        documents=[{"id": "d" * 300, "title": "x", "session_id": "x" * 201, "current_content": "text"}],
    )
    first, second = import_database(manager, path), import_database(manager, path)
    assert (first.sessions, first.messages, first.documents) == (4, 2, 1)
    assert (second.sessions, second.messages, second.documents, second.unchanged) == (0, 0, 0, 5)
    assert len(first.oddities) == 6
    home = manager.list_documents()[0].session_id or ""
    assert contents(manager, home) == ["hello", "long"]


def test_messages_without_ids_or_of_one_id_are_all_kept(manager: SessionManager, legacy: Legacy) -> None:
    rows = [message(id, text) for id, text in [(None, "a"), (None, "a"), ("", "b"), ("m", "c"), ("m", "c"), ("m", "d")]]
    path = legacy(sessions=[session()], messages=rows)
    import_database(manager, path)
    assert contents(manager) == ["a", "a", "b", "c", "c", "d"]
    again = import_database(manager, path)
    assert (again.messages, again.unchanged) == (0, 1)


def test_two_sessions_of_one_id_do_not_share_messages(manager: SessionManager, legacy: Legacy) -> None:
    path = legacy(sessions=[session(name="first"), session(name="second")], messages=[message("m1")])
    import_database(manager, path)
    assert {("s1", "first", 1), ("s1~2", "second", 0)} == {
        (s.id, s.name, s.message_count) for s in manager.list_sessions()
    }


@pytest.mark.parametrize("role", [None, ""])
def test_a_role_that_is_missing_is_unknown(manager: SessionManager, legacy: Legacy, role: Any) -> None:
    report = import_database(manager, legacy(sessions=[session()], messages=[message("m1", role=role)]))
    assert manager.get_session("s1").history[0].role == "unknown"
    assert report.oddities == ["Session 's1': a message has no role: it is \"unknown\" here."]


def test_messages_whose_session_is_gone_are_recovered(manager: SessionManager, legacy: Legacy) -> None:
    rows = [
        message("m1", "a", session_id="gone"),
        message("m2", "b", session_id="gone"),
        message("m3", session_id=None),
    ]
    path = legacy(sessions=[session(owner="penelope")], messages=rows)
    report = import_database(manager, path)
    assert (report.sessions, report.messages) == (3, 3)
    assert contents(manager, "gone") == ["a", "b"]
    recovered = [s for s in manager.list_sessions() if s.name == "Recovered messages"]
    assert {("", True)} == {(s.owner, s.archived) for s in recovered}
    assert import_database(manager, path).messages == 0


# Documents


def document(id: str = "d1", **fields: Any) -> dict[str, Any]:
    times = {"created_at": "2026-03-01 08:00:00", "updated_at": "2026-03-01 09:00:00"}
    return {"id": id, "title": "Plan", "current_content": "now", "is_active": 1, **times, **fields}


def version(number: Any, content: Any, document_id: str = "d1") -> dict[str, Any]:
    return {"id": f"{document_id}v{number}", "document_id": document_id, "version_number": number, "content": content}


def versions_in(manager: SessionManager, document_id: str = "d1") -> list[str | None]:
    count = manager.get_document(document_id).version
    return [manager.get_document_version(document_id, number).content for number in range(1, count + 1)]


@pytest.mark.parametrize(
    ("numbered", "expected", "oddities"),
    [
        ([(1, "then"), (2, "now")], ["then", "now"], 0),
        ([(2, "now"), (1, "then")], ["then", "now"], 0),
        ([], ["now"], 0),
        ([(1, "then")], ["then", "now"], 1),
        ([(3, "then"), (7, "now")], ["then", "now"], 1),
        ([(1, "then"), (1, "now")], ["then", "now"], 1),
        ([(None, "then"), (1, "now")], ["then", "now"], 1),
        ([(1, None), (2, "now")], ["", "now"], 0),
    ],
)
def test_the_last_version_is_what_a_document_says_now(
    manager: SessionManager, legacy: Legacy, numbered: list[Any], expected: list[str], oddities: int
) -> None:
    path = legacy(documents=[document()], versions=[version(*each) for each in numbered])
    report = import_database(manager, path)
    assert expected == versions_in(manager)
    assert oddities == len(report.oddities)
    assert manager.get_document("d1").content == "now"


def test_a_document_says_nothing_where_the_file_has_nothing(manager: SessionManager, legacy: Legacy) -> None:
    import_database(manager, legacy(documents=[document("d1", current_content=None), document("d2", title=None)]))
    assert (manager.get_document("d1").content, manager.get_document("d2").title) == ("", "")


def test_an_inactive_document_is_archived(manager: SessionManager, legacy: Legacy) -> None:
    rows = [document("d1", is_active=0), document("d2", archived=1), document("d3", is_active=None)]
    report = import_database(manager, legacy(documents=rows))
    assert {"d1", "d2"} == {d.id for d in manager.list_documents(archived=True)}
    assert report.oddities == ["Document 'd1': was inactive: it is archived here."]


def test_a_document_that_is_nobodys_is_of_its_sessions_owner(manager: SessionManager, legacy: Legacy) -> None:
    path = legacy(sessions=[session(owner="penelope")], documents=[document(session_id="s1", owner=None)])
    import_database(manager, path)
    assert (manager.get_document("d1").owner, manager.get_document("d1").session_id) == ("penelope", "s1")


def test_a_document_stays_its_owners_when_its_session_is_anothers_or_gone(
    manager: SessionManager, legacy: Legacy
) -> None:
    rows = [document("d1", session_id="s1", owner="eumaeus"), document("d2", session_id="gone", owner="eumaeus")]
    report = import_database(manager, legacy(sessions=[session(owner="penelope")], documents=rows))
    assert {("eumaeus", None)} == {(d.owner, d.session_id) for d in manager.list_documents()}
    assert len(report.oddities) == 2


def test_versions_whose_document_is_gone_are_recovered(manager: SessionManager, legacy: Legacy) -> None:
    report = import_database(manager, legacy(versions=[version(1, "a", "gone"), version(2, "b", "gone")]))
    assert versions_in(manager, "gone") == ["a", "b"]
    assert (report.documents, report.versions, len(report.oddities)) == (1, 2, 1)


def test_what_a_document_has_no_place_for_is_said(manager: SessionManager, legacy: Legacy) -> None:
    path = legacy(documents=[document("d1", tidy_verdict="keep"), document("d2", version_count=4)])
    assert import_database(manager, path).oddities == [
        "Document 'd1': has tidy_verdict, for which a document has no place.",
        "Document 'd2': counted 4 versions, holds 0.",
    ]


# The import as a whole


def test_what_a_limit_refuses_is_left_out_alone_and_comes_in_later(tmp_path: Path, legacy: Legacy) -> None:
    rows = [message("m1", "x" * 2_000), message("m2", session_id="s2"), message("m3", session_id="s3")]
    path = legacy(sessions=[session("s1"), session("s2"), session("s3")], messages=rows, documents=[document()])
    small = Settings(database=str(tmp_path / "small.db"), limits=Limits(max_message_bytes=1_000))
    with SessionManager(settings=small) as manager:
        report = import_database(manager, path)
        assert (report.sessions, report.messages, report.documents) == (2, 2, 1)
        assert "Session 's1' was not imported: A message's content must be at most 1000 bytes" in report.oddities[-1]
    with SessionManager(tmp_path / "small.db") as manager:
        report = import_database(manager, path)
        assert (report.sessions, report.messages, report.unchanged) == (1, 1, 3)


def test_a_file_that_grew_brings_what_is_new(manager: SessionManager, legacy: Legacy, tmp_path: Path) -> None:
    import_database(manager, legacy(sessions=[session()], messages=[message("m1", "one")]))
    (tmp_path / "app.db").unlink()
    rows = [message("m1", "one"), message("m2", "two", timestamp="2026-03-01 09:00:00")]
    report = import_database(manager, legacy(sessions=[session(), session("s2")], messages=rows))
    assert (report.sessions, report.messages, report.unchanged) == (1, 1, 0)
    assert contents(manager) == ["one", "two"]


def test_what_was_deleted_here_stays_deleted(manager: SessionManager, legacy: Legacy) -> None:
    path = legacy(sessions=[session()], messages=[message("m1")], documents=[document()])
    import_database(manager, path)
    manager.delete_session("s1")
    manager.delete_document("d1")
    report = import_database(manager, path)
    assert (report.sessions, report.messages, report.documents, report.unchanged) == (0, 0, 0, 2)


def test_messages_that_were_removed_here_stay_removed(manager: SessionManager, legacy: Legacy) -> None:
    path = legacy(sessions=[session()], messages=[message(f"m{n}") for n in range(5)])
    import_database(manager, path)
    manager.truncate_messages("s1", 4)
    manager.edit_message("s1", "m2", "two", branch=True)  # m2 and m3 are set aside
    manager.delete_messages("s1", ["m0"])
    report = import_database(manager, path)
    assert (report.messages, report.unchanged, said(manager.get_session("s1").history)[1:]) == (0, 1, ["two"])
    for entry in manager.trash():
        manager.purge(entry.id)
    assert import_database(manager, path).messages == 2


def test_messages_of_a_session_that_was_removed_before_stay_removed(manager: SessionManager, legacy: Legacy) -> None:
    path = legacy(sessions=[session()], messages=[message("m1")])
    import_database(manager, path)
    manager.delete_sessions(["s1"])
    manager.create_session("s1")
    assert (import_database(manager, path).messages, history(manager, "s1")) == (0, [])


def test_inspecting_brings_nothing_and_says_the_same(manager: SessionManager, legacy: Legacy) -> None:
    rows = [message("m1", None), message("m2", session_id="gone")]
    path = legacy(sessions=[session(message_count=4)], messages=rows, documents=[document()])
    expected = inspect(path)
    assert manager.count_sessions() == 0
    assert expected == import_database(manager, path)


def test_every_database_keeps_what_is_odd(database_url: str, legacy: Legacy) -> None:
    rows = [
        message("m1", "two\0parts \ufdd0"),
        message("m2", b"caf\xe9"),
        message("m3", None, metadata='{"a": "\\u0000 \\ud83d\\ude00"}', role=None),
        message("m4", "[" * 10_000, metadata="[NaN]", timestamp="never"),
    ]
    path = legacy(sessions=[session(name="a\0b", total_input_tokens=2**52)], messages=rows, documents=[document()])
    with SessionManager(database_url) as manager:
        import_database(manager, path)
        assert contents(manager) == ["two\0parts \ufdd0", "caf\ufffd", None, "[" * 10_000]
        assert manager.get_session("s1").history[2].metadata == {"a": "\0 😀"}
        assert manager.verify() == []
