"""`ithaca cleanup` and `ithaca db`."""

from pathlib import Path
from typing import Annotated

import typer

from ithaca.cli.arguments import option
from ithaca.cli.here import Here, command, group
from ithaca.cli.text import counted, in_a_line

database = group("The database itself: upgrade it, back it up, check it.")


def cleanup(
    here: Here,
    auto_archive_days: Annotated[
        float,
        option("--auto-archive-days", "Archive sessions that were not used for so many days; 30 unless told.", "N"),
    ] = 30,
    min_age_hours: Annotated[
        float, option("--min-age-hours", "Delete empty sessions that are older than so many hours; 1 unless told.", "N")
    ] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
) -> None:
    """Delete empty sessions and archive old ones.

    What is deleted goes to the trash; starred sessions stay as they are.
    """
    done = here.manager.cleanup_empty_sessions(auto_archive_days, min_age_hours, dry_run=dry_run)
    would = "Would move" if dry_run else "Moved"
    here.report(
        done,
        f"{would} {counted(done['deleted_empty'], 'empty session')} to the trash and"
        f" {'archive' if dry_run else 'archived'} {done['archived_old']:,} not used for a while,"
        f" of {done['total_checked']:,} looked at.",
    )


@command(database, "info")
def info(here: Here) -> None:
    """Tell which database this is, and what it holds."""
    found = here.manager.info()
    facts = {
        "Database": in_a_line(found.database),
        "Engine": f"{found.engine} {found.engine_version}",
        "Schema": f"version {found.schema_version}",
        "Sessions": f"{found.sessions:,}",
        "Size": f"{found.size_bytes:,} bytes",
    }
    here.report(found.to_dict(), "\n".join(f"{name:10}{fact}" for name, fact in facts.items()))


@command(database, "upgrade")
def upgrade(here: Here) -> None:
    """Bring the database to this release's schema. A new one is made."""
    from ithaca import read_settings, upgrade_database

    before, after = upgrade_database(read_settings(here.database).database)
    here.report(
        {"from": before, "to": after},
        f"The schema is at version {after} already."
        if before == after
        else f"Brought the schema from version {before} to {after}.",
    )


@command(database, "backup")
def backup(
    here: Here,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy, which must not be there yet.")],
) -> None:
    """Write a copy of a SQLite database. Others may read and write it meanwhile; PostgreSQL has pg_dump."""
    from ithaca import backup_database, read_settings

    size = backup_database(read_settings(here.database).database, file)
    here.report({"file": str(file), "bytes": size}, f"Wrote {size:,} bytes to {in_a_line(str(file))}.")


@command(database, "rotate-secret-keys")
def rotate_secret_keys(
    here: Here,
    new_key: Annotated[bool, typer.Option("--new-key", help="First put a new key into the key file.")] = False,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="In the end take the other keys away, unless something still needs one.")
    ] = False,
) -> None:
    """Encrypt headers and endpoints' keys anew. The first secret key does it.

    Other databases may use the same key file: rotate them as well before old keys are dropped.
    """
    from ithaca import read_settings
    from ithaca.secrets import drop_old_keys, put_new_key_first

    settings = read_settings(here.database)
    if new_key:
        put_new_key_first(settings)
    done = here.open_for_all(here.database).rotate_secret_keys()
    if drop_old and not done.unreadable:
        drop_old_keys(settings)
    counts = f"{counted(done.sessions + done.trashed, 'session')} and {counted(done.endpoints, 'secret')} of endpoints"
    here.report(done.to_dict(), f"Encrypted anew: {counts}.")
    if done.unreadable:
        here.fail(f"{counted(done.unreadable, 'value')} could not be opened with the keys at hand.")


@command(database, "verify")
def verify(here: Here) -> None:
    """Check what is stored, and name what is broken. It derives again what can be derived, so it reads everything."""
    problems = here.manager.verify()
    if here.json:
        here.write_json({"problems": [problem.to_dict() for problem in problems]})
    elif problems:
        from ithaca.cli.tables import show_problems

        show_problems(here, problems)
    else:
        here.say("Nothing is broken.")
    if problems:
        here.fail(f"{counted(len(problems), 'problem')} found.")
