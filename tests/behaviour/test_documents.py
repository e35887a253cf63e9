"""Documents: each edit a version, any version restored; with a session, or on their own."""

from collections.abc import Callable

import pytest

from ithaca import (
    Document,
    DocumentExists,
    DocumentNotFound,
    InvalidArgument,
    InvalidDocument,
    InvalidInput,
    RevisionConflict,
    SessionManager,
    SessionNotFound,
    VersionNotFound,
)
from tests.support.factories import make_session
from tests.support.managers import FakeClock


def test_a_new_document_has_what_it_was_given(timed: SessionManager, clock: FakeClock) -> None:
    session = make_session(timed, owner="telemachus")
    document = timed.create_document(
        "Map", "here be\0 sirens\ufdd0", language="markdown", session_id=session.id, document_id="d-1", source="user"
    )
    assert document.to_dict() == {
        "owner": "telemachus",
        "id": "d-1",
        "session_id": session.id,
        "title": "Map",
        "language": "markdown",
        "version": 1,
        "archived": False,
        "revision": 1,
        "created_at": "2026-03-01T05:00:00.000000Z",
        "updated_at": "2026-03-01T05:00:00.000000Z",
        "size": len("here be\0 sirens\ufdd0"),
        "content": "here be\0 sirens\ufdd0",
    }
    assert timed.get_document("d-1") == document


def test_a_document_needs_no_session_and_no_content(manager: SessionManager) -> None:
    document = manager.create_document("", owner="telemachus")
    assert (document.session_id, document.content, document.language, document.size) == (None, "", None, 0)
    assert manager.get_document(document.id).owner == "telemachus"


def test_every_edit_makes_a_version(timed: SessionManager, clock: FakeClock) -> None:
    id = timed.create_document("Map", "one", language="text").id
    now = clock.move(minutes=1)
    timed.edit_document(id, "two", summary="more", source="ai")
    timed.edit_document(id, title="Chart")
    document = timed.edit_document(id, language=None)
    assert (document.version, document.revision, document.updated_at) == (4, 4, now)
    assert (document.title, document.language, document.content) == ("Chart", None, "two")
    versions = timed.list_document_versions(id)
    first = timed.list_document_versions(id, limit=3)
    timed.edit_document(id, language="map")  # moves nothing
    second = timed.list_document_versions(id, limit=3, cursor=first.cursor)
    assert ([*first, *second], second.cursor) == (versions.items, None)
    assert [v.content for v in versions] == [None] * 4
    assert [timed.get_document_version(id, v.version).content for v in versions] == ["two", "two", "two", "one"]
    told = [(v.version, v.title, v.language, v.size, v.summary, v.source) for v in versions]
    assert told == [
        (4, "Chart", None, 3, None, None),
        (3, "Chart", "text", 3, None, None),
        (2, "Map", "text", 3, "more", "ai"),
        (1, "Map", "text", 3, None, None),
    ]


def test_any_version_can_be_restored_as_a_new_one(manager: SessionManager) -> None:
    id = manager.create_document("Map", "one").id
    manager.edit_document(id, "two", title="Chart")
    manager.edit_document(id, "three")
    restored = manager.restore_document_version(id, 1)
    assert (restored.version, restored.title, restored.content) == (4, "Map", "one")
    newest = manager.get_document_version(id, 4)
    assert (newest.source, newest.summary, newest.content) == ("restore", "restored version 1", "one")
    assert manager.restore_document_version(id, 3).content == "three"


def test_documents_are_listed_the_last_changed_first_without_content(timed: SessionManager, clock: FakeClock) -> None:
    session = make_session(timed)
    ids = []
    for n in range(7):
        clock.move(seconds=1)
        ids.append(timed.create_document(str(n), "text", session_id=session.id if n % 2 else None).id)
    clock.move(seconds=1)
    timed.edit_document(ids[0], "changed")
    timed.archive_document(ids[1])
    order = [ids[n] for n in (1, 0, 6, 5, 4, 3, 2)]
    assert {document.content for document in timed.list_documents()} == {None}
    page = timed.list_documents(limit=3)
    rest = timed.list_documents(limit=50, cursor=page.cursor)
    tied = sorted(ids[:2], reverse=True)  # changed in the same microsecond
    assert [document.id for document in [*page, *rest]] == tied + order[2:]
    assert rest.cursor is None
    attached = [document.id for document in timed.list_documents(session_id=session.id, archived=False)]
    assert attached == [ids[5], ids[3]]
    assert {document.id for document in timed.list_documents(session_id="")} == {ids[n] for n in (0, 2, 4, 6)}
    assert [document.id for document in timed.list_documents(archived=True)] == [ids[1]]
    assert timed.list_documents(session_id="nope").items == []


def test_a_document_can_change_its_session(manager: SessionManager) -> None:
    one, two = make_session(manager), make_session(manager)
    id = manager.create_document("Map", session_id=one.id).id
    states = [
        manager.attach_document(id, two.id).session_id,
        manager.detach_document(id).session_id,
        manager.attach_document(id, one.id).session_id,
    ]
    assert states == [two.id, None, one.id]
    with pytest.raises(SessionNotFound):
        manager.attach_document(id, "nope")
    assert (manager.get_document(id).session_id, manager.get_document(id).revision) == (one.id, 4)


