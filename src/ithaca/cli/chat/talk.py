"""The conversation itself: what is typed, what is answered, and the commands that begin with a slash."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.markdown import Markdown
from rich.text import Text

from ithaca.cli.here import Here, standard_input
from ithaca.cli.text import in_a_line, in_lines
from ithaca.errors import IthacaError

if TYPE_CHECKING:
    from ithaca import ChatMessage, Reply, ReplyEvent, Session, SessionManager

#: Messages that are shown when a conversation is gone on with.
SHOWN = 6

#: Seconds that a title, which comes after the first answer, is waited for in the end.
TITLE = 5.0

#: How an answer that isn't complete is told to have ended.
ENDS = {
    "stopped": "(stopped; what was said is kept)",
    "interrupted": "(interrupted; what was said is kept: /continue goes on, /retry asks again)",
}


class Talk:
    """A session, and somebody at a terminal."""

    def __init__(self, here: Here, session: "Session") -> None:
        self.here = here
        self.session_id = session.id

    @property
    def manager(self) -> "SessionManager":
        return self.here.manager

    @property
    def session(self) -> "Session":
        """As it stands, without its messages."""
        return self.manager.get_session(self.session_id, last=0)

    def run(self) -> None:
        """Until Ctrl-D or /quit; or one question from a pipe."""
        if not sys.stdin.isatty():
            question = standard_input().read().decode(errors="replace").strip()
            if question:
                self.answer(self.manager.reply(self.session_id, question))
            self.manager.wait_for_replies(TITLE)
            return
        from ithaca.cli.chat.commands import COMMANDS
        from ithaca.cli.chat.typed import Typed

        self.show()
        for line in Typed(self.here, COMMANDS):
            if not self._do(line):
                break
        self.manager.wait_for_replies(TITLE)
        self.here.say(f"Go on with: ithaca chat {self.session_id}")

    def _do(self, line: str) -> bool:
        """Whether to go on. What goes wrong is told, and the conversation goes on."""
        from ithaca.cli.chat.commands import run

        try:
            if line.startswith("/"):
                return run(self, line)
            self.answer(self.manager.reply(self.session_id, line))
        except IthacaError as error:
            self.tell(str(error), "red")
        except KeyboardInterrupt:
            pass
        return True

    def tell(self, text: str, style: str = "dim") -> None:
        """A line of ours."""
        self.here.console.print(Text(in_lines(text), style))

    # Showing

    def show(self) -> None:
        """What was said last, and what is still being said."""
        session = self.manager.get_session(self.session_id, last=SHOWN)
        self.tell(f"{session.name} · {session.model} at {session.endpoint_url} · /help")
        for message in session.history:
            self._show(message)
        running = [reply for reply in self.manager.list_replies(self.session_id, limit=1) if reply.running]
        if running:
            self.answer(self.manager.reply_events(running[0].id), ours=False)

    def _show(self, message: "ChatMessage") -> None:
        says = message.content if isinstance(message.content, str) else "(images or files)" if message.content else ""
        if message.role == "assistant":
            self.here.console.print(Markdown(in_lines(says)))
            self._tell_end(message.metadata.get("state"), message.metadata.get("error"))
        else:
            self.here.console.print(Text(f"{'›' if message.role == 'user' else message.role} {in_lines(says)}", "bold"))

    def _tell_end(self, state: Any, error: Any) -> None:
        if state == "failed":
            words = error.get("words", "") if isinstance(error, dict) else ""
            self.tell(f"(failed: {words})", "red")
        elif state in ENDS:
            self.tell(ENDS[state], "yellow")
        else:
            self.here.console.print()

    # Answering

    def answer(self, events: "Iterator[ReplyEvent]", *, ours: bool = True) -> None:
        """Shows an answer as it comes. Ctrl-C ends it and keeps it; of one that is not `ours`, only the showing."""
        begun = next(events, None)
        if begun is None or begun.reply is None:
            return
        if not self.here.watched:
            self._write(begun.reply, events)
            return
        try:
            ended = self._draw(begun.reply, events, ours)
        except KeyboardInterrupt:  # it came while something was drawn, not while the next piece was waited for
            if not ours:
                raise
            ended = self.manager.stop_reply(begun.reply.id)
        if ended is not None:
            self._tell_end(ended.state, ended.error)

    def _draw(self, reply: "Reply", events: "Iterator[ReplyEvent]", ours: bool) -> "Reply | None":
        from ithaca.cli.chat.streaming import Streaming

        with Streaming(self.here.console) as shown:
            for event in self._until_stopped(reply, events, ours):
                if event.kind == "text":
                    shown.say(event.text)
                elif event.kind == "reasoning":
                    shown.think(event.text)
                elif event.tool_call is not None:
                    shown.note(_called(event.tool_call))
                elif event.kind == "end":
                    return event.reply
        return None

    def _write(self, reply: "Reply", events: "Iterator[ReplyEvent]") -> None:
        for event in self._until_stopped(reply, events, ours=True):
            sys.stdout.write(in_lines(event.text) if event.kind == "text" else "")
            sys.stdout.flush()
            if event.kind == "end" and event.reply is not None:
                sys.stdout.write("\n")
                if event.reply.state != "complete":
                    self.here.fail(f"The answer is {event.reply.state}. {(event.reply.error or {}).get('words', '')}")

    def _until_stopped(self, reply: "Reply", events: "Iterator[ReplyEvent]", ours: bool) -> "Iterator[ReplyEvent]":
        """The events; after Ctrl-C, the reply is stopped, and what it had said by then comes still."""
        offset = 0
        try:
            for event in events:
                offset = event.offset
                yield event
        except KeyboardInterrupt:
            if not ours:
                raise
            self.manager.stop_reply(reply.id)
            yield from (e for e in self.manager.reply_events(reply.id, after=offset) if e.kind != "begin")


def _called(call: dict[str, Any]) -> str:
    function = call.get("function") or {}
    return in_a_line(f"→ {function.get('name')}({function.get('arguments')})")
