"""What was measured, and on what: versions and the machine, for whoever compares results."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import apsw

import ithaca

_CHECKOUT = Path(__file__).parent.parent


def described(folder: Path, postgres: str | None = None) -> dict[str, str]:
    """Date, versions, machine; `folder` is where the databases lie, `postgres` the server's version if one ran."""
    facts = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "ithaca": f"{ithaca.__version__} ({_commit()})",
        "Python": platform.python_version(),
        "SQLite": apsw.sqlite_lib_version(),
        "apsw": apsw.apsw_version(),
        "PostgreSQL": postgres or "",
        "psycopg": _version("psycopg"),
        "CPU": f"{_cpu()}, {os.cpu_count()} cores",
        "file system": _file_system(folder) or "not told",
        "kernel": f"{platform.system()} {platform.release()}",
        "load": f"{os.getloadavg()[2]:.1f} over the last 15 minutes" if hasattr(os, "getloadavg") else "",
    }
    return {name: fact for name, fact in facts.items() if fact}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    return _output("git", "describe", "--always", "--dirty") or "no git"


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, cwd=_CHECKOUT, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _cpu() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _file_system(folder: Path) -> str:
    """The kind of the file system that a folder lies on: that of the longest mount point above it."""
    mounts = [line.split()[1:3] for line in _lines(Path("/proc/mounts"))]
    above = [(point, kind) for point, kind in mounts if folder.resolve().is_relative_to(point)]
    return max(above, default=("", ""), key=lambda mount: len(mount[0]))[1]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