def test_a_document_outlives_its_session(manager: SessionManager) -> None:
    sessions = [make_session(manager, n, owner="telemachus") for n in (0, 1, 2)]
    ids = [manager.create_document("Map", "sirens", session_id=session.id).id for session in sessions]
    manager.delete_session(sessions[1].id)
    manager.delete_sessions([sessions[2].id])
    documents = [manager.get_document(id) for id in ids]
    assert [document.session_id for document in documents] == [sessions[0].id, None, None]
    assert [(document.owner, document.content) for document in documents] == [("telemachus", "sirens")] * 3


def test_archiving_and_deleting(manager: SessionManager) -> None:
    id = manager.create_document("Map", "one").id
    assert manager.archive_document(id).archived
    assert not manager.unarchive_document(id).archived
    removed = manager.delete_document(id)
    assert (removed.documents, removed.sessions, removed.messages) == (1, 0, 0)
    for call in (manager.get_document, manager.delete_document, manager.list_document_versions):
        with pytest.raises(DocumentNotFound):
            call(id)
    assert manager.create_document("Again", document_id=id).version == 1


def test_a_taken_id_is_refused(manager: SessionManager) -> None:
    before = manager.create_document("Map", "one", document_id="d-1")
    with pytest.raises(DocumentExists):
        manager.create_document("Other", document_id="d-1")
    assert manager.get_document("d-1") == before


def test_a_missing_document_a_missing_version_a_missing_session(manager: SessionManager) -> None:
    id = manager.create_document("Map", "one").id
    calls: list[Callable[[str], object]] = [
        manager.get_document,
        manager.list_document_versions,
        manager.archive_document,
        manager.unarchive_document,
        manager.detach_document,
        manager.delete_document,
        lambda missing: manager.edit_document(missing, "x"),
        lambda missing: manager.get_document_version(missing, 1),
        lambda missing: manager.restore_document_version(missing, 1),
    ]
    with pytest.raises(InvalidArgument, match="cursor"):
        manager.list_document_versions(id, cursor="x")
    other = manager.create_document("Other", "one").id
    manager.edit_document(other, "two")
    cursor = manager.list_document_versions(other, limit=1).cursor
    manager.delete_document(other)
    calls.append(lambda missing: manager.list_document_versions(missing, cursor=cursor))
    for call in calls:
        for missing in ("nope", "", "\0", "\ud800", "x" * 300):
            with pytest.raises(DocumentNotFound) as error:
                call(missing)
            assert error.value.document_id == missing
    for version in (2, 2**70):
        with pytest.raises(VersionNotFound):
            manager.get_document_version(id, version)
        with pytest.raises(VersionNotFound):
            manager.restore_document_version(id, version)
    with pytest.raises(SessionNotFound):
        manager.create_document("Map", session_id="nope")
    assert [document.id for document in manager.list_documents()] == [id]


BAD: list[tuple[str, object]] = [
    ("title", None),
    ("title", "nul \0"),
    ("title", "x" * 2_001),
    ("content", 5),
    ("content", b"bytes"),
    ("content", "\ud800"),
    ("language", 5),
    ("language", ""),
    ("source", 5),
]


def test_bad_documents_are_refused_by_field(manager: SessionManager) -> None:
    before = manager.create_document("Map", "one", document_id="d-1")
    for field, value in BAD:
        with pytest.raises(InvalidDocument) as error:
            manager.create_document(**{"title": "Map", field: value})
        assert field == error.value.field
        with pytest.raises(InvalidDocument) as error:
            manager.edit_document("d-1", **{"content": "new", field: value})
        assert field == error.value.field
    for call in (
        lambda: manager.edit_document("d-1"),
        lambda: manager.edit_document("d-1", "new", summary="\0"),
        lambda: manager.create_document("Map", document_id=""),
        lambda: manager.get_document_version("d-1", 0),
        lambda: manager.list_documents(session_id=0),
        lambda: manager.list_documents(archived=1),
        lambda: manager.list_documents(owner=5),
        lambda: manager.list_documents(limit=0),
    ):
        with pytest.raises(InvalidInput):
            call()
    assert manager.get_document("d-1") == before
    assert len(manager.list_documents()) == 1


CHANGES: dict[str, Callable[[SessionManager, Document, int], object]] = {
    "edit": lambda m, d, r: m.edit_document(d.id, "changed", expected_revision=r),
    "restore": lambda m, d, r: m.restore_document_version(d.id, 1, expected_revision=r),
    "attach": lambda m, d, r: m.attach_document(d.id, d.session_id, expected_revision=r),
    "detach": lambda m, d, r: m.detach_document(d.id, expected_revision=r),
    "archive": lambda m, d, r: m.archive_document(d.id, expected_revision=r),
    "unarchive": lambda m, d, r: m.unarchive_document(d.id, expected_revision=r),
    "delete": lambda m, d, r: m.delete_document(d.id, expected_revision=r),
}


def test_every_change_refuses_to_overwrite_what_it_has_not_seen(manager: SessionManager, other: SessionManager) -> None:
    session = make_session(manager)
    for name, change in CHANGES.items():
        seen = manager.create_document("Map", "one", session_id=session.id)
        unseen = other.edit_document(seen.id, "two")
        with pytest.raises(RevisionConflict) as error:
            change(manager, seen, seen.revision)
        assert (error.value.thing, error.value.found, error.value.expected) == (seen.id, 2, 1), name
        assert manager.get_document(seen.id) == unseen, name
        change(manager, seen, unseen.revision)
        if name != "delete":
            assert manager.get_document(seen.id).revision == 3, name
