"""How large the body of a request may be."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Uploads, which are taken in as they come and have a limit of their own.
_UPLOADS = ("POST", "/api/attachments")


class LimitedBodies:
    """Refuses a body that is too large: at its `Content-Length`, or as soon as more has come."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"], scope["path"]) == _UPLOADS:
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"")
        left = self._most

        async def limited() -> Message:
            nonlocal left
            if length.isdigit() and int(length) > self._most:
                raise self._too_large()
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise self._too_large()
            return message

        await self._app(scope, limited, send)

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"A body has at most {self._most} bytes.", {"connection": "close"})
