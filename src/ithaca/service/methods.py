"""The methods of HTTP, and which of them a path takes."""

from starlette.requests import Request
from starlette.routing import Match

#: The others are anybody's invention.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def methods_of(request: Request) -> list[str]:
    """The methods for which the path of a request has a route.

    Each is tried: the routes of a path may lie in several routers, and each of those knows its own only. HEAD is a GET
    that is not read on.
    """
    asked = {method: "GET" if method == "HEAD" else method for method in METHODS}
    scopes = {method: {**request.scope, "method": name} for method, name in asked.items()}
    routes = request.app.routes
    return [name for name, scope in scopes.items() if any(route.matches(scope)[0] is Match.FULL for route in routes)]
