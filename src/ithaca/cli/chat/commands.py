"""What begins with a slash."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ithaca.cli.text import in_a_line
from ithaca.errors import NotFound

if TYPE_CHECKING:
    from ithaca.cli.chat.talk import Talk

#: Hits of a search that are shown.
HITS = 10

#: Messages that are looked at for the last question.
BACK = 100


def run(talk: "Talk", line: str) -> bool:
    """Does what a line asks for; whether to go on."""
    name, _, rest = line[1:].partition(" ")
    if name in ("quit", "exit", "q"):
        return False
    if name in COMMANDS:
        COMMANDS[name](talk, rest.strip())
    else:
        talk.tell(f"/{name} is no command: /help names them.", "red")
    return True


def help_(talk: "Talk", _: str) -> None:
    """name what can be typed"""
    for name, command in COMMANDS.items():
        talk.tell(f"/{name:10}{command.__doc__}")
    talk.tell("Ctrl-C ends an answer and keeps it; Alt-Enter (or Esc, then Enter) begins another line; Ctrl-D ends.")


def model(talk: "Talk", name: str) -> None:
    """[MODEL]: ask another model from now on; without one, list those that there are"""
    session = talk.session
    if name:
        talk.manager.update_session(session.id, model=name)
        talk.tell(f"{name} answers from now on.")
        return
    for known in _models(talk, session.endpoint_url):
        talk.tell(f"{'●' if known == session.model else '○'} {known}")


def _models(talk: "Talk", where: str) -> list[str]:
    try:
        return talk.manager.list_endpoint_models(where, owner=talk.session.owner or None)
    except NotFound:  # a URL that isn't registered
        return [talk.session.model]


def retry(talk: "Talk", _: str) -> None:
    """answer anew; the former answer is kept as a version"""
    talk.answer(talk.manager.regenerate(talk.session_id))


def continue_(talk: "Talk", _: str) -> None:
    """go on with an answer that ended early"""
    talk.answer(talk.manager.continue_reply(talk.session_id))


def stop(talk: "Talk", _: str) -> None:
    """end an answer that another program shows; what it said is kept"""
    running = [reply for reply in talk.manager.list_replies(talk.session_id, limit=1) if reply.running]
    for reply in running:
        talk.manager.stop_reply(reply.id)
    talk.tell("Stopped." if running else "Nothing is being answered.")


def undo(talk: "Talk", _: str) -> None:
    """take the last question and its answer back; /redo brings them back"""
    messages = talk.manager.get_session(talk.session_id, last=BACK).history
    asked = next((number for number, each in reversed(list(enumerate(messages))) if each.role == "user"), None)
    if asked is None:
        talk.tell("There is no question to take back.")
        return
    talk.manager.delete_messages(talk.session_id, [str(message.id) for message in messages[asked:]])
    talk.tell(f"Took back: {in_a_line(str(messages[asked].content))[:80]}")


def redo(talk: "Talk", _: str) -> None:
    """bring back what was taken back, or removed otherwise"""
    talk.manager.undo(talk.session_id)
    talk.show()


def fork(talk: "Talk", name: str) -> None:
    """[NAME]: go on in a copy; the original stays as it is"""
    copy = talk.manager.fork_session(talk.session_id, **({"name": name} if name else {}))
    talk.tell(f"This is a copy of {talk.session_id} from now on.")
    talk.session_id = copy.id


def new(talk: "Talk", name: str) -> None:
    """[NAME]: begin another session, with the same model"""
    now = talk.session
    begun = talk.manager.create_session(
        name=name or "New chat", endpoint_url=now.endpoint_url, model=now.model, headers=now.headers,
        incognito=now.incognito, owner=now.owner,
    )  # fmt: skip
    talk.session_id = begun.id
    talk.tell("A new session begins.")


def search(talk: "Talk", text: str) -> None:
    """WORDS: find messages in all sessions"""
    from ithaca.cli.transcript import show_hits

    hits = list(islice(talk.manager.search(text, limit=HITS, incognito=talk.here.incognito), HITS)) if text else []
    if hits:
        show_hits(talk.here, hits)
    else:
        talk.tell("Nothing was found." if text else "Give words to look for.")


def export(talk: "Talk", file: str) -> None:
    """[FILE]: write the conversation as Markdown; a file that there is stays as it is"""
    from ithaca.cli.exporting import markdown

    path = Path(file).expanduser() if file else Path(f"{talk.session_id}.md")
    try:
        with path.open("x", encoding="utf-8") as out:
            for piece in markdown(talk.session, talk.manager.iter_messages(talk.session_id, attachments="reference")):
                out.write(piece)
    except OSError as error:
        talk.tell(f"{path}: {error.strerror}.", "red")
    else:
        talk.tell(f"Wrote {path}.")


COMMANDS: dict[str, Callable[["Talk", str], None]] = {
    "help": help_,
    "model": model,
    "retry": retry,
    "continue": continue_,
    "stop": stop,
    "undo": undo,
    "redo": redo,
    "fork": fork,
    "new": new,
    "search": search,
    "export": export,
}
