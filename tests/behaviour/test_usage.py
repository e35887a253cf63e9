"""Usage: what was recorded, counted once, summed up by any keys from an index alone."""

from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from ithaca import InvalidArgument, RevisionConflict, SessionManager, SessionNotFound, Usage, UsageConflict
from ithaca.operations.usage import summing
from ithaca.storage import is_postgres
from tests.support.factories import make_session, store_session
from tests.support.managers import FakeClock, execute

ZERO = Usage(0, 0, Decimal(0), 0)


def record(manager: SessionManager, session_id: str, **given: Any) -> Any:
    """A record of 100 tokens in and 10 out, unless told otherwise."""
    return manager.record_usage(session_id, **({"model": "qwen3", "input_tokens": 100, "output_tokens": 10} | given))


def test_a_record_comes_back_as_it_was_given(timed: SessionManager, clock: FakeClock) -> None:
    id = store_session(timed, 1, owner="ann")
    stored = record(timed, id, cost=Decimal("0.0123"), message_id="m-1", id="u-1")
    assert stored.to_dict() == {
        "id": "u-1",
        "owner": "ann",
        "session_id": id,
        "message_id": "m-1",
        "model": "qwen3",
        "input_tokens": 100,
        "output_tokens": 10,
        "cost": "0.012300",
        "created_at": "2026-03-01T05:00:00.000000Z",
    }
    earlier = datetime(1969, 12, 31, 23, 59, tzinfo=UTC)
    assert record(timed, id, at=earlier).created_at == earlier
    assert [usage.day for usage in timed.usage(by=["day"])] == [date(1969, 12, 31), date(2026, 3, 1)]


def test_a_record_raises_the_totals_of_its_session_and_is_a_change_of_it(
    timed: SessionManager, clock: FakeClock
) -> None:
    before = make_session(timed)
    clock.move(hours=3)
    record(timed, before.id)
    record(timed, before.id, input_tokens=5, output_tokens=0)
    after = timed.get_session(before.id)
    assert (after.total_input_tokens, after.total_output_tokens) == (105, 10)
    assert (after.revision, after.updated_at) == (before.revision + 2, clock.time)
    assert after.last_message_at is None


def test_the_same_id_counts_once(manager: SessionManager) -> None:
    id, another = store_session(manager), store_session(manager)
    first = record(manager, id, id="u-1", cost=0.5, message_id="m-1")
    revision = manager.get_session(id).revision
    assert record(manager, id, id="u-1", cost=0.5, message_id="m-1", expected_revision=revision - 1) == first
    for other in ({"model": "x"}, {"input_tokens": 1}, {"output_tokens": 1}, {"cost": 1}, {"message_id": None}):
        with pytest.raises(UsageConflict) as error:
            record(manager, id, id="u-1", **({"cost": 0.5, "message_id": "m-1"} | other))
        assert error.value.usage_id == "u-1"
    with pytest.raises(UsageConflict):
        record(manager, another, id="u-1", cost=0.5, message_id="m-1")
    assert manager.usage(by=()) == [Usage(100, 10, Decimal("0.5"), 1)]
    assert manager.get_session(id).revision == revision


def test_an_unseen_change_refuses_a_record(manager: SessionManager) -> None:
    session = make_session(manager)
    manager.rename_session(session.id, "renamed")
    with pytest.raises(RevisionConflict):
        record(manager, session.id, expected_revision=session.revision)
    assert manager.usage(by=()) == [ZERO]
    record(manager, session.id, expected_revision=session.revision + 1)


def test_a_missing_session_gets_no_record(manager: SessionManager) -> None:
    for id in ("missing", "", "\0", "x" * 1000):
        with pytest.raises(SessionNotFound):
            record(manager, id)
    assert manager.usage() == []


