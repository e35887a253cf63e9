"""Pages over HTTP: `limit` and `cursor` in the query, the next page in the body and in `Link` (RFC 8288)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from operator import methodcaller
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response

from ithaca import Page
from ithaca.cursors import read_cursor, write_cursor
from ithaca.service.answers import Answer, written

T = TypeVar("T")

Limit = Annotated[int, Query(description="How many items at most.", ge=1)]
Cursor = Annotated[str | None, Query(description="The `cursor` of the page before.")]

#: Items of one answer, of what mostly are few.
MANY = 1000
Many = Annotated[int, Query(description="How many items at most.", ge=1, le=MANY)]


def page_answer(
    request: Request, page: Page[Any], as_json: Callable[[Any], dict[str, Any]] = methodcaller("to_dict")
) -> Answer:
    """`{"items": […], "cursor": …}`; a cursor of null ends the list."""
    items = [as_json(item) for item in page.items]
    return Answer.of({"items": items, "cursor": page.cursor}, link=next_link(request, page.cursor))


async def every(call: Callable[..., Awaitable[Page[T]]], cursor: str | None, **asked: Any) -> AsyncIterator[T]:
    """Every item from a cursor on, a page at a time."""
    while True:
        page = await call(**asked, cursor=cursor)
        for item in page:
            yield item
        cursor = page.cursor
        if cursor is None:
            return


class Parts:
    """Gives in parts what the library gives whole: lists of what people make by hand, and sums.

    It goes on after the item that was the last one; where that is gone, with the one that was next.
    """

    def __init__(self, request: Request, cursor: str | None, limit: int) -> None:
        self._request, self._cursor, self._limit = request, cursor, limit
        self._list = [request.scope["route"].path]

    def response(self, items: Iterable[Any], key: Callable[[Any], Any]) -> Response:
        """The part that is asked for, of items as JSON; a key tells one from all others."""
        whole = list(items)
        keys = [written(key(item)).decode() for item in whole]
        begin = self._begin(keys)
        end = begin + self._limit
        cursor = write_cursor(self._list, [*keys[end - 1 : end + 1], end]) if end < len(whole) else None
        link = next_link(self._request, cursor)
        return Answer.of({"items": whole[begin:end], "cursor": cursor}, link=link).response()

    def _begin(self, keys: list[str]) -> int:
        if self._cursor is None:
            return 0
        last, next, place = read_cursor(self._cursor, self._list, [str, str, int]).values()
        if last in keys:
            return keys.index(last) + 1
        return keys.index(next) if next in keys else max(place, 0)


async def in_parts(request: Request, cursor: Cursor = None, limit: Many = MANY) -> Parts:
    """Gives the part that is asked for."""
    return Parts(request, cursor, limit)


InParts = Annotated[Parts, Depends(in_parts)]


def next_link(request: Request, cursor: str | None) -> str | None:
    """The `Link` to the next page, if there is one."""
    return None if cursor is None else link(request, "next", cursor=cursor)


def link(request: Request, rel: str, **changes: Any) -> str:
    """A `Link` to this query with something changed; relative, so that it is right behind every proxy."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in changes]
    return f'<?{urlencode([*kept, *changes.items()])}>; rel="{rel}"'
