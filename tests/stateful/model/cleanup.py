"""Clean-up: what is empty goes, what is forgotten is archived, what is starred stays as it is."""

from datetime import timedelta

from tests.stateful.model.kept import Session
from tests.stateful.model.sessions import Sessions


class CleanUp(Sessions):
    def cleanup_empty_sessions(
        self,
        scope: str | None,
        auto_archive_days: float = 30,
        min_age_hours: float = 1,
        *,
        dry_run: bool = False,
    ) -> dict[str, int]:
        checked = [session for session in self.in_scope(scope) if not session.is_important]
        empty = [s for s in checked if not s.history and s.updated_at < self.now - timedelta(hours=min_age_hours)]
        unused_since = self.now - timedelta(days=auto_archive_days)
        forgotten = [s for s in checked if s.history and not s.archived and s.last_accessed < unused_since]
        counts = {
            "deleted_empty": len(empty),
            "archived_old": len(forgotten),
            "total_checked": len(self.in_scope(scope)),
        }
        if not dry_run:
            self.remove(empty)
            self.archive_forgotten(forgotten)
        return counts

    def archive_forgotten(self, sessions: list[Session]) -> None:
        """A change, though not a use."""
        for session in sessions:
            session.archived = True
            session.revision += 1
            session.updated_at = self.now
