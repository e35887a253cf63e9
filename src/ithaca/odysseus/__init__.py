"""The old names: Odysseus' session manager as its callers know it, over `ithaca.SessionManager`.

Code written against the old manager ports by changing its imports. What is stored, and in which order, is the
database's to say: a session object shows it, and is brought up to date by each `get_session`. What was set on
an object by hand reaches the database with `save_sessions`.
"""

from ithaca.odysseus.manager import SessionManager
from ithaca.odysseus.message import ChatMessage
from ithaca.odysseus.session import Session, get_session_manager_instance, set_session_manager_instance

__all__ = ["ChatMessage", "Session", "SessionManager", "get_session_manager_instance", "set_session_manager_instance"]
