"""On which databases, and through which of the managers and clients, a test of the suite is run, and why.

Through `SessionManager`, everything on SQLite and on the newest PostgreSQL; through `AsyncSessionManager`, and through
`Client`, everything on SQLite. Where only the way that a statement takes is another, it is enough that each is sent
once: through `AsyncSessionManager` on the newest PostgreSQL, and through `SessionManager` on PostgreSQL 15, a test is
run with the first of its parameters. The modules of `CORE` are run in more ways, and whole. With `SOAK=1`, everything
is run everywhere.
"""

from collections.abc import Iterator
from itertools import product

import pytest

from tests.conftest import DATABASES
from tests.support.managers import Facade
from tests.support.processes import soaking

#: A database, and through what it is used.
Stage = tuple[str, Facade]

FACADES: list[Facade] = ["sync", "async", "client", "async-client"]

#: Where everything is run.
WHOLE: set[Stage] = {("sqlite", "sync"), ("sqlite", "async"), ("sqlite", "client"), ("postgres-newest", "sync")}

#: Where each test is run once.
ONCE: set[Stage] = {("postgres-newest", "async"), ("postgres-15", "sync")}

#: Where the modules of `CORE` are run besides.
WITH_CORE: set[Stage] = {("postgres-15", "async"), ("sqlite", "async-client"), ("postgres-newest", "client")}

CORE = frozenset(("test_messages.py", "test_documents.py", "test_revisions.py"))

#: Tests, by module or by module and name, that do not run through a client.
LEFT_OUT = {
    # What a client is not told.
    "test_headers.py": "a server gives no headers back",
    "test_sessions.py::test_a_new_session_has_what_it_was_given_and_nothing_else": "it reads headers",
    "test_sessions.py::test_folder_mode_extra_and_headers_are_kept": "it reads headers",
    "test_durability.py::test_reopening_sees_everything": "it reads headers",
    "test_forks.py::test_a_fork_of_the_whole": "it reads headers",
    "test_forks.py::test_headers_that_cannot_be_read_stay_behind": "it reads headers",
    "test_incognito.py::test_it_is_a_session_like_others": "it reads headers",
    "test_listing.py::test_listed_sessions_come_without_messages_but_with_their_count": "it reads headers",
    "test_trash.py::test_undo_brings_a_deleted_session_back_with_everything": "it reads headers",
    "test_never.py::test_never_18_provider_keys_are_stored_or_shown_in_clear_text": "it reads headers",
    # What is the server's.
    "test_context.py::test_the_counter_can_be_replaced": "the server counts tokens",
    "test_limits.py::test_a_counter_gives_whole_numbers": "the server counts tokens",
    "test_listing.py::test_the_limit_has_bounds": "the server knows its limits, and they are in its words",
    "test_owners.py::test_bad_owners_are_refused": "the server knows its limits, when it is asked",
    "test_search.py::test_a_huge_message_is_found_by_its_beginning": "an address holds no megabyte to search for",
    "test_opening.py::test_info_tells_what_it_is_without_a_password": "the database is the administrators'",
    "test_owners.py::test_an_unconfined_manager_finds_whose_it_is_by_the_id": "who is named is confined to",
    "test_owners.py::test_trusted_code_uses_an_id_once_also_at_the_same_moment": "who is named is confined to",
    "test_search.py::test_an_owner_finds_only_what_is_theirs": "who is named is confined to",
    "test_erasure.py::test_an_owner_is_erased_completely_and_nobody_else": "a note is left of the request itself",
    "test_keys.py::test_a_key_is_known_by_what_it_says": "the server identifies who shows a key",
    "test_keys.py::test_a_revoked_key_opens_nothing_from_then_on": "the server identifies who shows a key",
    "test_keys.py::test_a_key_ends_at_its_time": "the server identifies who shows a key",
    "test_keys.py::test_its_use_is_noted_now_and_then": "the server identifies who shows a key",
    "test_users.py": "browsers log in",
    "test_owners.py::test_an_unconfined_manager_must_say_whose_when_several_have_the_id": "the server guards requests",
    "test_owners.py::test_an_unconfined_manager_must_say_whose_when_one_is_incognito": "the server guards requests",
    "test_endpoints.py::test_all_secrets_are_sealed_anew_under_the_first_key": "it reads headers",
    "test_owners.py::test_anothers_things_are_like_things_that_do_not_exist": "it tries `once`, which no client has",
    "test_watch.py::test_an_erased_owner_is_told_to_whom_it_concerns": "a server's seconds pass while nobody asks",
    # What is done to the database, or within the manager, past the calls.
    "test_attachments.py::test_references_are_read_without_the_bytes": "lost bytes are lost for the whole response",
    "test_attachments.py::test_a_reader_never_meets_a_message_without_its_bytes": "it changes what a manager does",
    "test_never.py::test_never_13_a_read_that_writes_an_add_that_commits_twice": "it counts statements in this process",
    "test_opening.py::test_an_empty_database_gets_its_tables": "it opens managers of its own",
}

#: Tests that take too many calls for every run.
LONG = frozenset(
    (
        "test_search.py::test_the_databases_find_what_a_plain_comparison_finds",
        "test_listing.py::test_pages_show_nothing_twice_and_skip_nothing_while_others_write",
        "test_listing.py::test_pages_of_any_size_give_every_order_whole",
        "test_never.py::test_never_12_ids_are_set_or_entries_dropped_before_a_commit_that_fails",
        "test_search.py::test_more_than_one_batch_is_indexed",
        "test_versions.py::test_a_tree_of_versions_is_walked_at_random",
        "test_trash.py::test_purging_in_batches_takes_everything",
        "test_histories.py::test_a_history_is_never_older_than_what_is_stored",
    )
)


def stages(test: pytest.Function, fixtures: list[str]) -> list[Stage]:
    """Where a test with a database and a facade is run, be it once or whole."""
    return [stage for stage in product(DATABASES, FACADES) if _is_run(test, fixtures, *stage)]


def _is_run(test: pytest.Function, fixtures: list[str], database: str, facade: Facade) -> bool:
    module, name = test.path.name, f"{test.path.name}::{test.originalname}"
    if facade in ("client", "async-client"):
        if "open_manager" not in fixtures or module in LEFT_OUT or name in LEFT_OUT:
            return False
        if name in LONG and not soaking():
            return False
    return soaking() or (database, facade) in WHOLE | ONCE or (module in CORE and (database, facade) in WITH_CORE)


def repeated(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Items that only repeat others with more parameters, where each test is run once."""
    seen = set()
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and item.path.name not in CORE:
            stage = item.callspec.params.get("database_url"), item.callspec.params.get("facade")
            if stage in ONCE and not soaking():
                if (test := (item.path, item.originalname, stage)) in seen:
                    yield item
                seen.add(test)
