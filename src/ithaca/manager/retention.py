"""The calls about how long sessions are kept."""

from dataclasses import replace
from datetime import timedelta

from ithaca.arguments import UNSET, Unset
from ithaca.content import whole
from ithaca.manager.base import documented_by
from ithaca.manager.recovery import PURGE_BATCH, AsyncPurging, Purging
from ithaca.operations import policies, repeats
from ithaca.operations.policies import START, Action, Mark
from ithaca.retention import PolicyOutcome, RetentionPolicy, RetentionReport

#: Deleting goes first: what is deleted need not be archived.
ACTIONS: tuple[Action, ...] = ("delete", "archive")

#: Sessions that may be asked for in one transaction.
LARGEST_BATCH = 10_000


class Retention(Purging):
    """The calls about how long sessions are kept."""

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
    ) -> RetentionPolicy:
        """The policy of an owner's folder, in the place of the one before; nothing happens until it is applied.

        Without a folder, it is for the sessions of every folder that has no policy of its own. Ages are without use
        (no change, no reading, no message), as timedelta or in days; None is never. Spared are starred sessions, and
        the `keep_newest` last active ones. Under a legal hold, retention and clean-up leave the sessions alone, those
        of all folders if it is the policy without a folder, and nothing of the owner can be purged or erased. It
        stays until it is lifted by `legal_hold=False`; a manager that is confined to an owner can't put or lift it.
        Raises `InvalidArgument`.
        """
        place, columns = (
            self._door.retention_place(owner, folder),
            self._door.retention(archive_after, delete_after, keep_starred, keep_newest),
        )
        hold = self._door.hold(legal_hold)
        return self._storage.write(policies.set_policy, self._door.scope, place | columns, hold)

    def list_retention(self, *, owner: str | None = None) -> list[RetentionPolicy]:
        """Every policy, or an owner's, in the order of owners and folders."""
        of_owner = None if owner is None else self._door.owner_filter(owner)
        return self._storage.read(policies.list_policies, self._door.scope, of_owner)

    def delete_retention(self, *, owner: str | None = None, folder: str | None = None) -> None:
        """Deletes a policy. Raises `RetentionNotFound`; `LegalHold` for a hold, which has to be lifted first."""
        place = self._door.retention_place(owner, folder)
        self._storage.write(policies.delete_policy, self._door.scope, place)

    def apply_retention(self, *, dry_run: bool = False, batch: int = 200) -> RetentionReport:
        """Does what all policies say now, and purges the trash of what it has kept for its time.

        In transactions of at most `batch` sessions, so that no other writer waits for long; it can be interrupted at
        any time and run again. What is deleted goes to the trash, an entry for each batch, from which `restore` and
        `undo` bring it back. Nothing on legal hold is touched. The file of a SQLite database is not written anew, as
        `purge` does, so that traces of what was purged may stay in it until then. With `dry_run`, nothing is done
        but told.
        """
        door, batch, dry_run = self._door, whole("batch", batch, 1, LARGEST_BATCH), self._door.dry_run(dry_run)
        now, before = door.scope.clock(), door.purged_before(None)
        outcomes = [
            self._storage.read(policies.survey, door.scope, policy, now)
            for policy in self._storage.read(policies.list_policies, door.scope, None)
        ]
        purged, held = self._storage.read(policies.purgeable, door.scope, before)
        if not dry_run:
            outcomes = [self._apply_policy(outcome, now, batch) for outcome in outcomes]
            if (erased := self._purge_older(before)).total:
                self._scrub(erased, anew=False)
            while self._storage.write(repeats.tidy, door.scope, PURGE_BATCH) == PURGE_BATCH:
                pass
        return RetentionReport(outcomes, purged, held)

    def _apply_policy(self, foreseen: PolicyOutcome, now: int, batch: int) -> PolicyOutcome:
        counts = dict.fromkeys(ACTIONS, 0)
        for action in ACTIONS:
            mark: Mark | None = START
            while mark is not None:
                call = (self._door.scope, foreseen.policy, action, now, mark, batch)
                done, mark = self._storage.write(policies.apply_some, *call)
                counts[action] += done
        return replace(foreseen, archived=counts["archive"], deleted=counts["delete"])


@documented_by(Retention)
class AsyncRetention(AsyncPurging):
    """The calls about how long sessions are kept."""

    async def set_retention(
        self,
        *,
        owner: str | None = None,
        folder: str | None = None,
        archive_after: timedelta | float | None = None,
        delete_after: timedelta | float | None = None,
        keep_starred: bool = True,
        keep_newest: int = 0,
        legal_hold: bool | Unset = UNSET,
    ) -> RetentionPolicy:
        place, columns = (
            self._door.retention_place(owner, folder),
            self._door.retention(archive_after, delete_after, keep_starred, keep_newest),
        )
        hold = self._door.hold(legal_hold)
        return await self._storage.write(policies.set_policy, self._door.scope, place | columns, hold)

    async def list_retention(self, *, owner: str | None = None) -> list[RetentionPolicy]:
        of_owner = None if owner is None else self._door.owner_filter(owner)
        return await self._storage.read(policies.list_policies, self._door.scope, of_owner)

    async def delete_retention(self, *, owner: str | None = None, folder: str | None = None) -> None:
        place = self._door.retention_place(owner, folder)
        await self._storage.write(policies.delete_policy, self._door.scope, place)

    async def apply_retention(self, *, dry_run: bool = False, batch: int = 200) -> RetentionReport:
        door, batch, dry_run = self._door, whole("batch", batch, 1, LARGEST_BATCH), self._door.dry_run(dry_run)
        now, before = door.scope.clock(), door.purged_before(None)
        outcomes = [
            await self._storage.read(policies.survey, door.scope, policy, now)
            for policy in await self._storage.read(policies.list_policies, door.scope, None)
        ]
        purged, held = await self._storage.read(policies.purgeable, door.scope, before)
        if not dry_run:
            outcomes = [await self._apply_policy(outcome, now, batch) for outcome in outcomes]
            if (erased := await self._purge_older(before)).total:
                await self._scrub(erased, anew=False)
            while await self._storage.write(repeats.tidy, door.scope, PURGE_BATCH) == PURGE_BATCH:
                pass
        return RetentionReport(outcomes, purged, held)

    async def _apply_policy(self, foreseen: PolicyOutcome, now: int, batch: int) -> PolicyOutcome:
        counts = dict.fromkeys(ACTIONS, 0)
        for action in ACTIONS:
            mark: Mark | None = START
            while mark is not None:
                call = (self._door.scope, foreseen.policy, action, now, mark, batch)
                done, mark = await self._storage.write(policies.apply_some, *call)
                counts[action] += done
        return replace(foreseen, archived=counts["archive"], deleted=counts["delete"])
