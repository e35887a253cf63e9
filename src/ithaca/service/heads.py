"""HEAD: what GET would say of a resource, without the resource (RFC 9110, 9.3.2)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Enough(Exception):
    """The head of a response is out, and nobody reads on."""


class Heads:
    """Has each HEAD answered as a GET, no further than to the first bytes, which aren't sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            else:
                await send({"type": "http.response.body", "body": b""})
                raise Enough

        # A range is asked for by GET only (RFC 9110, 14.2).
        headers = [(name, value) for name, value in scope["headers"] if name not in (b"range", b"if-range")]
        try:
            await self._app({**scope, "method": "GET", "headers": headers}, receive, send_head)
        except* Enough:
            pass
