"""What a database holds, in plain lists and dicts: the specification of every call, as a program.

Each call of a manager has its twin here, which takes the scope first: an owner that the manager is confined
to, or None. It returns or raises what the manager has to. A module holds the calls about one noun.
"""

from tests.stateful.model.cleanup import CleanUp
from tests.stateful.model.compactions import Compactions
from tests.stateful.model.imports import Imports
from tests.stateful.model.recovery import Recovery
from tests.stateful.model.replies import Replies
from tests.stateful.model.search import Search


class World(Imports, CleanUp, Compactions, Search, Recovery, Replies):
    """Everybody's sessions and documents."""

    def erase_owner(self, scope: str | None, owner: str) -> None:
        super().erase_owner(scope, owner)
        self.forget_usage(owner)
