"""What somebody types: lines with a history that outlives the program, and completion of commands."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ithaca.cli.here import Here

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

PROMPT = "› "


class Typed:
    """The lines, one after the other, until Ctrl-D. Ctrl-C empties a line, Alt-Enter (or Esc, Enter) breaks it."""

    def __init__(self, here: Here, commands: Mapping[str, Any]) -> None:
        self._prompt = _prompt(here, commands)

    def __iter__(self) -> Iterator[str]:
        while True:
            try:
                line = self._prompt.prompt(PROMPT).strip()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            if line:
                yield line


def _prompt(here: Here, commands: Mapping[str, Any]) -> "PromptSession[str]":
    try:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import WordCompleter
        from prompt_toolkit.history import FileHistory, InMemoryHistory
        from prompt_toolkit.key_binding import KeyBindings
    except ModuleNotFoundError as error:
        here.fail(f"A chat needs the package {error.name}: pip install 'ithaca[chat]'.")
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _(event: Any) -> None:
        event.current_buffer.insert_text("\n")

    history = InMemoryHistory() if here.incognito else FileHistory(str(history_file()))
    return PromptSession(
        history=history, completer=WordCompleter([f"/{name}" for name in commands], sentence=True),
        complete_while_typing=False, key_bindings=keys,
    )  # fmt: skip


def history_file() -> Path:
    """Where lines are kept that were typed: for its owner only, as it holds what was said."""
    from platformdirs import user_data_path

    file = user_data_path("ithaca", appauthor=False, ensure_exists=True) / "chat-history"
    file.touch(mode=0o600)
    return file
