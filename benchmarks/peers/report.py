"""What was measured, in words: lines as it happens, tables for a terminal and for the documentation, and JSON."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeAlias

from rich.table import Table

from benchmarks.outcomes import amount
from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.workloads import CHARACTERS

#: What is known about a store: what `measured` in `__main__` puts together.
Record: TypeAlias = Mapping[str, Any]

BEGIN, END = "<!-- peers -->", "<!-- /peers -->"

_DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_WORKLOADS = {
    "append": "append",
    "last": "last 50",
    "history": "whole history, read first",
    "again": "the same, read again",
    "kept": "all of one caller",
    "list": "newest 50 sessions",
    "own": "8 writers, own sessions",
    "shared": "8 writers, one session",
}
#: The columns after those of the appends.
_AFTER_APPENDS = ("last", "history", "again", "list", "own", "shared")
_FAULTS = {
    "lost": "lost",
    "doubled": "doubled",
    "unexpected": "that do not belong there",
    "disordered": "out of order",
    "stored_though_refused": "stored though refused",
    "refused": "refused with an error",
}
_LIST_FAULTS = {"lost": "missing", "unexpected": "older ones in their places", "disordered": "out of order"}
_SYNCHRONOUS = {"0": "off", "1": "normal", "2": "full", "3": "extra"}


class NoPlace(Exception):
    """A page has no markers for the table."""


def write(path: Path, records: Mapping[str, Record]) -> None:
    """Keep the records; those of other stores that the file holds already stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**read(path), **records}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Record]:
    """The records by the names of their stores; none if nothing has been measured yet."""
    if not path.exists():
        return {}
    records: dict[str, Record] = json.loads(path.read_text(encoding="utf-8"))
    return records


