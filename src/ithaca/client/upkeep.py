"""The calls about all that is kept: search, usage, retention, clean-up, imports, checks."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from ithaca.arguments import UNSET, Unset
from ithaca.client import values, wire
from ithaca.client.asking import Asking, at, call, with_query
from ithaca.client.base import Calls
from ithaca.content import flag, whole
from ithaca.models import Conversation, DatabaseInfo, ImportReport, LibraryDocument, Page, Problem, SearchHit
from ithaca.retention import RetentionPolicy, RetentionReport
from ithaca.usage import Usage, UsageKey, UsageRecord

#: Conversations, or documents, that are sent in one request.
IMPORT_BATCH = 500


def _days(age: timedelta | float | None) -> float | None:
    return age / timedelta(days=1) if isinstance(age, timedelta) else age


class Search(Calls):
    """The call that finds messages by their words."""

    @call
    def search(
        self,
        text: str,
        *,
        owner: str | None = None,
        session_id: str | None = None,
        role: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        archived: bool | None = None,
        incognito: bool = False,
        cursor: str | None = None,
        limit: int = 20,
        neighbours: int = 0,
    ) -> Asking[Page[SearchHit]]:
        """A page of the messages that fit a text, the best first; give back its `cursor` for the next one."""
        self._door.search(text, owner, session_id, role, since, until, archived, limit, neighbours)
        asked = {"q": text, "session_id": session_id, "role": role, "since": since, "until": until,
                 "archived": archived, "incognito": flag("incognito", incognito), "cursor": self._door.cursor(cursor),
                 "limit": limit, "neighbours": neighbours}  # fmt: skip
        return values.page(values.hit)((yield from self._listed("search", asked, owner)))


class Accounts(Calls):
    """The calls about what conversations cost."""

    @call
    def record_usage(
        self,
        session_id: str,
        *,
        model: str,
        input_tokens: int,
        output_tokens: int,
        cost: Decimal | float | None = None,
        message_id: str | None = None,
        id: str | None = None,
        at: datetime | None = None,
        expected_revision: int | None = None,
    ) -> Asking[UsageRecord]:
        """The record of what a reply used; the session's token totals are raised with it."""
        door = self._door
        door.usage_record(model, input_tokens, output_tokens, cost, message_id, id, at)
        session, expected = door.session_id(session_id), door.expected(expected_revision)
        body = {"model": model, "input_tokens": input_tokens, "output_tokens": output_tokens, "message_id": message_id,
                "cost": str(cost) if isinstance(cost, Decimal) else cost, "id": id,
                "at": None if at is None else at.isoformat()}  # fmt: skip
        return values.usage_record((yield self._post(_usage_of(session), body, expected=expected)).value)

    @call
    def usage(
        self,
        *,
        owner: str | None = None,
        session_id: str | None = None,
        model: str | None = None,
        since: date | None = None,
        until: date | None = None,
        by: Iterable[UsageKey] = ("day", "model"),
    ) -> Asking[list[Usage]]:
        """Sums of what was recorded, by the keys in `by` and in their order; with `by=()`, one sum of it all."""
        wanted, keys = self._door.usage_filter(owner, session_id, model, since, until, by)
        asked = {"session_id": wanted["session_id"], "model": model, "since": since, "until": until, "by": keys,
                 "together": not keys}  # fmt: skip
        return values.items(values.usage)((yield from self._listed("usage", asked, owner, every=True)))


def _usage_of(session_id: str) -> str:
    return at("sessions", session_id, "usage")


