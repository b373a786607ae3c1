"""Burn rates are exact, and nothing burns where nothing is known."""

from __future__ import annotations

import doctest
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.slo import burn
from prober.slo.budget import Counts
from prober.slo.burn import (
    against,
    burn_rate,
    failures_to_trip,
    max_burn,
    pace,
    share_burned,
    threshold,
    whole,
)

TARGET = Fraction("0.999")
HOUR_MS = 3_600_000


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(burn).failed == 0


@pytest.mark.parametrize(
    ("counts", "target", "rate"),
    [
        pytest.param(Counts(good=1432, bad=8), TARGET, Fraction(50, 9), id="some failures"),
        pytest.param(
            Counts(bad=60), TARGET, Fraction(1000), id="an outage burns at 1/(1 − target)"
        ),
        pytest.param(Counts(good=60), TARGET, Fraction(0), id="no failure burns nothing"),
        pytest.param(Counts(), TARGET, None, id="no run says nothing"),
        pytest.param(Counts(invalid=9, due=9), TARGET, None, id="no valid run says nothing"),
        pytest.param(
            Counts(good=2, bad=2), Fraction(0), Fraction(1, 2), id="target 0 burns up to 1"
        ),
        pytest.param(Counts(good=2), Fraction(1), Fraction(0), id="target 100 % without failure"),
        pytest.param(Counts(good=2, bad=1), Fraction(1), None, id="target 100 % has no budget"),
    ],
)
def test_a_burn_rate_is(counts: Counts, target: Fraction, rate: Fraction | None) -> None:
    assert burn_rate(counts, target) == rate


def test_a_rate_at_a_threshold_is_not_below_it() -> None:
    """With floats it is 2.999999999999998."""
    assert burn_rate(Counts(good=17, bad=3), Fraction("0.95")) == 3


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_one_more_failure_never_burns_slower(good: int, bad: int) -> None:
    rates = [burn_rate(Counts(good=good, bad=bad + more), TARGET) for more in (0, 1)]
    assert (rates[0] or 0) <= (rates[1] or 0)


@pytest.mark.parametrize(
    ("share", "long_h", "window_h", "rate"),
    [
        (2, 1, 720, Fraction("14.4")),
        (5, 6, 720, Fraction(6)),
        (10, 24, 720, Fraction(3)),
        (10, 72, 720, Fraction(1)),
        (10, 72, 672, Fraction(14, 15)),
        (2, 1, 168, Fraction("3.36")),
        (2, 1, 2160, Fraction("43.2")),
    ],
)
def test_a_share_of_the_budget_in_a_lookback_is_a_burn_rate(
    share: int, long_h: int, window_h: int, rate: Fraction
) -> None:
    assert threshold(Fraction(share, 100), window_h * HOUR_MS, long_h * HOUR_MS) == rate


@given(
    st.fractions(0, 1, max_denominator=100), st.integers(1, 10**6), st.integers(1, 10**6)
)  # fmt: skip
def test_threshold_and_share_undo_each_other(share: Fraction, window: int, long: int) -> None:
    assert share_burned(threshold(share, window, long), window, long) == share


@given(
    st.fractions(Fraction(1, 100), 1, max_denominator=100),
    st.sampled_from([Fraction("0.9"), Fraction("0.99"), TARGET]),
    st.integers(1, 720),
)
def test_failures_that_trip_an_alert_do_not_depend_on_its_lookback(
    share: Fraction, target: Fraction, long_h: int
) -> None:
    """A run a minute for 30 days: so many failures in the lookback burn just at the threshold."""
    needed = failures_to_trip(share, 43_200, target)
    assert needed / (60 * long_h) / (1 - target) == threshold(share, 720, long_h)


@pytest.mark.parametrize(
    ("percent", "failures"), [(2, (Fraction("0.864"), 1)), (5, (Fraction("2.16"), 3)),
                              (10, (Fraction("4.32"), 5))]
)  # fmt: skip
def test_at_a_run_a_minute_a_single_failure_is_two_percent_of_a_month(
    percent: int, failures: tuple[Fraction, int]
) -> None:
    needed = failures_to_trip(Fraction(percent, 100), 43_200, TARGET)
    assert (needed, whole(needed)) == failures


def test_nothing_burns_faster_than_an_outage() -> None:
    assert max_burn(Fraction("0.9")) == burn_rate(Counts(bad=7), Fraction("0.9")) == 10


def test_a_pace_of_one_spends_the_budget_evenly() -> None:
    assert pace(Fraction(7, 30), 7, 30) == 1
    assert pace(Fraction(2, 5), 7, 30) == Fraction(12, 7)
    assert pace(Fraction(0), 0, 30) is None


@given(
    st.integers(1, 10**4), st.integers(0, 100),
    st.sampled_from([Fraction("0.99"), TARGET]), st.sampled_from([Fraction("0.9"), Fraction(1, 2)]),
)  # fmt: skip
def test_the_same_runs_burn_an_sla_as_if_it_were_the_target(
    good: int, bad: int, target: Fraction, sla: Fraction
) -> None:
    counts = Counts(good=good, bad=bad)
    burned = burn_rate(counts, target)
    assert burned is not None
    assert against(burned, target, sla) == burn_rate(counts, sla)
