"""A process that has replies generated, and says what it was told of them, until it is killed.

python -m tests.processes.replying FUNCTION ARGUMENT…
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from ithaca import SessionManager
from tests.processes.work import acknowledge, wait_for_the_others


def answer_until_killed(url: str, *session_ids: str) -> None:
    """Asks the models of some sessions at once; prints session, offset and text of each event as it is told."""
    with SessionManager(url) as manager:

        def tell(session_id: str) -> None:
            for event in manager.reply(session_id, "Sing!"):
                acknowledge(json.dumps([session_id, event.offset, event.text]))

        wait_for_the_others()
        with ThreadPoolExecutor(len(session_ids)) as pool:
            list(pool.map(tell, session_ids))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