class Retention(Calls):
    """The calls about how long sessions are kept."""

    @call
    def set_retention(
        self,
        *,
        owner: str | None = None,
        folder: str | None = None,
        archive_after: timedelta | float | None = None,
        delete_after: timedelta | float | None = None,
        keep_starred: bool = True,
        keep_newest: int = 0,
        legal_hold: bool | Unset = UNSET,
    ) -> Asking[RetentionPolicy]:
        """The policy of an owner's folder, in the place of the one before; nothing happens until it is applied."""
        door = self._door
        door.retention_place(owner, folder)
        door.retention(archive_after, delete_after, keep_starred, keep_newest)
        body = {"folder": folder, "archive_after": _days(archive_after), "delete_after": _days(delete_after),
                "keep_starred": keep_starred, "keep_newest": keep_newest}  # fmt: skip
        hold = door.hold(legal_hold)
        if hold is not None:
            body["legal_hold"] = hold
        if hold is None or self.owner is not None:
            return values.policy((yield self._change("PUT", at("retention"), body, owner=owner)).value)
        whose = owner if owner is not None else (yield from self._whose())
        return values.policy((yield self._change("PUT", at("admin", "retention"), body | {"owner": whose})).value)

    @call
    def list_retention(self, *, owner: str | None = None) -> Asking[list[RetentionPolicy]]:
        """Every policy, or an owner's, in the order of owners and folders."""
        return values.items(values.policy)((yield from self._listed("retention", {}, owner, every=True)))

    @call
    def delete_retention(self, *, owner: str | None = None, folder: str | None = None) -> Asking[None]:
        """Deletes a policy."""
        self._door.retention_place(owner, folder)
        yield self._sent_once("DELETE", with_query(at("retention"), {"folder": folder}), owner=owner)

    @call
    def apply_retention(self, *, dry_run: bool = False, batch: int = 200) -> Asking[RetentionReport]:
        """Does what all policies say now, and purges the trash of what it has kept for its time."""
        body = {"batch": whole("batch", batch, 1), "dry_run": self._door.dry_run(dry_run)}
        return values.retention_report((yield self._post(self._over_all("retention:apply"), body)).value)


class Upkeep(Calls):
    """The calls about everything that is kept: clean-up, imports, checks."""

    @call
    def cleanup_empty_sessions(
        self, auto_archive_days: float = 30, min_age_hours: float = 1, *, dry_run: bool = False
    ) -> Asking[dict[str, int]]:
        """Tidies up; returns the counts `deleted_empty`, `archived_old` and `total_checked`."""
        body = {"min_age_hours": self._door.age("min_age_hours", min_age_hours),
                "auto_archive_days": self._door.age("auto_archive_days", auto_archive_days),
                "dry_run": self._door.dry_run(dry_run)}  # fmt: skip
        return dict((yield self._post(self._over_all("sessions:cleanup"), body)).value)

    @call
    def import_conversations(self, conversations: Iterable[Conversation]) -> Asking[ImportReport]:
        """Adds conversations from elsewhere, with their ids, times and messages; repeating it adds nothing twice."""
        given = self._door.listed("conversations", conversations)
        return (yield from self._imported("conversations", (self._conversation(each) for each in given)))

    def _conversation(self, given: Conversation) -> dict[str, Any]:
        self._door.incoming(given)
        return wire.conversation(given, self._door.scope.limits)

    @call
    def import_documents(self, documents: Iterable[LibraryDocument]) -> Asking[ImportReport]:
        """Adds documents from elsewhere with their versions; those that are here already stay as they are."""
        given = self._door.listed("documents", documents)
        return (yield from self._imported("documents", (self._library_document(each) for each in given)))

    def _library_document(self, given: LibraryDocument) -> dict[str, Any]:
        self._door.incoming_document(given)
        return wire.document(given)

    def _imported(self, noun: str, bodies: Iterator[dict[str, Any]]) -> Asking[ImportReport]:
        report = ImportReport()
        while batch := list(islice(bodies, IMPORT_BATCH)):
            reply = yield self._post(self._over_all(f"{noun}:import"), {noun: batch})
            report += ImportReport(**reply.value)
        return report

    @call
    def info(self) -> Asking[DatabaseInfo]:
        """Which database the server keeps it all in, how large, and how many sessions it holds; for administrators."""
        return DatabaseInfo(**(yield self._get(at("admin", "database"))).value)

    @call
    def verify(self) -> Asking[list[Problem]]:
        """Derives every invariant again from what is stored; returns what is broken, by name. For administrators."""
        found = (yield self._post(at("admin", "database:verify"))).value
        return [Problem(**problem) for problem in found["problems"]]
