"""Clean-up: what is empty goes, what is forgotten is archived, what is starred stays as it is."""

from datetime import timedelta

from tests.stateful.model.retention import Policies


class CleanUp(Policies):
    def cleanup_empty_sessions(
        self,
        scope: str | None,
        auto_archive_days: float = 30,
        min_age_hours: float = 1,
        *,
        dry_run: bool = False,
    ) -> dict[str, int]:
        checked = [s for s in self.in_scope(scope) if not s.is_important and not self.is_held(s)]
        empty = [s for s in checked if not s.history and s.updated_at < self.now - timedelta(hours=min_age_hours)]
        unused_since = self.now - timedelta(days=auto_archive_days)
        forgotten = [s for s in checked if s.history and not s.archived and s.last_accessed < unused_since]
        counts = {
            "deleted_empty": len(empty),
            "archived_old": len(forgotten),
            "total_checked": len(self.in_scope(scope)),
        }
        if not dry_run:
            self.remove(empty, "clean up")
            self.archive_forgotten(forgotten)
        return counts
