"""Ithaca over HTTP: `create_app(manager, settings)` makes an ASGI app; `ithaca serve` runs one.

The ways in are FastAPI's. Every route works on a manager that is confined to the owner who asks; those for
administrators alone get one that isn't.
"""

from ithaca.access import Right
from ithaca.service.access import Access, LocalOwner, Revocable, Visitor
from ithaca.service.app import create_app, end_streams
from ithaca.service.settings import ServiceSettings, read_service_settings
from ithaca.service.signed_in import SignedIn

__all__ = [
    "Access",
    "LocalOwner",
    "Revocable",
    "Right",
    "ServiceSettings",
    "SignedIn",
    "Visitor",
    "create_app",
    "end_streams",
    "read_service_settings",
]
