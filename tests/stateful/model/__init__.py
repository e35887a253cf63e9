"""What a database holds, in plain lists and dicts: the specification of every call, as a program.

Each call of a manager has its twin here, which takes the scope first: an owner that the manager is confined
to, or None. It returns or raises what the manager has to. A module holds the calls about one noun.
"""

from tests.stateful.model.cleanup import CleanUp
from tests.stateful.model.compactions import Compactions
from tests.stateful.model.imports import Imports


class World(Imports, CleanUp, Compactions):
    """Everybody's sessions and documents."""
