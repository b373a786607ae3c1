"""When a budget will be spent: vectors computed by hand, and the definition itself as the law."""

from __future__ import annotations

import doctest
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.slo import projection
from prober.slo.projection import (
    LOOKBACKS_MS,
    Aged,
    Projection,
    Rate,
    Trend,
    available,
    project_calendar,
    project_rolling,
    rate_of,
)
from prober.units import HOUR_MS

WINDOW = 30
amounts = st.fractions(0, 50, max_denominator=4)
histories = st.lists(st.builds(Aged, st.fractions(0, 35, max_denominator=2), st.integers(1, 20)))
budgets = st.fractions(Fraction(1, 2), 60, max_denominator=4)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(projection).failed == 0


def project(*failures: tuple[int, int], budget: str = "43.2", per_day: int = 0) -> Projection:
    return project_rolling(
        WINDOW, Fraction(budget), [Aged(*each) for each in failures], Fraction(per_day)
    )


@pytest.mark.parametrize(
    ("failures", "budget", "per_day", "naive", "exhausts"),
    [
        pytest.param([], "432", 72, 6, 6, id="5x from a full budget: 6 days"),
        pytest.param([(0, 216)], "432", 72, 3, 3, id="half spent just now"),
        pytest.param(
            [(29, 144), (0, 72)], "432", 72, 3, 5,
            id="an old incident leaves tomorrow: 5 days, not 3",
        ),
        pytest.param([], "43.2", 1, Fraction("43.2"), None, id="a trickle levels off at 30"),
        pytest.param([(3, 10)], "43.2", 0, None, None, id="without failures nothing burns"),
        pytest.param([(29, 100)], "101", 1, 1, 1, id="just reached as a failure leaves"),
        pytest.param([(3, 44)], "43.2", 0, 0, 0, id="a spent budget is spent now"),
        pytest.param([(3, 44)], "44", 0, 0, 0, id="spent exactly is spent"),
        pytest.param(
            [(31, 44)], "43.2", 1, Fraction("43.2"), None, id="what is older does not count"
        ),
        pytest.param([], "30", 1, 30, 30, id="just reached before any leaves"),
    ],
)  # fmt: skip
def test_a_rolling_budget_is_spent_in_days(
    failures: list[tuple[int, int]],
    budget: str,
    per_day: int,
    naive: Fraction | int | None,
    exhausts: Fraction | int | None,
) -> None:
    projected = project(*failures, budget=budget, per_day=per_day)
    assert (projected.naive_ms, projected.exhausts_ms) == (naive, exhausts)
    assert projected.on_track is (exhausts is None)


def test_what_is_as_old_as_the_window_is_long_still_counts() -> None:
    assert project((30, 10), (31, 9), budget="40").consumed == Fraction(1, 4)


