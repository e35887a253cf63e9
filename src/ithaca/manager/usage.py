"""The calls about what conversations cost."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from ithaca.manager.base import AsyncBase, Base, documented_by
from ithaca.operations import usage
from ithaca.usage import Usage, UsageKey, UsageRecord


class Accounts(Base):
    """The calls about what conversations cost."""

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
    ) -> UsageRecord:
        """The record of what a reply used; the session's token totals are raised with it.

        `id` is its idempotency key: the same id again counts once, and `UsageConflict` is raised if it says
        something else. `cost` is in units of your currency, rounded to millionths; None is 0. That the session holds
        the message `message_id` is not asked. It is a change of the session; what was used stays recorded when the
        session is deleted. Raises `SessionNotFound`, `RevisionConflict`.

            >>> from ithaca import SessionManager
            >>> with SessionManager("sqlite:///:memory:") as manager:
            ...     id = manager.create_session().id
            ...     record = manager.record_usage(id, model="qwen3", input_tokens=900, output_tokens=80, cost=0.002)
            ...     (record.cost, manager.get_session(id).total_input_tokens)
            (Decimal('0.002000'), 900)
        """
        door = self._door
        columns = door.usage_record(model, input_tokens, output_tokens, cost, message_id, id, at)
        session, expected = door.session_id(session_id), door.expected(expected_revision)
        return self._at(session).write(usage.record, door.scope, session, columns, expected)

    def usage(
        self,
        *,
        owner: str | None = None,
        session_id: str | None = None,
        model: str | None = None,
        since: date | None = None,
        until: date | None = None,
        by: Iterable[UsageKey] = ("day", "model"),
    ) -> list[Usage]:
        """Sums of what was recorded, by the keys in `by` and in their order; with `by=()`, one sum of it all.

        Keys are "day", "model", "session_id", "owner" and "message_id". `since` and `until` are days in UTC, both
        included. A session that was deleted still counts; of an incognito session it tells only where that is named.
        """
        wanted, keys = self._door.usage_filter(owner, session_id, model, since, until, by)
        storage = self._storage if session_id is None else self._at(session_id, owner)
        return storage.read(usage.summed, self._door.scope, wanted, keys)


@documented_by(Accounts)
class AsyncAccounts(AsyncBase):
    """The calls about what conversations cost."""

    async def record_usage(
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
    ) -> UsageRecord:
        door = self._door
        columns = door.usage_record(model, input_tokens, output_tokens, cost, message_id, id, at)
        session, expected = door.session_id(session_id), door.expected(expected_revision)
        return await self._at(session).write(usage.record, door.scope, session, columns, expected)

    async def usage(
        self,
        *,
        owner: str | None = None,
        session_id: str | None = None,
        model: str | None = None,
        since: date | None = None,
        until: date | None = None,
        by: Iterable[UsageKey] = ("day", "model"),
    ) -> list[Usage]:
        wanted, keys = self._door.usage_filter(owner, session_id, model, since, until, by)
        storage = self._storage if session_id is None else self._at(session_id, owner)
        return await storage.read(usage.summed, self._door.scope, wanted, keys)
