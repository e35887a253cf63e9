"""The replies of a manager that waits never make a thread wait for itself, nor for what has ended."""

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from ithaca import ManagerClosed, SessionManager
from ithaca.replies.threads import EngineThread
from tests.behaviour.replies.given import Held, make_asked
from tests.support.model_server import ModelServer

LEAVES = """
import sys
from ithaca import SessionManager
manager = SessionManager(sys.argv[1])
session = manager.create_session(name="Trip", endpoint_url=sys.argv[2], model="muse")
events = manager.reply(session.id, "Sing!")
print(next(events).kind, next(events).kind)
"""


def in_time(work: Callable[[], object]) -> bool:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


def test_a_script_that_holds_an_unfinished_answer_ends(tmp_path: Path, model: ModelServer) -> None:
    held = Held(model)
    script = [sys.executable, "-c", LEAVES, str(tmp_path / "a.db"), model.url]
    assert subprocess.run(script, timeout=30, capture_output=True, text=True, check=True).stdout == "begin text\n"
    held.go_on()


def test_an_abandoned_answer_is_collected_on_any_thread(alone: SessionManager, model: ModelServer) -> None:
    class View:
        def __init__(self) -> None:
            self.itself, self.events = self, alone.reply(session.id, "Sing!")

    held, session = Held(model), make_asked(alone, model)
    gc.disable()
    try:
        next(View().events)
        engine = alone._engines.of(alone._storage)
        assert in_time(lambda: engine.tell(lambda _: gc.collect()))
    finally:
        gc.enable()
    held.go_on()
    assert alone.wait_for_replies(10)


def test_whoever_asks_while_it_is_closed_is_told(alone: SessionManager) -> None:
    engine, asked, told = EngineThread(alone._storage), threading.Event(), list[ManagerClosed]()

    async def wait() -> None:
        asked.set()
        await asyncio.Event().wait()

    def ask() -> None:
        try:
            engine.ask(lambda _: wait())
        except ManagerClosed as closed:
            told.append(closed)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    assert asked.wait(10)
    assert in_time(engine.close)
    thread.join(10)
    assert len(told) == 1
    ask()
    assert len(told) == 2
