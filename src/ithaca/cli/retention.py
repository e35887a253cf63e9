"""`ithaca retention`: how long sessions are kept."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ithaca.cli.arguments import option
from ithaca.cli.here import Here, command, group
from ithaca.cli.text import counted, in_a_line

if TYPE_CHECKING:
    from ithaca import RetentionPolicy, RetentionReport

app = group("How long sessions are kept without use, and legal holds.")

Folder = Annotated[
    str | None, option("--folder", "The policy of this folder; otherwise of all that have none of their own.", "FOLDER")
]


@command(app, "list")
def list_(here: Here) -> None:
    """List the policies."""
    policies = here.manager.list_retention()
    if here.json:
        here.write_json({"items": [policy.to_dict() for policy in policies]})
    else:
        from ithaca.cli.tables import Column, show

        columns = [
            Column("Owner", lambda policy: policy.owner or "nobody"),
            Column("Folder", lambda policy: policy.folder or "all others", yields=True),
            Column("Archived after", lambda policy: _age(policy.archive_after), right=True),
            Column("Deleted after", lambda policy: _age(policy.delete_after), right=True),
            Column("Kept", _kept),
            Column("Legal hold", lambda policy: "on hold" if policy.legal_hold else ""),
        ]
        show(here, columns, policies, "No policies.")


@command(app, "set")
def set_(
    here: Here,
    folder: Folder = None,
    archive_after: Annotated[
        float | None, option("--archive-after", "Archive after so many days without use.", "DAYS")
    ] = None,
    delete_after: Annotated[
        float | None, option("--delete-after", "Delete after so many days without use.", "DAYS")
    ] = None,
    keep_starred: Annotated[
        bool, typer.Option("--keep-starred/--starred-too", help="Whether starred sessions stay; they do unless told.")
    ] = True,
    keep_newest: Annotated[int, option("--keep-newest", "Keep so many, the last active ones.", "N")] = 0,
    legal_hold: Annotated[
        bool | None,
        typer.Option("--hold/--lift-hold", help="Put a legal hold, or lift it; otherwise it stays as it is."),
    ] = None,
) -> None:
    """Set the policy of an owner's folder. What is not given is not asked for any more, but for a hold.

    Nothing happens until `ithaca retention apply`.
    """
    from ithaca import SessionManager
    from ithaca.arguments import UNSET

    # A manager that is confined to the owner could neither put nor lift a hold.
    with SessionManager(here.database) as manager:
        policy = manager.set_retention(
            owner=here.owner, folder=folder, archive_after=archive_after, delete_after=delete_after,
            keep_starred=keep_starred, keep_newest=keep_newest, legal_hold=UNSET if legal_hold is None else legal_hold,
        )  # fmt: skip
    here.report(policy.to_dict(), f"Set the policy of {_name(policy)}.")


@command(app, "delete")
def delete(here: Here, folder: Folder = None) -> None:
    """Delete a policy. A legal hold has to be lifted first."""
    from ithaca import SessionManager

    with SessionManager(here.database) as manager:
        manager.delete_retention(owner=here.owner, folder=folder)
    here.report({"deleted": True}, "Deleted the policy.")


@command(app, "apply")
def apply(
    here: Here,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    batch: Annotated[int, option("--batch", "Sessions in one transaction; 200 unless told.", "N")] = 200,
) -> None:
    """Do what all policies say now. The trash is purged, too, of what it has kept for its time."""
    report = here.manager.apply_retention(dry_run=dry_run, batch=batch)
    here.report(report.to_dict(), _told(report, dry_run))


def _told(report: "RetentionReport", dry_run: bool) -> str:
    would = "Would move" if dry_run else "Moved"
    done = (
        f"{would} {counted(report.deleted, 'session')} to the trash, {'archive' if dry_run else 'archived'}"
        f" {report.archived:,}, and {'purge' if dry_run else 'purged'} {counted(report.purged, 'operation')} from it."
    )
    kept = {"starred": report.kept_starred, "among the newest": report.kept_newest, "on legal hold": report.held}
    reasons = ", ".join(f"{number:,} {why}" for why, number in kept.items() if number)
    return f"{done} Kept: {reasons}." if reasons else done


def _name(policy: "RetentionPolicy") -> str:
    whose = f"owner {in_a_line(policy.owner)}" if policy.owner else "what nobody owns"
    return whose if policy.folder is None else f"{whose}, folder {in_a_line(policy.folder)}"


def _age(age: timedelta | None) -> str:
    return "" if age is None else f"{age / timedelta(days=1):g} days"


def _kept(policy: "RetentionPolicy") -> str:
    kept = ["starred"] if policy.keep_starred else []
    return ", ".join([*kept, f"newest {policy.keep_newest:,}"] if policy.keep_newest else kept)
