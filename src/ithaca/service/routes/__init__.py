"""The routes, one module a noun."""

from ithaca.service.routes import sessions

#: Every router of the app.
ROUTERS = (sessions.router,)
