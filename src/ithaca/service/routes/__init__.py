"""The routes, one module a noun."""

from ithaca.service.openai import routes as openai
from ithaca.service.routes import (
    admin,
    attachments,
    contexts,
    documents,
    health,
    me,
    messages,
    retention,
    search,
    sessions,
    trash,
    upkeep,
    usage,
)

#: Every router of the app.
ROUTERS = (
    health.router,
    me.router,
    sessions.router,
    messages.router,
    contexts.router,
    documents.router,
    attachments.router,
    search.router,
    trash.router,
    usage.router,
    retention.router,
    upkeep.own,
    admin.router,
    upkeep.all_owners,
    openai.router,
)
