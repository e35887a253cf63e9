"""Numbered migrations: `NNNN_name.sql`, each applied with its record in one transaction."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ithaca.connection import Engine
from ithaca.errors import SchemaOutOfDate, SchemaTooNew


class Migration(NamedTuple):
    """One step: brings a database from `version - 1` to `version`."""

    version: int
    name: str
    sql: str


@cache
def migrations(engine: Engine) -> Sequence[Migration]:
    """Every step that this release knows, in order, numbered from 1 without a gap."""
    scripts = sorted(Path(__file__).with_name("migrations").joinpath(engine).glob("*.sql"))
    return tuple(_migration(script.name, script.read_text(encoding="utf-8")) for script in scripts)


def _migration(file: str, sql: str) -> Migration:
    number, _, name = file.removesuffix(".sql").partition("_")
    return Migration(int(number), name, sql)


def check_version(found: int, expected: int) -> None:
    """Raises unless the database is at the version that this release works on."""
    if found > expected:
        raise SchemaTooNew(found, expected)
    if found < expected:
        raise SchemaOutOfDate(found, expected)
