"""Pages over HTTP: `limit` and `cursor` in the query, the next page in the body and in `Link` (RFC 8288)."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request

from ithaca import Page
from ithaca.service.answers import Answer

Limit = Annotated[int, Query(description="How many items at most.", ge=1)]
Cursor = Annotated[str | None, Query(description="The `cursor` of the page before.")]


def page_answer(request: Request, page: Page[Any]) -> Answer:
    """`{"items": […], "cursor": …}`; a cursor of null ends the list."""
    items = [item.to_dict() for item in page.items]
    return Answer.of({"items": items, "cursor": page.cursor}, link=next_link(request, cursor=page.cursor))


def next_link(request: Request, **changes: Any) -> str | None:
    """The `Link` to the next page: this query with something changed; None where a change is None."""
    if None in changes.values():
        return None
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in changes]
    return f'<?{urlencode([*kept, *changes.items()])}>; rel="next"'  # relative: right behind every proxy
