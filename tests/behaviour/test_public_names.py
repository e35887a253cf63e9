"""The public names: pinned, documented, and the same for both managers."""

import importlib.metadata
import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any, get_args, get_origin, get_type_hints

import ithaca
from ithaca import AsyncSessionManager, SessionManager, errors

NAMES = {
    "AccessError",
    "AccessKey",
    "AccessKeyNotFound",
    "AlreadyDone",
    "AmbiguousId",
    "AsyncClient",
    "AsyncSessionManager",
    "Attachment",
    "AttachmentNotFound",
    "AttachmentReference",
    "Change",
    "ChatMessage",
    "Client",
    "Collected",
    "Compaction",
    "ConfigurationError",
    "Conflict",
    "Context",
    "ContextInfo",
    "ContextTooSmall",
    "Conversation",
    "DatabaseBusy",
    "DatabaseDamaged",
    "DatabaseInfo",
    "DatabaseUnavailable",
    "DiskFull",
    "Document",
    "DocumentExists",
    "DocumentNotFound",
    "DocumentVersion",
    "Endpoint",
    "EndpointExists",
    "EndpointNotFound",
    "EndpointRefused",
    "EndpointTest",
    "Erased",
    "Folder",
    "ForeignOrigin",
    "FoundServer",
    "HeadersUnreadable",
    "ImportFailed",
    "ImportReport",
    "InvalidArgument",
    "InvalidDocument",
    "InvalidEndpoint",
    "InvalidInput",
    "InvalidMessage",
    "InvalidSession",
    "IthacaError",
    "KeyReused",
    "KeyUnreadable",
    "LeaseLost",
    "LegalHold",
    "LibraryDocument",
    "LibraryVersion",
    "Limits",
    "Login",
    "LoginRefused",
    "ManagerClosed",
    "MessageConflict",
    "MessageNotFound",
    "MessageVersion",
    "NewAccessKey",
    "NewLogin",
    "NotAllowed",
    "NotAnIthacaDatabase",
    "NotFound",
    "NotSignedIn",
    "NothingToUndo",
    "Page",
    "PolicyOutcome",
    "Problem",
    "ProviderError",
    "ProviderTimeout",
    "Relayed",
    "Removed",
    "Reply",
    "ReplyEvent",
    "ReplyNotFound",
    "ReplyRunning",
    "Restored",
    "RetentionNotFound",
    "RetentionPolicy",
    "RetentionReport",
    "RevisionConflict",
    "RotatedSecrets",
    "SchemaError",
    "SchemaOutOfDate",
    "SchemaTooNew",
    "SearchHit",
    "SecretError",
    "SecretKeyInvalid",
    "ServerUnavailable",
    "ServiceError",
    "Session",
    "SessionExists",
    "SessionManager",
    "SessionNotFound",
    "Settings",
    "StillRunning",
    "StorageError",
    "TooManyAttempts",
    "TrashEntry",
    "TrashNotFound",
    "Usage",
    "UsageConflict",
    "UsageRecord",
    "User",
    "UserExists",
    "UserNotFound",
    "VersionNotFound",
    "backup_database",
    "read_settings",
    "upgrade_database",
}


def public(kind: type) -> dict[str, Any]:
    return {name: value for name, value in inspect.getmembers(kind) if not name.startswith("_")}


def test_the_public_names_are_these() -> None:
    assert set(ithaca.__all__) == NAMES
    assert set(dir(ithaca)) >= NAMES


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    assert [name for name in ithaca.__all__ if not inspect.getdoc(getattr(ithaca, name))] == []


def test_both_managers_have_the_same_calls_with_the_same_arguments() -> None:
    plain, waiting = public(SessionManager), public(AsyncSessionManager)
    assert set(plain) == set(waiting)
    calls = [name for name, value in plain.items() if callable(value)]
    assert [name for name in calls if parameters(plain[name]) != parameters(waiting[name])] == ["put_attachment"]
    assert names_of(plain["put_attachment"]) == names_of(waiting["put_attachment"])  # its data may come asynchronously
    assert parameters(SessionManager) == parameters(AsyncSessionManager)


def parameters(call: Callable[..., Any]) -> list[tuple[str, Any, Any, Any]]:
    return [(p.name, p.kind, p.default, p.annotation) for p in inspect.signature(call).parameters.values()]


def names_of(call: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(call).parameters)


def test_arguments_are_named_by_the_words_of_the_fields() -> None:
    named = {name for call in public(SessionManager).values() if callable(call) for name in names_of(call)}
    assert {"session_id", "messages", "documents"} <= named
    assert [name for name in named if name.endswith("_")] == []
    things_too = {"message", "key"}  # a `ChatMessage`, and what a key says
    assert {name for name in named if f"{name}_id" in named} == things_too


def test_both_managers_return_the_same() -> None:
    plain, waiting = public(SessionManager), public(AsyncSessionManager)
    streams = {
        "continue_reply", "iter_messages", "read_attachment", "regenerate", "reply", "reply_events", "watch",
    }  # fmt: skip
    calls = {name for name, value in plain.items() if callable(value)} - streams
    assert [name for name in sorted(calls) if returned(plain[name]) != returned(waiting[name])] == []
    straight = {name for name in calls if not inspect.iscoroutinefunction(waiting[name])}
    assert straight == {"for_owner", "guarded", "noting", "once"}


def returned(call: Callable[..., Any]) -> Any:
    return get_type_hints(call)["return"]


def test_every_value_that_a_call_returns_can_be_written_as_json() -> None:
    calls = [value for value in public(SessionManager).values() if callable(value)]
    values = {kind for call in calls for kind in classes(returned(call)) if kind.__module__.startswith("ithaca.")}
    # A browser's log-in is nobody's to write; what is relayed is bytes.
    assert {kind.__name__ for kind in values if not hasattr(kind, "to_dict")} == {"Login", "NewLogin", "Relayed"}


def classes(hint: Any) -> set[type]:
    """The classes that a type hint is made of."""
    inner = {kind for part in get_args(hint) for kind in classes(part)}
    kind = get_origin(hint) or hint
    return inner | ({kind} if isinstance(kind, type) else set())


def test_every_call_of_both_managers_is_documented() -> None:
    for kind in (SessionManager, AsyncSessionManager):
        assert [name for name, value in public(kind).items() if not inspect.getdoc(value)] == []
        assert inspect.getdoc(kind)


def test_every_error_stands_in_the_tree_below_its_base() -> None:
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        branch, name = re.fullmatch(r"([ │├└─]*)(\w*).*", line, re.DOTALL).groups()
        if name in errors.__all__:
            above[len(branch) // 5 :] = [name]
            drawn[name] = above[-2] if len(above) > 1 else "Exception"
    assert drawn == {name: getattr(errors, name).__bases__[0].__name__ for name in errors.__all__}


def test_importing_does_not_load_postgresql_or_the_command_line() -> None:
    program = "import sys, ithaca; ithaca.SessionManager(':memory:').close(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {"psycopg", "psycopg_pool", "typer", "rich"} & set(loaded) == set()


def test_the_version_is_the_packages() -> None:
    assert importlib.metadata.version("ithaca") == ithaca.__version__
