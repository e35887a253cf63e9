"""Items in a session: one, or a page of them."""

from typing import NamedTuple

from ithaca import AsyncSessionManager, ChatMessage, MessageNotFound
from ithaca.arguments import Reading
from ithaca.service.openai.items import Item
from ithaca.service.openai.ordinary import holder_of, items_of


class Found(NamedTuple):
    """An item, the message that it is of, and its place among that one's items."""

    message: ChatMessage
    items: list[Item]
    place: int

    @property
    def item(self) -> Item:
        return self.items[self.place]


async def find(manager: AsyncSessionManager, session_id: str, item_id: str, attachments: Reading = "inline") -> Found:
    """An item. Raises `MessageNotFound`, `SessionNotFound`."""
    for message_id in filter(None, (item_id, holder_of(item_id))):
        try:
            message = await manager.get_message(session_id, message_id, attachments=attachments)
        except MessageNotFound:
            continue
        items = items_of(message)
        for place, item in enumerate(items):
            if item["id"] == item_id:
                return Found(message, items, place)
    raise MessageNotFound(session_id, item_id)


async def page(
    manager: AsyncSessionManager, session_id: str, after: str | None, limit: int, *, newest_first: bool
) -> tuple[list[Item], bool]:
    """The first items after one, and whether there are more."""
    items, seq = await _rest(manager, session_id, after, newest_first) if after is not None else ([], None)
    # A message has an item at least, so no more of them are needed; one more tells whether it goes on.
    if newest_first:
        messages = await manager.get_messages(session_id, before=seq, limit=limit + 1)
        messages.reverse()
    else:
        messages = await manager.get_messages(session_id, after=seq or 0, limit=limit + 1)
    for message in messages:
        items += _in_order(items_of(message), newest_first)
    return items[:limit], len(items) > limit


async def _rest(
    manager: AsyncSessionManager, session_id: str, after: str, newest_first: bool
) -> tuple[list[Item], int | None]:
    """The items behind one in its own message, and that message's number."""
    found = await find(manager, session_id, after)
    behind = found.items[: found.place] if newest_first else found.items[found.place + 1 :]
    return _in_order(behind, newest_first), found.message.seq


def _in_order(items: list[Item], newest_first: bool) -> list[Item]:
    return items[::-1] if newest_first else items