@pytest.fixture
def spent(timed: SessionManager) -> SessionManager:
    """Three days, two models, two owners, three sessions."""
    for number, (owner, session, model, day) in enumerate(
        [
            ("ann", "a-1", "qwen3", 1),
            ("ann", "a-1", "gpt-oss", 1),
            ("ann", "a-2", "qwen3", 2),
            ("ann", "a-2", "qwen3", 3),
            ("bob", "b-1", "qwen3", 2),
        ]
    ):
        owned = timed.for_owner(owner)
        owned.ensure_task_session(session, "x", "", "")
        record(
            owned,
            session,
            model=model,
            input_tokens=10**number,
            cost=Decimal("0.000001") * 10**number,
            message_id=None if number % 2 else f"m-{number}",
            at=datetime(2026, 3, day, 23, 59, tzinfo=UTC),
        )
    return timed


def sums(manager: SessionManager, *by: Any, **filters: Any) -> dict[tuple[Any, ...], int]:
    """Input tokens by the keys, in the order in which they come."""
    found = manager.usage(by=by, **filters)
    return {tuple(getattr(usage, key) for key in by): usage.input_tokens for usage in found}


def test_usage_is_broken_down_by_any_keys(spent: SessionManager) -> None:
    first, second, third = (date(2026, 3, day) for day in (1, 2, 3))
    assert spent.usage() == [
        Usage(10, 10, Decimal("0.00001"), 1, first, "gpt-oss"),
        Usage(1, 10, Decimal("0.000001"), 1, first, "qwen3"),
        Usage(10_100, 20, Decimal("0.0101"), 2, second, "qwen3"),
        Usage(1_000, 10, Decimal("0.001"), 1, third, "qwen3"),
    ]
    assert spent.usage(by=[]) == [Usage(11_111, 50, Decimal("0.011111"), 5)]
    assert sums(spent, "owner") == {("ann",): 1_111, ("bob",): 10_000}
    assert list(sums(spent, "session_id")) == [("a-1",), ("a-2",), ("b-1",)]
    assert sums(spent, "model", "owner") == {
        ("gpt-oss", "ann"): 10,
        ("qwen3", "ann"): 1_101,
        ("qwen3", "bob"): 10_000,
    }
    assert sums(spent, "message_id") == {(None,): 1_010, ("m-0",): 1, ("m-2",): 100, ("m-4",): 10_000}


def test_usage_is_filtered(spent: SessionManager) -> None:
    second = date(2026, 3, 2)
    assert sums(spent, owner="ann") == {(): 1_111}
    assert sums(spent, session_id="a-2") == {(): 1_100}
    assert sums(spent, model="gpt-oss") == {(): 10}
    assert sums(spent, since=second) == {(): 11_100}
    assert sums(spent, until=second) == {(): 10_111}
    assert sums(spent, "day", since=second, until=second, owner="bob") == {(second,): 10_000}
    assert sums(spent, "day", session_id="nobody's") == {}
    assert spent.usage(by=(), model="nobody's") == [ZERO]


def test_an_owner_sees_what_that_owner_used(spent: SessionManager) -> None:
    ann = spent.for_owner("ann")
    assert sums(ann, "owner") == {("ann",): 1_111}
    assert sums(ann, "owner", owner="bob") == {}
    assert sums(ann, session_id="b-1") == {(): 0}
    with pytest.raises(SessionNotFound):
        record(ann, "b-1")


def test_ids_of_records_of_two_owners_do_not_collide(manager: SessionManager) -> None:
    for owner, tokens in (("ann", 1), ("bob", 2)):
        owned = manager.for_owner(owner)
        owned.create_session("s-1")
        record(owned, "s-1", id="u-1", input_tokens=tokens)
    assert sums(manager, "owner") == {("ann",): 1, ("bob",): 2}


