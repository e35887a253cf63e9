"""Pages over HTTP: `limit` and `cursor` in the query, the next page in the body and in `Link` (RFC 8288)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from operator import methodcaller
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Request

from ithaca import Page
from ithaca.service.answers import Answer

T = TypeVar("T")

Limit = Annotated[int, Query(description="How many items at most.", ge=1)]
Cursor = Annotated[str | None, Query(description="The `cursor` of the page before.")]


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


def next_link(request: Request, cursor: str | None) -> str | None:
    """The `Link` to the next page, if there is one."""
    return None if cursor is None else link(request, "next", cursor=cursor)


def link(request: Request, rel: str, **changes: Any) -> str:
    """A `Link` to this query with something changed; relative, so that it is right behind every proxy."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in changes]
    return f'<?{urlencode([*kept, *changes.items()])}>; rel="{rel}"'
