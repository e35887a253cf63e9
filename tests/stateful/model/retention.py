"""Retention: which sessions' time is up, and what keeps them; holds; the end of what is in the trash."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ithaca.arguments import UNSET, Unset
from ithaca.errors import InvalidArgument, LegalHold, RetentionNotFound
from tests.stateful.model.kept import Clock, News, Session, owner_of_new
from tests.stateful.model.recovery import Recovery

#: How long the trash keeps what was removed.
KEPT = timedelta(days=30)


@dataclass
class Policy:
    owner: str
    folder: str | None
    archive_after: timedelta | None
    delete_after: timedelta | None
    keep_starred: bool
    keep_newest: int
    legal_hold: bool
    updated_at: datetime


class Policies(Recovery):
    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        #: By owner and folder, "" for those without one of their own.
        self.policies: dict[tuple[str, str], Policy] = {}

    def set_retention(
        self,
        scope: str | None,
        *,
        owner: str | None,
        folder: str | None,
        archive_after: timedelta | None,
        delete_after: timedelta | None,
        keep_starred: bool,
        keep_newest: int,
        legal_hold: bool | Unset = UNSET,
    ) -> Policy:
        owner = owner_of_new(scope, owner)
        if archive_after is not None and delete_after is not None and delete_after <= archive_after:
            raise InvalidArgument("delete_after", delete_after, "longer")
        before = self.policies.get((owner, folder or ""))
        hold = before is not None and before.legal_hold
        if not isinstance(legal_hold, Unset) and legal_hold != hold:
            if scope is not None:
                raise InvalidArgument("legal_hold", legal_hold, "left alone")
            hold = legal_hold
        policy = Policy(owner, folder, archive_after, delete_after, keep_starred, keep_newest, hold, self.now)
        self.policies[owner, folder or ""] = policy
        return policy

    def delete_retention(self, scope: str | None, *, owner: str | None, folder: str | None) -> None:
        owner = owner_of_new(scope, owner)
        policy = self.policies.get((owner, folder or ""))
        if policy is None:
            raise RetentionNotFound(owner, folder)
        if policy.legal_hold:
            raise LegalHold(owner)
        del self.policies[owner, folder or ""]

    def list_retention(self, scope: str | None) -> list[Policy]:
        return [policy for (owner, _), policy in sorted(self.policies.items()) if scope in (None, owner)]

    def is_held(self, session: Session) -> bool:
        found = [self.policies.get((session.owner, folder)) for folder in {"", session.folder or ""}]
        return any(policy is not None and policy.legal_hold for policy in found)

    def owner_is_held(self, owner: str) -> bool:
        return any(policy.legal_hold for policy in self.policies.values() if policy.owner == owner)

    def apply_retention(self, scope: str | None, *, dry_run: bool, batch: int) -> list[dict[str, Any]]:
        """For each policy the counts of a `PolicyOutcome`."""
        outcomes = [self.outcome(policy) for policy in self.list_retention(scope)]
        counts = [{name: len(sessions) for name, sessions in outcome.items()} for outcome in outcomes]
        if not dry_run:
            for outcome in outcomes:
                for start in range(0, len(outcome["deleted"]), batch):
                    self.remove(outcome["deleted"][start : start + batch], "retention")
                self.archive_forgotten(outcome["archived"])
            self.purge_what_is_old(scope)
        return counts

    def archive_forgotten(self, sessions: list[Session]) -> None:
        """A change, though not a use."""
        for session in sessions:
            session.archived = True
            session.revision += 1
            session.updated_at = self.now
            self.tell(session, "archived")

    def outcome(self, policy: Policy) -> dict[str, list[Session]]:
        governed = [session for session in self.in_scope(policy.owner) if self.policy_of(session) is policy]
        governed.sort(key=lambda session: (session.active_at, session.id))
        newest = governed[len(governed) - policy.keep_newest :] if policy.keep_newest <= len(governed) else governed
        found: dict[str, list[Session]] = {
            name: [] for name in ("held", "kept_starred", "kept_newest", "deleted", "archived")
        }
        for session in governed:
            fate = self.fate(policy, session)
            if fate is None:
                continue
            if self.is_held(session):
                fate = "held"
            elif policy.keep_starred and session.is_important:
                fate = "kept_starred"
            elif session in newest:
                fate = "kept_newest"
            found[fate].append(session)
        return found

    def policy_of(self, session: Session) -> Policy | None:
        own = self.policies.get((session.owner, session.folder or ""))
        return own or self.policies.get((session.owner, ""))

    def fate(self, policy: Policy, session: Session) -> str | None:
        """What its age alone would do to a session."""
        unused = self.now - max(session.active_at, session.last_accessed)
        if policy.delete_after is not None and unused > policy.delete_after:
            return "deleted"
        if policy.archive_after is not None and unused > policy.archive_after and not session.archived:
            return "archived"
        return None

    def purge(self, scope: str | None, number: int) -> tuple[int, int, int]:
        for entry in self.listed(scope):
            if entry.number == number and self.owner_is_held(entry.owner):
                raise LegalHold(entry.owner)
        return super().purge(scope, number)

    def erase_owner(self, scope: str | None, owner: str) -> None:
        owner_of_new(scope, owner)
        if self.owner_is_held(owner):
            raise LegalHold(owner)
        for kept in (self.sessions, self.documents, self.policies):
            for key in [key for key in kept if key[0] == owner]:
                del kept[key]  # type: ignore[attr-defined]
        self.trash = [entry for entry in self.trash if entry.owner != owner]
        self.news = [news for news in self.news if news.owner != owner or news.kind == "erased"]
        self.news.append(News(owner, "", "erased", 0))

    def purge_what_is_old(self, scope: str | None) -> None:
        for entry in self.listed(scope):
            if entry.created_at <= self.now - KEPT and not self.owner_is_held(entry.owner):
                super().purge(entry.owner, entry.number)
