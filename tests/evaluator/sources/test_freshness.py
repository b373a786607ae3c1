"""How old the newest verdict is, on a real backend."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pytest

from tests.conftest import Victoria, require_backends
from tests.evaluator.crafted import HOUR_MS, MINUTE_MS, START_MS, Told

NUMBERS = itertools.count()
PERIOD_MS = 5 * MINUTE_MS


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victoria]:
    require_backends()
    server = Victoria(tmp_path_factory.mktemp("victoria"))
    yield server
    server.close()


@pytest.fixture
def told(victoria: Victoria) -> Told:
    return Told(victoria, f"journey-{next(NUMBERS)}", START_MS + 24 * HOUR_MS)


def ended(*minutes: int) -> list[float | None]:
    """`prober.run.last` of runs that ended at these minutes; absent after two periods."""
    found: list[float | None] = []
    for minute in range(max(minutes) + 11):
        newest = max((m for m in minutes if m <= minute), default=None)
        is_told = newest is not None and minute - newest <= 10
        found.append(START_MS / 1000 + newest * 60 if newest is not None and is_told else None)
    return found


def rising(*minutes: int, until: int = 600) -> Sequence[int]:
    """A counter that grew at these minutes."""
    return [sum(m <= minute for m in minutes) for minute in range(until)]


def age(told: Told, minute: int) -> int | None:
    """Minutes from the newest verdict in `eu` to a minute."""
    source = told.source()
    try:
        found = source.newest(told.journey, START_MS + minute * MINUTE_MS)["eu"]
    finally:
        source.close()
    return None if found is None else minute - (found - START_MS) // MINUTE_MS


def test_it_is_when_the_newest_run_ended(told: Told) -> None:
    told.all(600, passed=rising(10, 20, 30))
    told.one("last", ended(10, 20, 30))
    told.schedule(PERIOD_MS, 600)
    assert age(told, 33) == 3


def test_a_run_without_a_verdict_renews_nothing(told: Told) -> None:
    told.all(600, passed=rising(10, 20), unclear=rising(25, 30, 35))
    told.one("last", ended(10, 20, 25, 30, 35))
    told.schedule(PERIOD_MS, 600)
    assert age(told, 37) in (16, 17)


def test_a_verdict_of_hours_ago_is_found_roughly(told: Told) -> None:
    told.all(600, passed=rising(10, 20), unclear=rising(*range(25, 600, 5)))
    told.one("last", ended(*range(10, 600, 5)))
    told.schedule(PERIOD_MS, 600)
    found = age(told, 500)
    assert found is not None
    assert 475 <= found <= 480


def test_a_verdict_of_days_ago_is_at_least_a_day_old(told: Told) -> None:
    told.all(2500, passed=rising(10, until=2500), unclear=rising(*range(15, 2500, 5), until=2500))
    told.schedule(PERIOD_MS, 2500)
    assert age(told, 2400) == 1440


def test_without_any_verdict_there_is_none(told: Told) -> None:
    told.all(600, unclear=rising(10, 20))
    told.one("last", ended(10, 20))
    assert age(told, 30) is None


def test_where_an_agent_fell_silent_it_is_the_last_that_was_reported(told: Told) -> None:
    told.all(60, passed=rising(10, 20, 30, until=60))
    told.one("last", ended(10, 20, 30))
    told.schedule(PERIOD_MS, 60)
    assert age(told, 500) == 470


def test_the_moment_decides_and_not_what_came_later(told: Told) -> None:
    told.all(600, passed=rising(10, 20, 30, 300))
    told.one("last", ended(10, 20, 30, 300))
    told.schedule(PERIOD_MS, 600)
    assert age(told, 33) == 3