def test_rates_are_looked_for_in_an_hour_to_a_week() -> None:
    assert [ms // HOUR_MS for ms in LOOKBACKS_MS] == [1, 6, 24, 72, 168]


def test_a_budget_that_levels_off_says_where() -> None:
    projected = project(per_day=1)
    assert projected.consumed_at_end == Fraction(25, 36)


def test_a_spent_budget_recovers_when_enough_old_failures_have_left() -> None:
    assert project((20, 10), (5, 40)).recovers_ms == 10
    assert project((20, 10), (5, 40), budget="50").recovers_ms == 10  # spent exactly is spent
    assert project((20, 1), (5, 49), budget="49").recovers_ms == 25
    assert project((20, 10), (5, 33)).recovers_ms is None  # 43 of 43.2


def test_rates_that_the_data_allow_give_the_earliest_and_the_latest_moment() -> None:
    bounds = (Fraction(1), Fraction(3))
    projected = project_rolling(WINDOW, Fraction(40), [], Fraction(2), bounds)
    assert projected.between_ms == (Fraction(40, 3), None)
    calendar = project_calendar(15, Fraction(40), 0, Fraction(2), bounds)
    assert calendar.between_ms == (Fraction(40, 3), None)
    assert project().between_ms is None
    bounds = (Fraction(2), Fraction(4))
    projected = project_rolling(WINDOW, Fraction(40), [], Fraction(3), bounds)
    calendar = project_calendar(20, Fraction(40), 0, Fraction(3), bounds)
    assert projected.between_ms == calendar.between_ms == (10, 20)


@pytest.mark.parametrize(
    ("left", "bad", "per_day", "expected"),
    [
        pytest.param(20, 10, 1, (Fraction("33.2"), None, Fraction(25, 36)), id="it will last"),
        pytest.param(
            20, 10, 2, (Fraction("16.6"), Fraction("16.6"), Fraction(125, 108)), id="it will not"
        ),
        pytest.param(20, 10, 0, (None, None, Fraction(25, 108)), id="nothing burns"),
        pytest.param(20, 44, 0, (0, 0, Fraction(55, 54)), id="it is spent"),
    ],
)
def test_a_calendar_budget_forgets_nothing_before_its_end(
    left: int, bad: int, per_day: int, expected: tuple[Fraction | int | None, ...]
) -> None:
    projected = project_calendar(left, Fraction("43.2"), bad, Fraction(per_day))
    assert expected == (projected.naive_ms, projected.exhausts_ms, projected.consumed_at_end)
    assert projected.recovers_ms == (left if bad >= 43.2 else None)


def test_a_calendar_budget_that_is_spent_at_the_very_end_is_spent() -> None:
    assert project_calendar(10, Fraction(10), 0, Fraction(1)).exhausts_ms == 10
    assert project_calendar(10, Fraction(10), 10, Fraction(0)).recovers_ms == 10


@pytest.mark.parametrize(
    ("bad", "per_day", "trend"),
    [(10, 2, Trend.RISING), (10, 0, Trend.LEVEL), (0, 1, Trend.RISING)],
)
def test_the_trend_is_where_the_consumed_share_is_heading(
    bad: int, per_day: int, trend: Trend
) -> None:
    assert project_calendar(20, Fraction(40), bad, Fraction(per_day)).trend is trend


def test_old_failures_that_leave_faster_than_new_ones_come_let_the_budget_recover() -> None:
    assert project((20, 40), per_day=1).trend is Trend.FALLING


@pytest.mark.parametrize(
    ("failures", "rate"),
    [
        pytest.param([], None, id="nothing failed: not burning"),
        pytest.param([Aged(LOOKBACKS_MS[-1] + 1, 9)], None, id="nothing failed within a week"),
        pytest.param([Aged(1, 3)], Rate(Fraction(3), HOUR_MS), id="three in the last hour"),
        pytest.param(
            [Aged(1, 2), Aged(HOUR_MS, 1)], Rate(Fraction(3), HOUR_MS), id="the edge is in it"
        ),
        pytest.param(
            [Aged(1, 2), Aged(HOUR_MS + 1, 1)], Rate(Fraction(3), 6 * HOUR_MS), id="a longer one"
        ),
        pytest.param([Aged(1, 1)], Rate(Fraction(1), LOOKBACKS_MS[-1]), id="too few: a week"),
    ],
)
def test_the_rate_is_that_of_the_shortest_lookback_with_enough_failures(
    failures: list[Aged], rate: Rate | None
) -> None:
    assert rate_of(failures) == rate


def test_a_rate_is_failures_in_time() -> None:
    assert Rate(Fraction(3), HOUR_MS).per_ms == Fraction(1, 1_200_000)


def test_a_reservation_lowers_what_is_available_below_zero_if_need_be() -> None:
    assert available(Fraction(1, 4), [Fraction(1, 5), Fraction(1, 10)]) == Fraction(-1, 20)
    assert available(Fraction(1, 4), []) == Fraction(1, 4)


@given(histories, budgets, amounts)
def test_the_moment_is_the_first_at_which_old_and_new_failures_reach_the_budget(
    failures: list[Aged], budget: Fraction, rate: Fraction
) -> None:
    def held(t: Fraction) -> Fraction:
        old = sum((each.failures for each in failures if each.age_ms <= WINDOW - t), Fraction(0))
        return old + rate * min(t, Fraction(WINDOW))

    found = project_rolling(WINDOW, budget, failures, rate).exhausts_ms
    leaving = [Fraction(WINDOW - each.age_ms) for each in failures if each.age_ms <= WINDOW]
    steps = sorted({Fraction(0), Fraction(WINDOW), Fraction(2 * WINDOW), *leaving})
    between = [a + (b - a) * Fraction(part, 8) for a, b in pairwise(steps) for part in range(9)]
    assert all(held(t) < budget for t in between if found is None or t < found)
    if found is not None:
        assert held(found) >= budget


@given(histories, budgets, amounts, amounts)
def test_a_higher_rate_never_lasts_longer(
    failures: list[Aged], budget: Fraction, rate: Fraction, more: Fraction
) -> None:
    slow, fast = (
        project_rolling(WINDOW, budget, failures, each).exhausts_ms for each in (rate, rate + more)
    )
    assert slow is None or (fast is not None and fast <= slow)


@given(histories, budgets, amounts)
def test_forgetting_never_makes_it_sooner(
    failures: list[Aged], budget: Fraction, rate: Fraction
) -> None:
    projected = project_rolling(WINDOW, budget, failures, rate)
    if projected.exhausts_ms is not None:
        assert projected.naive_ms is not None
        assert projected.exhausts_ms >= projected.naive_ms
