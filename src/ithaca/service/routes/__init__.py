"""The routes, one module a noun."""

from ithaca.service.openai import routes as openai
from ithaca.service.routes import (
    admin,
    attachments,
    contexts,
    documents,
    endpoints,
    events,
    health,
    keys,
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
    events.own,
    trash.router,
    usage.router,
    retention.router,
    endpoints.router,
    upkeep.own,
    keys.own,
    admin.router,
    events.all_owners,
    endpoints.shared,
    upkeep.all_owners,
    keys.all_owners,
    openai.router,
)
