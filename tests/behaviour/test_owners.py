"""What one owner has does not exist for another: not to be seen, listed, changed, guessed or collided with."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, is_dataclass, replace
from datetime import timedelta
from functools import partial
from threading import Barrier
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from ithaca import (
    AmbiguousId,
    ChatMessage,
    Conversation,
    DocumentExists,
    ImportReport,
    InvalidArgument,
    InvalidDocument,
    IthacaError,
    LibraryDocument,
    LibraryVersion,
    SessionExists,
    SessionManager,
    SessionNotFound,
    StillRunning,
)
from ithaca.access import digest_of as proof
from tests.support.factories import history, make_session, texts
from tests.support.processes import rounds


@dataclass(frozen=True)
class Ids:
    """What another owner has, or what nobody has."""

    session: str
    message: str
    document: str
    owner: str
    trash: str
    digest: str
    key: str
    access_key: str
    token: str
    endpoint: str
    login: str
    link: str
    reply: str = "reply-xxxx"


def bytes_of(owner: str) -> bytes:
    """Bytes that a stranger may have by chance, or guess: having them must not tell that somebody else has."""
    return f"secret of {owner}".encode()


def digest_of(owner: str) -> str:
    return hashlib.sha256(bytes_of(owner)).hexdigest()


#: Every public call, made with the ids of something that the caller's owner doesn't have.
CALLS: dict[str, Callable[[SessionManager, Ids], object]] = {
    "add_message": lambda m, x: m.add_message(x.session, ChatMessage("user", "mine", id=x.message)),
    "add_messages": lambda m, x: m.add_messages(x.session, texts(2)),
    "add_version": lambda m, x: m.add_version(x.session, x.message, ChatMessage("user", "mine")),
    "apply_retention": lambda m, _: m.apply_retention(),
    "archive_document": lambda m, x: m.archive_document(x.document),
    "archive_session": lambda m, x: m.archive_session(x.session),
    "attach_document": lambda m, x: m.attach_document(m.create_document("mine").id, x.session),
    "begin_once": lambda m, x: m.begin_once(x.key, "mine"),
    "change_password": lambda m, x: m.change_password(x.owner, "a long password", "another one"),
    "cleanup_empty_sessions": lambda m, _: m.cleanup_empty_sessions(0, 0),
    "close": lambda m, _: m.close(),
    "collect_attachments": lambda m, _: m.collect_attachments(min_age_hours=0),
    "continue_reply": lambda m, x: list(m.continue_reply(x.session)),
    "get_reply": lambda m, x: m.get_reply(x.reply),
    "list_replies": lambda m, x: m.list_replies(x.session),
    "regenerate": lambda m, x: list(m.regenerate(x.session, x.message)),
    "relay": lambda m, x: m.relay(b'{"messages": []}', session_id=x.session).status,
    "reply": lambda m, x: list(m.reply(x.session, "mine")),
    "reply_events": lambda m, x: list(m.reply_events(x.reply)),
    "start_reply": lambda m, x: m.start_reply(x.session, "mine"),
    "stop_reply": lambda m, x: m.stop_reply(x.reply),
    "summarize": lambda m, x: m.summarize(x.session, keep_last=0),
    "sweep_replies": lambda m, _: m.sweep_replies(),
    "title_session": lambda m, x: m.title_session(x.session),
    "wait_for_replies": lambda m, _: m.wait_for_replies(0),
    "compact": lambda m, x: m.compact(x.session, "mine", keep_last=0),
    "context": lambda m, x: m.context(x.session, max_tokens=1_000).messages,
    "context_info": lambda m, x: m.context_info(x.session, max_tokens=1_000),
    "count_sessions": lambda m, x: m.count_sessions(owner=x.owner),
    "create_document": lambda m, x: m.create_document("mine", session_id=x.session, document_id=x.document),
    "create_key": lambda m, _: m.create_key("mine"),
    "create_endpoint": lambda m, x: m.create_endpoint(x.endpoint, "http://mine", owner=x.owner),
    "create_link": lambda m, x: m.create_link(owner=x.owner),
    "create_session": lambda m, x: m.create_session(x.session, "mine"),
    "create_user": lambda m, x: m.create_user(x.owner, "a long password", owner=x.owner),
    "delete_document": lambda m, x: m.delete_document(x.document),
    "delete_endpoint": lambda m, x: m.delete_endpoint(x.endpoint),
    "delete_messages": lambda m, x: m.delete_messages(x.session, [x.message]),
    "delete_retention": lambda m, x: m.delete_retention(owner=x.owner),
    "delete_session": lambda m, x: m.delete_session(x.session),
    "delete_sessions": lambda m, x: m.delete_sessions([x.session], important=True),
    "detach_document": lambda m, x: m.detach_document(x.document),
    "done_before": lambda m, x: m.done_before(x.key, "mine"),
    "discover_endpoints": lambda m, _: isinstance(m.discover_endpoints(seconds=0), list),
    "edit_document": lambda m, x: m.edit_document(x.document, "mine"),
    "edit_message": lambda m, x: m.edit_message(x.session, x.message, "mine"),
    "end_once": lambda m, x: m.end_once(x.key, b"mine"),
    "ensure_task_session": lambda m, x: m.ensure_task_session(x.session, "mine", "", "", task=SimpleNamespace()),
    "erase_owner": lambda m, x: m.erase_owner(x.owner),
    "for_owner": lambda m, x: m.for_owner(x.owner),
    "fork_session": lambda m, x: m.fork_session(x.session, at=x.message),
    "get_attachment": lambda m, x: m.get_attachment(x.digest),
    "get_document": lambda m, x: m.get_document(x.document),
    "get_document_version": lambda m, x: m.get_document_version(x.document, 1),
    "get_endpoint": lambda m, x: m.get_endpoint(x.endpoint),
    "get_message": lambda m, x: m.get_message(x.session, x.message),
    "get_messages": lambda m, x: m.get_messages(x.session),
    "get_session": lambda m, x: m.get_session(x.session),
    "give_up_once": lambda m, x: m.give_up_once(x.key),
    "go_on_once": lambda m, x: m.go_on_once(x.key),
    "record_once": lambda m, x: m.record_once(x.key, "mine", b"mine"),
    "get_user": lambda m, x: m.get_user(x.owner),
    "identify_key": lambda m, x: m.identify_key(x.token),
    "guarded": lambda m, x: [m.guarded().list_endpoints(), m.guarded().get_session(x.session)],
    "identify_login": lambda m, x: m.identify_login(x.login),
    "import_conversations": lambda m, x: m.import_conversations([Conversation(x.session, "mine", texts(2))]),
    "import_documents": lambda m, x: m.import_documents(
        [LibraryDocument(x.document, "mine", [LibraryVersion("mine")], session_id=x.session, owner=x.owner)]
    ),
    "info": lambda m, _: m.info().sessions,
    "iter_messages": lambda m, x: list(m.iter_messages(x.session)),
    "list_attachments": lambda m, x: [m.list_attachments(), m.list_attachments(x.session, owner=x.owner)],
    "list_compactions": lambda m, x: m.list_compactions(x.session),
    "list_document_versions": lambda m, x: m.list_document_versions(x.document),
    "list_documents": lambda m, x: [m.list_documents(), m.list_documents(session_id=x.session, owner=x.owner)],
    "list_folders": lambda m, x: [m.list_folders(), m.list_folders(owner=x.owner)],
    "list_keys": lambda m, x: [m.list_keys(), m.list_keys(owner=x.owner)],
    "list_endpoint_models": lambda m, x: m.list_endpoint_models(x.endpoint),
    "list_endpoints": lambda m, x: [m.list_endpoints(), m.list_endpoints(owner=x.owner)],
    "list_retention": lambda m, x: [m.list_retention(), m.list_retention(owner=x.owner)],
    "list_sessions": lambda m, x: [m.list_sessions(), m.list_sessions(owner=x.owner, name="secret")],
    "list_users": lambda m, x: [m.list_users(), m.list_users(owner=x.owner)],
    "list_versions": lambda m, x: m.list_versions(x.session, x.message),
    "log_in": lambda m, x: m.log_in(x.owner, "a long password"),
    "log_out": lambda m, x: m.log_out(x.login, everywhere=True),
    "log_out_user": lambda m, x: m.log_out_user(x.owner),
    "mark_important": lambda m, x: m.mark_important(x.session),
    "noting": lambda m, x: m.noting({}).add_message(x.session, ChatMessage("user", "mine")),
    "once": lambda m, x: m.once(x.key, "mine", lambda _: b"mine").create_session(),
    "open_link": lambda m, x: m.open_link(x.link),
    "purge": lambda m, x: [m.purge(older_than=timedelta(0)), m.purge(x.trash)],
    "put_attachment": lambda m, x: m.put_attachment(bytes_of(x.owner), "text/plain"),
    "read_attachment": lambda m, x: list(m.read_attachment(x.digest)),
    "record_usage": lambda m, x: m.record_usage(x.session, model="mine", input_tokens=1, output_tokens=1),
    "remove_user": lambda m, x: m.remove_user(x.owner),
    "rename_session": lambda m, x: m.rename_session(x.session, "mine", expected_revision=1),
    "replace_messages": lambda m, x: m.replace_messages(x.session, [ChatMessage("user", "mine", id=x.message)]),
    "restore": lambda m, x: m.restore(x.trash),
    "restore_document_version": lambda m, x: m.restore_document_version(x.document, 1),
    "set_retention": lambda m, x: m.set_retention(owner=x.owner, delete_after=0),
    "still_open": lambda m, x: list(m.still_open([proof(x.token), proof(x.login)])),
    "switch_version": lambda m, x: m.switch_version(x.session, x.message),
    "trash": lambda m, x: [m.trash(), m.trash(session_id=x.session, owner=x.owner)],
    "trashed_messages": lambda m, x: m.trashed_messages(x.trash),
    "truncate_messages": lambda m, x: m.truncate_messages(x.session, 0),
    "unarchive_document": lambda m, x: m.unarchive_document(x.document),
    "unarchive_session": lambda m, x: m.unarchive_session(x.session),
    "undo": lambda m, x: m.undo(x.session),
    "update_user": lambda m, x: m.update_user(x.owner, password="a long password"),
    "update_session": lambda m, x: m.update_session(x.session, endpoint_url="http://mine"),
    "usage": lambda m, x: [m.usage(), m.usage(session_id=x.session), m.usage(owner=x.owner, by=["owner"])],
    "verify": lambda m, _: m.verify(),
    "revoke_key": lambda m, x: m.revoke_key(x.access_key),
    "rotate_secret_keys": lambda m, _: m.rotate_secret_keys(),
    "test_endpoint": lambda m, x: m.test_endpoint(x.endpoint),
    "update_endpoint": lambda m, x: m.update_endpoint(x.endpoint, model="mine"),
    "search": lambda m, x: [list(m.search("mine", session_id=x.session)), list(m.search("mine", owner=x.owner))],
    "latest_cursor": lambda m, _: len(m.latest_cursor()) > 0,
    "watch": lambda m, x: [
        list(m.watch(session_id=x.session, after=0, timeout=0)),
        list(m.watch(owner=x.owner, after="0-0", timeout=0)),
    ],
}

VARYING = (
    "created_at",
    "updated_at",
    "last_accessed",
    "last_message_at",
    "used_at",
    "trash_id",
    "id",
    "cursor",
    "hint",
    "token",
)


def ids_ending_in(end: str, trash_id: str, access_key: str, token: str, reply_id: str) -> Ids:
    owner = f"odysseus-{end}"
    named = (f"session-{end}", f"message-{end}", f"document-{end}", owner, trash_id, digest_of(owner), f"key-{end}")
    return Ids(*named, access_key, token, f"endpoint-{end}", f"login-{end}", f"link-{end}", reply_id)


def outcomes(manager: SessionManager, ids: Ids, owner: str) -> dict[str, str]:
    """What comes of every call, each made for a new owner who has nothing."""
    return {name: outcome(call, manager.for_owner(f"{owner}-{name}"), ids) for name, call in CALLS.items()}


def outcome(call: Callable[[SessionManager, Ids], object], manager: SessionManager, ids: Ids) -> str:
    """What came of a call, in words that differ only if something shows whose the ids are."""
    try:
        told = f"returned {json.dumps(plain(call(manager, ids)), default=lambda value: type(value).__name__)}"
    except IthacaError as error:
        told = f"raised {type(error).__name__}: {error}"
    for name, id in asdict(ids).items():
        told = told.replace(id, f"<{name}>")
    return told


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(item) for item in value]
    if is_dataclass(value):
        value = asdict(value)
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if name not in VARYING}
    return value


def everything_of(manager: SessionManager) -> list[Any]:
    """All that a confined manager sees."""
    sessions = [manager.get_session(session.id) for session in manager.list_sessions()]
    documents = [manager.get_document(document.id) for document in manager.list_documents()]
    versions = [manager.list_document_versions(document.id) for document in documents]
    rest = [manager.list_attachments().items, manager.trash().items, manager.list_keys(), manager.list_endpoints()]
    return [sessions, [session.history for session in sessions], documents, versions, *rest]


def test_every_public_call_is_tried() -> None:
    public = {name for name in dir(SessionManager) if not name.startswith("_")}
    assert set(CALLS) == public - {"owner", "limits"}


@pytest.mark.usefixtures("quick_passwords")
def test_anothers_things_are_like_things_that_do_not_exist(manager: SessionManager) -> None:
    theirs = manager.for_owner("odysseus-bbbb")
    session = make_session(theirs, [ChatMessage("user", "secret", id="message-bbbb")], "session-bbbb", name="secret")
    theirs.create_document("secret", "secret", session_id=session.id, document_id="document-bbbb")
    theirs.create_session("empty-bbbb", "secret")
    theirs.create_endpoint("endpoint-bbbb", "http://secret", key="secret")
    theirs.put_attachment(bytes_of("odysseus-bbbb"), "text/plain")
    gone = theirs.add_message(session.id, ChatMessage("user", "secret"))
    trash_id = theirs.delete_messages(session.id, [gone.id]).trash_id
    theirs.begin_once("key-bbbb", "secret")
    new = theirs.create_key("secret")
    asked = make_session(theirs, name="secret", endpoint_url="http://127.0.0.1:9/v1", model="m")
    reply_id = theirs.stop_reply(theirs.start_reply(asked.id, "secret").id).id
    before = everything_of(theirs)
    nobodys = ids_ending_in("xxxx", str(uuid4()), str(uuid4()), "ithaca_none", str(uuid4()))
    real = ids_ending_in("bbbb", trash_id, new.key.id, new.token, reply_id)
    manager.create_user("odysseus-bbbb", "a long password")
    login, link = manager.log_in("odysseus-bbbb", "a long password").token, manager.create_link(owner="odysseus-bbbb")
    real = replace(real, login=login, link=link)

    expected = outcomes(manager, nobodys, "mine-x")
    actual = outcomes(manager, real, "mine-b")
    assert {name: told.replace("mine-x", "mine-b") for name, told in expected.items()} == actual
    assert "secret" not in json.dumps(list(actual.values()))
    assert everything_of(theirs) == before
    with pytest.raises(StillRunning):
        theirs.done_before("key-bbbb", "secret")


def test_ids_of_several_owners_do_not_collide(manager: SessionManager) -> None:
    mine, theirs = manager.for_owner("telemachus"), manager.for_owner("Telemachus")
    for owned in (mine, theirs):
        make_session(owned, [ChatMessage("user", owned.owner, id="m-1")], "s-1", name=owned.owner)
        owned.create_document(owned.owner, owned.owner, session_id="s-1", document_id="d-1")
    mine.add_message("s-1", ChatMessage("user", "more", id="m-2"))
    mine.edit_message("s-1", "m-1", "edited")
    mine.edit_document("d-1", "edited")
    theirs.delete_messages("s-1", ["m-2"])
    assert (history(mine, "s-1"), history(theirs, "s-1")) == (["edited", "more"], ["Telemachus"])
    assert [owned.get_document("d-1").content for owned in (mine, theirs)] == ["edited", "Telemachus"]
    mine.delete_session("s-1")
    with pytest.raises(SessionNotFound):
        mine.get_session("s-1")
    assert (theirs.get_session("s-1").name, theirs.get_document("d-1").session_id) == ("Telemachus", "s-1")
    assert [session.owner for session in manager.list_sessions()] == ["Telemachus"]


#: Calls that work on all that there is, or on what they name otherwise.
NAMING_NO_SESSION_OR_DOCUMENT = {
    "get_reply",
    "reply_events",
    "stop_reply",
    "sweep_replies",
    "wait_for_replies",
    "begin_once",
    "done_before",
    "end_once",
    "give_up_once",
    "go_on_once",
    "record_once",
    "once",
    "latest_cursor",
    "apply_retention",
    "attach_document",
    "cleanup_empty_sessions",
    "close",
    "collect_attachments",
    "create_key",
    "change_password",
    "create_link",
    "create_user",
    "get_user",
    "identify_login",
    "list_users",
    "log_in",
    "log_out",
    "log_out_user",
    "open_link",
    "remove_user",
    "still_open",
    "update_user",
    "identify_key",
    "list_keys",
    "revoke_key",
    "count_sessions",
    "create_endpoint",
    "delete_endpoint",
    "discover_endpoints",
    "get_endpoint",
    "list_endpoint_models",
    "list_endpoints",
    "rotate_secret_keys",
    "test_endpoint",
    "update_endpoint",
    "delete_retention",
    "erase_owner",
    "for_owner",
    "get_attachment",
    "import_conversations",
    "import_documents",
    "info",
    "list_attachments",
    "list_documents",
    "list_folders",
    "list_retention",
    "list_sessions",
    "purge",
    "put_attachment",
    "read_attachment",
    "restore",
    "set_retention",
    "trash",
    "trashed_messages",
    "usage",
    "search",
    "verify",
    "watch",
}


def test_an_unconfined_manager_must_say_whose_when_several_have_the_id(manager: SessionManager) -> None:
    for owner in ("a", "b"):
        owned = manager.for_owner(owner)
        make_session(owned, [ChatMessage("user", owner, id="m-1")], "s-1")
        owned.create_document(owner, document_id="d-1")
    ids = Ids(
        "s-1", "m-1", "d-1", "a", str(uuid4()), digest_of("a"), "key-a", str(uuid4()), "none", "endpoint-a", "none",
        "none",
    )  # fmt: skip
    taken = {"create_session": SessionExists, "create_document": DocumentExists}
    for name in sorted(set(CALLS) - NAMING_NO_SESSION_OR_DOCUMENT):
        with pytest.raises(taken.get(name, AmbiguousId)):
            CALLS[name](manager, ids)
    assert [history(manager.for_owner(owner), "s-1") for owner in ("a", "b")] == [["a"], ["b"]]


ABOUT_DOCUMENTS = {name for name in CALLS if name.endswith(("_document", "_document_version", "_document_versions"))}


def test_an_unconfined_manager_must_say_whose_when_one_is_incognito(manager: SessionManager) -> None:
    one, two = manager.for_owner("a"), manager.for_owner("b")
    make_session(one, [ChatMessage("user", "a", id="m-1")], "s-1", incognito=True)
    make_session(two, [ChatMessage("user", "b", id="m-1")], "s-1")
    ids = Ids(
        "s-1", "m-1", "d-1", "b", str(uuid4()), digest_of("a"), "key-a", str(uuid4()), "none", "endpoint-a", "none",
        "none",
    )  # fmt: skip
    for name in sorted(set(CALLS) - NAMING_NO_SESSION_OR_DOCUMENT - ABOUT_DOCUMENTS | {"create_document"}):
        with pytest.raises(SessionExists if name == "create_session" else AmbiguousId):
            CALLS[name](manager, ids)
    for call in (
        lambda: manager.get_session("s-1", last=0),
        lambda: manager.get_messages("s-1", after=0),
        lambda: manager.list_attachments("s-1"),
        lambda: manager.search("b", session_id="s-1"),
        lambda: manager.trash(session_id="s-1"),
        lambda: manager.usage(session_id="s-1"),
        lambda: list(manager.watch(session_id="s-1", after=0, timeout=0)),
    ):
        with pytest.raises(AmbiguousId):
            call()
    assert (history(one, "s-1"), history(two, "s-1")) == (["a"], ["b"])


def test_who_is_named_beside_an_id_says_which_of_two_sessions(manager: SessionManager) -> None:
    """Of which one is incognito."""
    for owner, incognito in (("a", True), ("b", False)):
        owned = manager.for_owner(owner)
        make_session(owned, [ChatMessage("user", f"said by {owner}")], "s-1", incognito=incognito)
        owned.record_usage("s-1", model=owner, input_tokens=1, output_tokens=1)
        owned.truncate_messages("s-1", 0)
        owned.add_message("s-1", ChatMessage("user", f"added by {owner}"))
    for owner in ("a", "b"):
        assert [entry.owner for entry in manager.trash(session_id="s-1", owner=owner)] == [owner]
        assert [used.model for used in manager.usage(session_id="s-1", owner=owner)] == [owner]
        assert [hit.snippet for hit in manager.search("added", session_id="s-1", owner=owner)] == [f"added by {owner}"]
        changes = list(manager.watch(session_id="s-1", owner=owner, after=0, timeout=0))
        assert {change.owner for change in changes} == {owner}
    document = manager.create_document("Map", session_id="s-1", owner="b")
    manager.detach_document(document.id)
    assert manager.attach_document(document.id, "s-1").session_id == "s-1"
    with pytest.raises(InvalidDocument, match="incognito"):
        manager.create_document("Map", session_id="s-1", owner="a")
    with pytest.raises(InvalidArgument, match="incognito"):
        manager.attach_document(manager.create_document("Map", owner="a").id, "s-1")


def test_an_incognito_session_that_was_deleted_hides_no_other(manager: SessionManager) -> None:
    one, two = manager.for_owner("a"), manager.for_owner("b")
    make_session(one, [ChatMessage("user", "a")], "s-1", incognito=True)
    make_session(two, [ChatMessage("user", "b")], "s-1")
    one.delete_session("s-1")
    assert (history(manager, "s-1"), manager.get_session("s-1", last=0).owner) == (["b"], "b")
    manager.add_message("s-1", ChatMessage("user", "more"))
    assert manager.delete_sessions(["s-1"]).sessions == 1
    one.undo("s-1")
    assert (history(manager, "s-1"), two.count_sessions()) == (["a"], 0)


def test_an_unconfined_manager_finds_whose_it_is_by_the_id(manager: SessionManager) -> None:
    manager.for_owner("a").create_session("s-1")
    manager.add_message("s-1", ChatMessage("user", "from trusted code"))
    document = manager.create_document("Map", session_id="s-1")
    assert (document.owner, history(manager.for_owner("a"), "s-1")) == ("a", ["from trusted code"])
    with pytest.raises(SessionExists):
        manager.create_session("s-1", owner="b")
    with pytest.raises(DocumentExists):
        manager.create_document("Other", document_id=document.id, owner="b")


@pytest.mark.parametrize(("mine", "theirs"), [("a", "b"), ("", "b"), ("a", "")])
def test_an_import_never_goes_to_another_who_has_the_id(manager: SessionManager, mine: str, theirs: str) -> None:
    elsewhere = manager.for_owner(theirs)
    make_session(elsewhere, [ChatMessage("user", "theirs", id="m-1")], "s-1")
    elsewhere.create_document("Theirs", "theirs", session_id="s-1", document_id="d-1")
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64encode(bytes(20_000)).decode()}"}}
    messages = [ChatMessage("user", "mine", id="m-1"), ChatMessage("user", [image], id="m-2")]
    document = LibraryDocument("d-1", "Mine", [LibraryVersion("mine")], session_id="s-1", owner=mine)

    reports = [
        manager.import_conversations([Conversation("s-1", "Mine", messages, owner=mine)])
        + manager.import_documents([document])
        for _ in range(2)
    ]

    expected = [ImportReport(sessions=1, messages=2, documents=1, versions=1), ImportReport(unchanged=2)]
    assert expected == reports
    assert (["mine", [image]], ["theirs"]) == (history(manager.for_owner(mine), "s-1"), history(elsewhere, "s-1"))
    found = [m.get_document("d-1") for m in (manager.for_owner(mine), elsewhere)]
    assert [("mine", "s-1"), ("theirs", "s-1")] == [(d.content, d.session_id) for d in found]
    assert (1, 0) == tuple(len(list(m.list_attachments())) for m in (manager.for_owner(mine), elsewhere))


def test_one_import_for_several_who_have_the_id(manager: SessionManager) -> None:
    coming = [Conversation("s-1", "x", [ChatMessage("user", o, id="m-1")], owner=o) for o in ("a", "b", "", "a")]
    documents = [LibraryDocument("d-1", "x", [LibraryVersion(o)], session_id="s-1", owner=o) for o in ("a", "b")]
    manager.for_owner("b").create_session("s-1")

    report = manager.import_conversations(coming) + manager.import_documents(documents)

    assert report == ImportReport(sessions=2, messages=3, documents=2, versions=2, unchanged=1)
    assert [["a"], ["b"], [""]] == [history(manager.for_owner(owner), "s-1") for owner in ("a", "b", "")]
    assert ["a", "b"] == [manager.for_owner(owner).get_document("d-1").content for owner in ("a", "b")]


def test_what_one_owner_deleted_is_imported_for_another(manager: SessionManager) -> None:
    manager.for_owner("b").create_session("s-1")
    manager.for_owner("b").delete_session("s-1")
    coming = [Conversation("s-1", "x", texts(1), owner=owner) for owner in ("a", "b")]
    assert manager.import_conversations(coming) == ImportReport(sessions=1, messages=1, unchanged=1)
    assert [("a", "s-1")] == [(session.owner, session.id) for session in manager.list_sessions()]


@pytest.mark.on_disk
def test_trusted_code_uses_an_id_once_also_at_the_same_moment(manager: SessionManager, other: SessionManager) -> None:
    """Of two that make the same id for different owners, the second does what it would do a little later."""
    manager.create_session("source", owner="a")
    with ThreadPoolExecutor(2) as pool:
        for number in range(rounds(15)):
            for make, exists in RACES.items():
                start = Barrier(2, timeout=30)
                made = list(pool.map(partial(raced, start, make, f"{make} {number}"), (manager, other), ("a", "b")))
                assert len({one for one in made if one not in (SessionExists, DocumentExists)}) == 1
                assert made.count(exists) == (0 if exists is None else 1)


#: Calls that make something under an id that is given, and what the second of two raises.
RACES: dict[str, type[IthacaError] | None] = {
    "create_session": SessionExists,
    "fork_session": SessionExists,
    "ensure_task_session": None,
    "create_document": DocumentExists,
}


def raced(start: Barrier, call: str, id: str, manager: SessionManager, owner: str) -> Any:
    """Whose it is now; or the kind of the refusal."""
    calls: dict[str, Callable[[], Any]] = {
        "create_session": lambda: manager.create_session(id, owner=owner),
        "fork_session": lambda: (
            manager.fork_session("source", new_id=id) if owner == "a" else manager.create_session(id, owner=owner)
        ),
        "ensure_task_session": lambda: manager.ensure_task_session(id, "n", "", "", owner=owner),
        "create_document": lambda: manager.create_document("Map", document_id=id, owner=owner),
    }
    start.wait()
    try:
        return calls[call]().owner
    except (SessionExists, DocumentExists) as refusal:
        return type(refusal)


def test_a_document_never_belongs_to_anothers_session(manager: SessionManager) -> None:
    manager.create_session("s-1", owner="a")
    with pytest.raises(SessionNotFound):
        manager.create_document("Map", session_id="s-1", owner="b")
    document = manager.create_document("Map", owner="b")
    with pytest.raises(SessionNotFound):
        manager.attach_document(document.id, "s-1")


def test_a_confined_manager_makes_nothing_for_another(manager: SessionManager) -> None:
    mine = manager.for_owner("a")
    for call in (
        lambda: mine.create_session(owner="b"),
        lambda: mine.create_session(owner=""),
        lambda: mine.create_document("Map", owner="b"),
        lambda: mine.ensure_task_session("s-1", "Task", "", "", owner="b"),
        lambda: mine.for_owner("b"),
        lambda: mine.for_owner(""),
        lambda: mine.for_owner(None),
    ):
        with pytest.raises(InvalidArgument, match="owner"):
            call()
    mine.import_conversations([Conversation("s-1", "x", owner="b")])
    made = [mine.create_session(owner="a"), mine.create_session(), mine.for_owner("a").create_session()]
    assert ({session.owner for session in made}, {s.owner for s in manager.list_sessions()}) == ({"a"}, {"a"})


def test_nobodys_sessions_are_not_everybodys(manager: SessionManager) -> None:
    manager.create_session("nobodys")
    manager.create_session("mine", owner="a")
    for nobody in (manager.for_owner(""), manager.for_owner(None)):
        assert ([s.id for s in nobody.list_sessions()], nobody.owner) == (["nobodys"], "")
        with pytest.raises(SessionNotFound):
            nobody.get_session("mine")
    with pytest.raises(SessionNotFound):
        manager.for_owner("a").get_session("nobodys")
    assert (manager.owner, manager.count_sessions()) == (None, 2)


def test_a_page_of_anothers_list_leads_nowhere(manager: SessionManager) -> None:
    for n in range(4):
        manager.create_session(f"theirs-{n}", owner="b")
        manager.create_session(f"mine-{n}", owner="a")
    for sort in ("activity", "name"):
        cursor = manager.for_owner("b").list_sessions(limit=1, sort=sort).cursor
        listed = manager.for_owner("a").list_sessions(cursor=cursor, sort=sort)
        assert {session.owner for session in listed} <= {"a"}


def test_cleaning_up_is_of_ones_own(manager: SessionManager) -> None:
    for owner in ("a", "b"):
        manager.create_session(owner=owner)
    assert manager.for_owner("a").cleanup_empty_sessions(30, 0) == {
        "deleted_empty": 1,
        "archived_old": 0,
        "total_checked": 1,
    }
    assert [session.owner for session in manager.list_sessions()] == ["b"]


def test_bad_owners_are_refused(manager: SessionManager) -> None:
    for owner in (5, b"a", "\0", "\ud800", "x" * 201, ["a"]):
        with pytest.raises(InvalidArgument, match="owner"):
            manager.for_owner(owner)
        with pytest.raises(InvalidArgument, match="owner"):
            manager.create_session(owner=owner)
