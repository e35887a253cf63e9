"""Two hundred replies at once, on one event loop: each is stored as it was said."""

import asyncio
import threading

from ithaca import AsyncSessionManager, SessionManager
from tests.behaviour.replies.given import make_asked
from tests.support.model_server import Answer, Asked, ModelServer, said

HOW_MANY = 200


def words(number: str) -> list[str]:
    return [f"{number}-{n} 🏛 " for n in range(12)]


def test_two_hundred_at_once(database_url: str, model: ModelServer) -> None:
    all_there = threading.Barrier(HOW_MANY)

    def answer(asked: Asked) -> Answer:
        all_there.wait(60)
        parts = said(*words(asked.json["messages"][-1]["content"]))
        return Answer(tuple(parts), headers={"content-type": "text/event-stream"})

    model.answer_by(answer)
    with SessionManager(database_url) as manager:
        ids = [make_asked(manager, model).id for _ in range(HOW_MANY)]
        heard = asyncio.run(ask_all(database_url, ids))
        assert heard == ["".join(words(str(number))) for number in range(HOW_MANY)]
        assert [manager.get_session(id, last=1).history[0].content for id in ids] == heard
        assert manager.verify() == []


async def ask_all(url: str, ids: list[str]) -> list[str]:
    async with AsyncSessionManager(url) as manager:
        return await asyncio.gather(*(listen(manager, id, str(number)) for number, id in enumerate(ids)))


async def listen(manager: AsyncSessionManager, session_id: str, content: str) -> str:
    return "".join([event.text async for event in manager.reply(session_id, content) if event.kind == "text"])
