"""The examples are typed: what a reader copies passes his type checker."""

import subprocess
import sys
from pathlib import Path

import pytest
from sybil import Document
from sybil.parsers.markdown import CodeBlockParser

from tests.docs.test_examples import PAGES

pytest.importorskip("mypy")  # of those who develop it, not of those who only test it

#: What it asks of OpenAI's client has thirty types, which an example doesn't tell apart.
UNTYPED = {"openai-conversations"}


def test_the_examples_of_the_pages_pass_a_strict_type_checker(tmp_path: Path) -> None:
    for page in PAGES:
        document = Document.parse(str(page), CodeBlockParser("python"))
        examples = [str(example.parsed) for example in document.examples()]
        if examples and page.stem not in UNTYPED:
            (tmp_path / f"{page.stem.replace('-', '_')}.py").write_text("\n".join(examples), encoding="utf-8")
    # In a process of its own: it raises the recursion limit of the one that it runs in.
    options = ["--config-file=", "--strict", "--allow-untyped-defs", "--allow-untyped-calls"]
    places = [f"--cache-dir={tmp_path}/cache", f"--python-executable={sys.executable}", str(tmp_path)]
    checker = [sys.executable, "-m", "mypy"]
    found = subprocess.run([*checker, *options, *places], capture_output=True, text=True, check=False, timeout=300)
    assert (found.stdout.splitlines()[:-1], found.stderr, found.returncode) == ([], "", 0)
