"""`/api/markdown`: a text as HTML that can do nothing."""

import asyncio

from fastapi import APIRouter, Request, Response
from pydantic import Field

from ithaca.content import text_size
from ithaca.errors import InvalidArgument
from ithaca.service.access import Asking, service_of
from ithaca.service.answers import Answer
from ithaca.service.strict import Route
from ithaca.service.wire.base import Body
from ithaca.service.wire.shapes import Shape

router = APIRouter(prefix="/api", tags=["messages"], route_class=Route)


class Text(Body):
    """A text in Markdown."""

    text: str = Field(examples=["*When* does the ferry leave?"])
    lines: bool = Field(False, description="Each line is one, as people write in a chat.")


class Html(Shape):
    """What it says."""

    html: str


@router.post("/markdown", response_model=Html)
async def render(request: Request, _: Asking, body: Text) -> Response:
    """A text as clean HTML, as messages have theirs. It changes nothing, so it may be sent again without a key."""
    text_size("text", body.text, InvalidArgument)
    markdown = service_of(request).markdown
    return Answer.of({"html": await asyncio.to_thread(markdown.html, body.text, lines=body.lines)}).response()