def test_what_was_used_outlives_its_session_but_not_its_owner(manager: SessionManager) -> None:
    id = store_session(manager, 1, owner="ann")
    record(manager, id)
    fork = manager.fork_session(id)
    assert (fork.total_input_tokens, sums(manager, session_id=fork.id)) == (0, {(): 0})
    manager.delete_session(id)
    assert sums(manager, session_id=id) == {(): 100}
    manager.undo(id)
    assert manager.get_session(id).total_input_tokens == 100
    assert manager.erase_owner("ann").counts["usage"] == 1
    assert sums(manager) == {(): 0}


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("input_tokens", [-1, 1.5, True, None, "1", 2**70]),
        ("output_tokens", [-1, 1.5, True, None, "1", 2**70]),
        ("cost", [-1, "1", True, float("nan"), Decimal("inf"), 10**9, Decimal("sNaN")]),
        ("model", [None, 5, "\0", "\ud800", "x" * 5000]),
        ("message_id", ["", 5, "\0"]),
        ("id", ["", 5, "\0", "x" * 1000]),
        ("at", ["2026-03-01", 5, date(2026, 3, 1)]),
        ("expected_revision", [0, "1"]),
    ],
)
def test_a_bad_record_is_refused(manager: SessionManager, field: str, values: list[Any]) -> None:
    before = make_session(manager)
    for value in values:
        with pytest.raises(InvalidArgument) as error:
            record(manager, before.id, **{field: value})
        assert error.value.field == field
    assert manager.get_session(before.id) == before


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("by", ["day", [5], ["hour"], ["day", "day"], None, 5]),
        ("since", ["2026-03-01", 5, datetime(2026, 3, 1, tzinfo=UTC)]),
        ("until", ["2026-03-01", 5, datetime(2026, 3, 1, tzinfo=UTC)]),
        ("owner", [5, "\0"]),
        ("model", [5, "\0"]),
        ("session_id", [5]),
    ],
)
def test_a_bad_question_is_refused(manager: SessionManager, field: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidArgument) as error:
            manager.usage(**{field: value})
        assert error.value.field == field


def test_a_cost_is_exact_to_a_millionth(manager: SessionManager) -> None:
    id = store_session(manager)
    for cost in (0.1, 0.2, Decimal("0.0000005"), Decimal("0.0000015"), 3, None):
        record(manager, id, cost=cost)
    assert manager.usage(by=())[0].cost == Decimal("3.300002")


def test_many_of_the_largest_records_are_summed_up(manager: SessionManager) -> None:
    id = store_session(manager)
    for _ in range(20):
        record(manager, id, input_tokens=10**9, cost=10**6)
    assert manager.usage(by=())[0] == Usage(20 * 10**9, 200, Decimal(20 * 10**6), 20)


def test_a_record_of_another_day_is_found(manager: SessionManager, database_url: str) -> None:
    record(manager, store_session(manager), id="u-1")
    execute(database_url, "UPDATE usage SET day = day - 1")
    assert [(problem.name, problem.id) for problem in manager.verify()] == [("usage", "u-1")]
    execute(database_url, "UPDATE usage SET day = day + 1")


MUCH_USAGE = """
    INSERT INTO usage (owner, session_id, id, day, model, input_tokens, output_tokens, cost, created_at)
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
    SELECT 'owner ' || (n % 10), 's-' || (n % 100), 'u-' || n, 20000 + n % 500, 'qwen3', n, n, n,
           (20000 + n % 500) * 86400000000 FROM n
"""


def test_sums_are_read_from_an_index_alone(database_url: str, manager: SessionManager) -> None:
    execute(database_url, MUCH_USAGE)
    anything = dict.fromkeys(("owner", "session_id", "model", "since", "until"))
    scope = SimpleNamespace(owner="owner 1")
    for asked, by in (
        ({}, ()),
        ({}, ("session_id",)),
        ({"since": 20_000, "until": 20_100}, ("day", "model")),
        ({"model": "qwen3"}, ("day", "session_id")),
        ({"session_id": "s-1"}, ("message_id", "model")),
    ):
        plan = planned(database_url, *summing(scope, anything | asked, by))
        assert ("Index Only Scan" if is_postgres(database_url) else "USING COVERING INDEX") in plan, plan


def planned(url: str, sql: str, params: dict[str, Any]) -> str:
    """How the database would do it."""
    for name, value in params.items():
        sql = sql.replace(f":{name}", repr(value))
    if not is_postgres(url):
        return str(execute(url, f"EXPLAIN QUERY PLAN {sql}"))
    execute(url, "VACUUM ANALYZE usage")
    return str(execute(url, f"EXPLAIN {sql}"))
