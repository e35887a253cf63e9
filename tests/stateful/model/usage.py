"""Usage: records, each counted once, and their sums."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from ithaca import Usage, UsageRecord
from ithaca.errors import UsageConflict
from tests.stateful.model.kept import Clock, check_revision
from tests.stateful.model.sessions import Sessions


class Accounts(Sessions):
    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        #: By owner and id.
        self.spent: dict[tuple[str, str], UsageRecord] = {}

    def record_usage(
        self,
        scope: str | None,
        session_id: str,
        *,
        model: str,
        input_tokens: int,
        output_tokens: int,
        cost: Decimal,
        id: str,
        expected_revision: int | None = None,
    ) -> UsageRecord:
        session = self.find(scope, session_id)
        numbers = (input_tokens, output_tokens, cost)
        record = UsageRecord(id, session.owner, session_id, None, model, *numbers, self.now)
        before = self.spent.get((session.owner, id))
        if before is not None:
            said = (before.session_id, before.model, before.input_tokens, before.output_tokens, before.cost)
            if said != (session_id, model, *numbers):
                raise UsageConflict(id)
            return before
        check_revision(session, expected_revision)
        self.spent[session.owner, id] = record
        self.changed(session, "updated")
        return record

    def forget_usage(self, owner: str) -> None:
        for key in [key for key in self.spent if key[0] == owner]:
            del self.spent[key]

    def usage(self, scope: str | None, *, by: Sequence[str], since: date | None = None) -> list[Usage]:
        sums: dict[tuple[object, ...], Usage] = {} if by else {(): Usage(0, 0, Decimal(0), 0)}
        for record in self.spent.values():
            day = record.created_at.date()
            if scope in (None, record.owner) and (since is None or day >= since):
                keys = {key: day if key == "day" else getattr(record, key) for key in by}
                sums[tuple(keys.values())] = added(
                    sums.get(tuple(keys.values()), Usage(0, 0, Decimal(0), 0, **keys)), record
                )
        return [sums[keys] for keys in sorted(sums)]  # type: ignore[type-var]


def added(to: Usage, record: UsageRecord) -> Usage:
    return Usage(
        to.input_tokens + record.input_tokens, to.output_tokens + record.output_tokens, to.cost + record.cost,
        to.count + 1, to.day, to.model, to.session_id, to.owner, to.message_id,
    )  # fmt: skip
