"""A copy of a SQLite file as it is at one moment, while others read and write it.

`VACUUM INTO` neither flushes what it wrote nor takes it away when it is interrupted
(https://sqlite.org/lang_vacuum.html#vacuuminto). So it writes a file of another name, which gets the backup's when all
of it is on the disk: what bears that name is whole.
"""

import os
import sys
from pathlib import Path
from typing import BinaryIO

import apsw

from ithaca.errors import DatabaseUnavailable, Described, InvalidArgument, NotAnIthacaDatabase
from ithaca.storage.sqlite import APPLICATION_ID
from ithaca.storage.sqlite_connection import translated


def backup(path: str, into: Path) -> int:
    """Writes the copy, readable by its owner only; returns its bytes."""
    part = into.with_name(into.name + ".part")
    if there := next((file for file in (into, part) if file.exists()), None):
        raise InvalidArgument("into", Described(f"{there.name}, which is there"), "a new file")
    try:
        with _private(part) as file:
            _copy(path, part)
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        part.rename(into)
        _flush_folder(into.parent)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise DatabaseUnavailable(f"{into}: {error.strerror}") from error
        raise
    return size


def _private(path: Path) -> BinaryIO:
    """A new file, which SQLite fills; readable by its owner only."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b")


def _copy(path: str, into: Path) -> None:
    try:
        db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)  # else a log that nobody has open is not read
    except apsw.Error as error:
        raise DatabaseUnavailable(f"{path}: {error}") from error
    try:
        if db.pragma("application_id") != APPLICATION_ID:
            raise NotAnIthacaDatabase(path, "it has other tables")
        db.execute("VACUUM INTO ?", [str(into)])
    except apsw.Error as error:
        raise translated(error) from error
    finally:
        db.close()


def _flush_folder(folder: Path) -> None:
    """Sees to it that the new name survives a power cut."""
    if sys.platform != "win32":  # there, a folder cannot be opened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
