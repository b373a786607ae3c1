"""A journey beside what its servers say of themselves, in steps of time."""

from __future__ import annotations

import doctest
from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.slo import agreement
from prober.slo.agreement import (
    POINT_MS,
    Accord,
    Agreement,
    Cell,
    Servers,
    Users,
    compare,
    step_ms,
    steps_within,
)
from prober.slo.budget import Counts
from prober.slo.contract import ServerView
from prober.slo.window import Span

VIEW = ServerView("errors / requests", Fraction(1, 100))
GOOD, BAD, UNCLEAR = Counts(good=1), Counts(bad=1), Counts(invalid=1)


def compared(*steps: tuple[Counts | None, Fraction | int | None]) -> Agreement:
    """Runs of one region and an error rate of the servers, step by step."""
    runs = {n * POINT_MS: counts for n, (counts, _) in enumerate(steps) if counts}
    rates = {
        (n + 1) * POINT_MS: Fraction(rate) for n, (_, rate) in enumerate(steps) if rate is not None
    }
    return compare(VIEW, Span(0, len(steps) * POINT_MS), POINT_MS, {"eu": runs}, rates)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(agreement).failed == 0


@pytest.mark.parametrize(
    ("runs", "rate", "cell", "accord"),
    [
        (BAD, 1, Cell(Users.FAILED, Servers.BAD), Accord.BOTH),
        (BAD, 0, Cell(Users.FAILED, Servers.FINE), Accord.ONLY_USERS),
        (GOOD, 1, Cell(Users.PASSED, Servers.BAD), Accord.ONLY_SERVER),
        (GOOD, 0, Cell(Users.PASSED, Servers.FINE), Accord.NEITHER),
        (BAD, None, Cell(Users.FAILED, Servers.UNKNOWN), Accord.UNKNOWN),
        (GOOD, None, Cell(Users.PASSED, Servers.UNKNOWN), Accord.UNKNOWN),
        (None, 0, Cell(Users.NO_VERDICT, Servers.FINE), Accord.UNKNOWN),
        (UNCLEAR, 1, Cell(Users.NO_VERDICT, Servers.BAD), Accord.UNKNOWN),
    ],
)
def test_a_step_has_its_place_in_the_table(
    runs: Counts | None, rate: int | None, cell: Cell, accord: Accord
) -> None:
    found = compared((runs, rate))
    assert found.cells == {cell: 1}
    assert cell.accord is accord


def test_an_error_rate_at_the_limit_is_not_above_it() -> None:
    limit = Fraction(1, 100)
    assert compared((GOOD, limit)).steps(Accord.NEITHER) == 1
    assert compared((GOOD, limit + Fraction(1, 10**9))).steps(Accord.ONLY_SERVER) == 1


def test_one_failed_run_of_one_region_is_trouble_that_users_met() -> None:
    seen = {"eu": {0: Counts(good=4, bad=1)}, "us": {0: GOOD}}
    found = compare(VIEW, Span(0, POINT_MS), POINT_MS, seen, {POINT_MS: Fraction(0)})
    assert found.steps(Accord.ONLY_USERS) == 1
    assert found.failed == {"eu": 1}


def test_a_long_step_is_bad_if_any_part_of_it_was_and_fine_only_if_all_of_it_was() -> None:
    def said(rates: Mapping[int, int]) -> Servers:
        known = {n * POINT_MS: Fraction(rate) for n, rate in rates.items()}
        found = compare(VIEW, Span(0, 3 * POINT_MS), 3 * POINT_MS, {}, known)
        ((cell, _),) = found.cells.items()
        return cell.servers

    assert said({1: 0, 2: 0, 3: 0}) is Servers.FINE
    assert said({1: 0, 2: 1, 3: 0}) is Servers.BAD
    assert said({2: 1}) is Servers.BAD
    assert said({1: 0, 2: 0}) is Servers.UNKNOWN


def test_an_error_rate_is_about_the_time_before_it() -> None:
    found = compare(
        VIEW, Span(0, 2 * POINT_MS), POINT_MS, {}, {0: Fraction(1), POINT_MS: Fraction(0)}
    )
    assert found.cells == {
        Cell(Users.NO_VERDICT, Servers.FINE): 1,
        Cell(Users.NO_VERDICT, Servers.UNKNOWN): 1,
    }


def test_steps_that_differ_the_same_way_are_one_difference() -> None:
    low = Fraction(1, 1000)
    alike = (BAD, 0), (BAD, low), (BAD, 0)
    found = compared(*alike, (GOOD, 0), (BAD, 0), (GOOD, 1), (BAD, 1), (BAD, 0))
    assert [(each.accord, each.span, dict(each.failed)) for each in found.differences] == [
        (Accord.ONLY_USERS, Span(0, 3 * POINT_MS), {"eu": 3}),
        (Accord.ONLY_USERS, Span(4 * POINT_MS, 5 * POINT_MS), {"eu": 1}),
        (Accord.ONLY_SERVER, Span(5 * POINT_MS, 6 * POINT_MS), {}),
        (Accord.ONLY_USERS, Span(7 * POINT_MS, 8 * POINT_MS), {"eu": 1}),
    ]
    assert [each.highest for each in found.differences] == [low, 0, 1, 0]


def test_a_step_that_nobody_knows_about_ends_a_difference() -> None:
    found = compared((BAD, 0), (BAD, None), (BAD, 0))
    assert [each.span.start_ms for each in found.differences] == [0, 2 * POINT_MS]


def test_a_step_is_long_enough_for_a_run_of_each_region() -> None:
    assert step_ms(None) == POINT_MS
    assert step_ms(POINT_MS) == POINT_MS
    assert step_ms(POINT_MS + 1) == 2 * POINT_MS


def test_a_span_shorter_than_a_step_holds_none() -> None:
    span = steps_within(Span(1, POINT_MS), POINT_MS)
    assert span.length_ms == 0
    assert compare(VIEW, span, POINT_MS, {}, {}).cells == {}


STEPS = st.lists(
    st.tuples(st.sampled_from([None, GOOD, BAD, UNCLEAR]), st.sampled_from([None, 0, 1])),
    max_size=30,
)


@given(STEPS)
def test_every_step_is_counted_once_and_differences_are_the_steps_that_differ(
    steps: list[tuple[Counts | None, int | None]],
) -> None:
    found = compared(*steps)
    assert (found.span, found.step_ms) == (Span(0, len(steps) * POINT_MS), POINT_MS)
    assert sum(found.steps(accord) for accord in Accord) == len(steps)
    differing = sum(each.span.length_ms for each in found.differences) // POINT_MS
    assert differing == found.steps(Accord.ONLY_USERS) + found.steps(Accord.ONLY_SERVER)
    assert sum(found.failed.values()) == sum(counts is BAD for counts, _ in steps)
