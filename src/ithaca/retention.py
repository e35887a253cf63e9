"""Retention: how long sessions are kept without use, and what applying that did."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from ithaca.columns import Row, from_time, iso
from ithaca.errors import InvalidArgument

_MICROSECOND = timedelta(microseconds=1)

#: No longer than this: a time that is so long ago can still be written down.
LONGEST = timedelta(days=1_000_000)


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long an owner's sessions are kept without use, those of a folder or all others."""

    owner: str
    #: None: for the sessions of every folder that has no policy of its own, and of none.
    folder: str | None
    #: Without use for so long, a session is archived; None for never.
    archive_after: timedelta | None
    #: Without use for so long, it goes to the trash; None for never.
    delete_after: timedelta | None
    #: Starred sessions are neither archived nor deleted.
    keep_starred: bool
    #: So many sessions, the last active ones, are neither archived nor deleted.
    keep_newest: int
    #: Nothing of it is archived, deleted, purged or erased.
    legal_hold: bool
    updated_at: datetime

    @classmethod
    def from_row(cls, row: Row) -> "RetentionPolicy":
        owner, folder, archive, delete, starred, newest, hold, updated = row
        ages = (_age(archive), _age(delete))
        return cls(owner, folder or None, *ages, bool(starred), newest, bool(hold), from_time(updated))

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it: ages in days, the time as ISO 8601."""
        ages = {"archive_after": _days(self.archive_after), "delete_after": _days(self.delete_after)}
        return asdict(self) | ages | {"updated_at": iso(self.updated_at)}


@dataclass(frozen=True, slots=True)
class PolicyOutcome:
    """What applying a policy did, or would do. What it kept are sessions whose time was up."""

    policy: RetentionPolicy
    archived: int = 0
    deleted: int = 0
    kept_starred: int = 0
    kept_newest: int = 0
    #: Sessions that a legal hold kept.
    held: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it."""
        return asdict(self) | {"policy": self.policy.to_dict()}


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """What applying all policies did, or would do."""

    #: By policy, in the order of owners and folders.
    outcomes: list[PolicyOutcome]
    #: Entries of the trash that were purged, as their time was up.
    purged: int = 0
    #: Entries of the trash that a legal hold kept from it.
    purged_not: int = 0

    @property
    def archived(self) -> int:
        """Sessions that were archived."""
        return sum(outcome.archived for outcome in self.outcomes)

    @property
    def deleted(self) -> int:
        """Sessions that went to the trash."""
        return sum(outcome.deleted for outcome in self.outcomes)

    @property
    def kept_starred(self) -> int:
        """Sessions that are kept as they are starred."""
        return sum(outcome.kept_starred for outcome in self.outcomes)

    @property
    def kept_newest(self) -> int:
        """Sessions that are kept as they are among the newest."""
        return sum(outcome.kept_newest for outcome in self.outcomes)

    @property
    def held(self) -> int:
        """Sessions that a legal hold kept."""
        return sum(outcome.held for outcome in self.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """The sums, and the outcome of each policy."""
        sums = ("archived", "deleted", "kept_starred", "kept_newest", "held", "purged", "purged_not")
        return {name: getattr(self, name) for name in sums} | {"outcomes": [each.to_dict() for each in self.outcomes]}


def _age(microseconds: int | None) -> timedelta | None:
    return None if microseconds is None else timedelta(microseconds=microseconds)


def _days(age: timedelta | None) -> float | None:
    return None if age is None else age / timedelta(days=1)


def age(field: str, value: object) -> int | None:
    """An age in microseconds, of a timedelta or of a number of days; None for never."""
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= LONGEST.days:
        value = timedelta(days=value)
    if not isinstance(value, timedelta) or not timedelta(0) <= value <= LONGEST:
        raise InvalidArgument(field, value, "a timedelta or a number of days, from 0 to 1000000 days; or None")
    return value // _MICROSECOND


def ages(archive_after: object, delete_after: object) -> dict[str, int | None]:
    """The columns of both ages: what is deleted sooner would never be archived."""
    archive, delete = age("archive_after", archive_after), age("delete_after", delete_after)
    if archive is not None and delete is not None and delete <= archive:
        raise InvalidArgument("delete_after", delete_after, "longer than archive_after")
    return {"archive_after": archive, "delete_after": delete}
