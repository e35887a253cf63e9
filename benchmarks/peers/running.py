"""A store's program, started with a plan and listened to."""

import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

from benchmarks.peers.workloads import Plan

_CHECKOUT = Path(__file__).resolve().parents[2]


class ProgramFailed(Exception):
    """A store's program ended early, or was silent for too long; the text says where and why."""


def results(python: Path, module: str, plan: Plan, home: Path, log: Path, patience: float) -> Iterator[dict[str, Any]]:
    """What the store's program reports, line by line; its other output goes to `log`.

    `patience` is how many seconds it may be silent. Raises ProgramFailed.
    """
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [python, "-m", f"benchmarks.peers.{module}"],
            cwd=_CHECKOUT,
            env=_environment(home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield from _lines(process, plan, patience, log)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()


def _environment(home: Path) -> dict[str, str]:
    """Nothing of the caller's own, and no reports to the frameworks' makers."""
    quiet = {"AGNO_TELEMETRY": "false", "OPENAI_AGENTS_DISABLE_TRACING": "1", "LANGSMITH_TRACING": "false"}
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": str(home), "PYTHONWARNINGS": "ignore"} | quiet


def _lines(process: subprocess.Popen[str], plan: Plan, patience: float, log: Path) -> Iterator[dict[str, Any]]:
    entrance, exit_ = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
    entrance.write(json.dumps(asdict(plan)))
    entrance.close()
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_pass_on, args=(exit_, lines), daemon=True).start()
    doing = "starting"
    while True:
        try:
            line = lines.get(timeout=patience)
        except queue.Empty:
            raise ProgramFailed(f"said nothing for {patience:.0f} s while {doing}") from None
        if line is None:
            break
        found = json.loads(line)
        if found["kind"] == "begin":
            doing = found["workload"]
        else:
            yield found
    if process.wait():
        raise ProgramFailed(f"ended while {doing}: {_last_line(log)}")


def _pass_on(output: IO[str], lines: "queue.Queue[str | None]") -> None:
    for line in output:
        lines.put(line)
    lines.put(None)


def _last_line(log: Path) -> str:
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return said[-1] if said else "without a word"