def insert(page: Path, text: str) -> None:
    """Put the text between the page's markers, in the place of what was there. Raises NoPlace."""
    whole = page.read_text(encoding="utf-8")
    before, begin, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NoPlace(f"{page} has no {BEGIN} … {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def line(name: str, result: Record) -> str:
    """One result, as it is shown when it is there."""
    what = _what(result)
    if reason := result.get("cannot"):
        return f"{name:<30}{what:<28}cannot: {reason}"
    if reason := result.get("failed"):
        return f"{name:<30}{what:<28}failed: {reason}"
    return f"{name:<30}{what:<28}" + (
        ", ".join(filter(None, [_speed(result), *_wrong(result)])) or "complete, in order"
    )


def table(database: str, records: Mapping[str, Record]) -> Table:
    """The stores on a database, side by side."""
    shown = Table(title=f"Stores on {_DATABASES[database]}", caption="median (p99)", show_lines=True)
    for number, heading in enumerate(_headings(_on(database, records))):
        shown.add_column(heading, overflow="fold", min_width=None if number else 22)
    for _, record in _on(database, records):
        shown.add_row(*_cells(record))
    return shown


def markdown(records: Mapping[str, Record]) -> str:
    """The tables and what a reader must know about them."""
    parts: list[str] = []
    for database, title in _DATABASES.items():
        found = _on(database, records)
        if not found:
            continue
        headings = _headings(found)
        rows = [headings, ["---"] * len(headings), *(_cells(record) for _, record in found)]
        parts += [f"**On {title}.** {_explained(found)}\n", *("| " + " | ".join(row) + " |" for row in rows), ""]
        parts += [f"- {about_store(record)}" for _, record in found] + [""]
    return "\n".join(parts)


def about_store(record: Record) -> str:
    """Versions, durability, and whatever else belongs to a store's figures, as an item of a Markdown list."""
    settings = {name: _setting(name, value) for name, value in record.get("settings", {}).items()}
    facts = [
        ", ".join(f"{name} {number}" for name, number in record.get("versions", {}).items()),
        ", ".join(f"`{name}={value}`" for name, value in settings.items()),
        *_remarks(record),
    ]
    quick = " (measured in haste)" if record["quick"] else ""
    return f"**{record['label']}**{quick}, {record['at']}: {'; '.join(filter(None, facts))}."


def _explained(found: list[tuple[str, Record]]) -> str:
    """How the table is to be read, and on what machine the newest of its rows was measured."""
    newest = max((record for _, record in found), key=lambda record: str(record["at"]))
    machine = newest.get("machine", {})
    facts = [machine[name] for name in ("CPU", "file system", "kernel") if name in machine]
    facts += [f"PostgreSQL {machine['PostgreSQL']}"] if newest["database"] == "postgresql" else []
    return (
        f"Median (p99); messages of {CHARACTERS} characters, one an append; histories of {max(newest['sizes']):,}"
        " messages, first by a store opened anew, then by the same again, unchanged. The writers are threads, or tasks"
        " where the store is made for asyncio. A dash: the store has no such call. A bare append is the floor's, before"
        f" and after the store was measured: if it differs much, so did the disk. {', '.join(facts)}."
    )


def _remarks(record: Record) -> Iterator[str]:
    if reason := record.get("failed"):
        yield f"failed: {reason}"
    said = set()
    for result in record["results"]:
        name = _WORKLOADS[result["workload"]]
        remarks = [f"cannot: {result['cannot']}"] if "cannot" in result else []
        remarks += [f"failed: {result['failed']}"] if "failed" in result else []
        remarks += [result["note"]] if "note" in result else []
        remarks += _wrong(result)
        remarks += [f"{error} ({count:,} times)" for error, count in result.get("errors", {}).items()]
        if result.get("complete") is False:
            remarks.append(f"stopped by the clock after {result['count']:,}")
        if remarks and (name, *remarks) not in said:
            said.add((name, *remarks))
            yield f"{name}: {', '.join(remarks)}"


def _on(database: str, records: Mapping[str, Record]) -> list[tuple[str, Record]]:
    order = [peer.name for peer in PEERS if peer.database == database]
    return [(name, records[name]) for name in order if name in records]


def _headings(found: Iterable[tuple[str, Record]]) -> list[str]:
    sizes = [f"append at {size:,}" for size in _sizes(found)]
    names = [_WORKLOADS[workload] for workload in _AFTER_APPENDS]
    return ["store", "bare append beside it", *sizes, *names, "lost · doubled · out of order · refused"]


def _sizes(found: Iterable[tuple[str, Record]]) -> list[int]:
    return max((record["sizes"] for _, record in found), default=[])


def _cells(record: Record) -> list[str]:
    results = record["results"]
    appends = [result for result in results if result["workload"] == "append"]
    by_name = {result["workload"]: result for result in results}
    others = [by_name.get(name) for name in _AFTER_APPENDS]
    floor = record["floor_us"]
    cells = [record["label"], f"{min(floor):.0f}–{max(floor):.0f} µs" if floor else "not reached"]
    cells += [_cell(result, size) for result, size in zip_longest(appends, record["sizes"])]
    return [*cells, *map(_cell, others), _all_faults(results)]


def _cell(result: Record | None, size: int | None = None) -> str:
    if result is None:
        return "not reached"
    if "cannot" in result:
        return "—"
    if "failed" in result:
        return "failed"
    shown = _speed(result)
    stored = result["stored"]
    return shown if size in (None, stored) else f"{shown} at {stored:,}"


def _speed(result: Record) -> str:
    if not result.get("count"):
        return "none" if "count" in result else ""
    middle, slow = (amount(result[quantity] / 1e6, "time") for quantity in ("median_us", "p99_us"))
    return f"{result['per_second']:,.0f}/s (p99 {slow})" if "per_second" in result else f"{middle} ({slow})"


def _all_faults(results: Iterable[Record]) -> str:
    messages = [result for result in results if result["workload"] != "list"]
    kinds = ("lost", "doubled", "disordered", "refused")
    return " · ".join(f"{sum(result.get(kind, 0) for result in messages):,}" for kind in kinds)


def _wrong(result: Record) -> list[str]:
    faults = _LIST_FAULTS if result["workload"] == "list" else _FAULTS
    found = [f"{result[kind]:,} {words}" for kind, words in faults.items() if result.get(kind)]
    return found + ([f"{result['retries']:,} tries anew"] if "retries" in result else [])


def _what(result: Record) -> str:
    name = _WORKLOADS[result["workload"]]
    return f"{name} at {result['stored']:,}" if result["workload"] == "append" else name


def _setting(name: str, value: str) -> str:
    return _SYNCHRONOUS.get(value, value) if name == "synchronous" else value
