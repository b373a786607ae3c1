"""Targets from history: below everything seen, on a ladder, and whether one fits."""

from __future__ import annotations

import doctest
from fractions import Fraction
from math import nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.slo import suggestion
from prober.slo.confidence import Trial, tell_apart, wilson
from prober.slo.suggestion import LADDER, Fit, fit, retarget, rungs, suggest

MONTH_MS = 30 * 86_400_000
shares = st.fractions(0, 1, max_denominator=10_000)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(suggestion).failed == 0


@pytest.mark.parametrize(
    ("compliances", "target"),
    [
        pytest.param(["0.998", "0.997", "0.9975", "0.999", "0.997"], "0.995", id="99.7 gives 99.5"),
        pytest.param(["0.9951"], "0.995", id="just above a rung"),
        pytest.param(["0.995"], "0.99", id="on a rung there is no margin"),
        pytest.param(["1", "1"], "0.9999", id="never failed"),
        pytest.param(["1", "0.96"], "0.95", id="the worst window decides"),
        pytest.param(["0.9"], None, id="below the ladder"),
        pytest.param([], None, id="nothing seen"),
    ],
)
def test_the_target_lies_below_everything_that_was_seen(
    compliances: list[str], target: str | None
) -> None:
    expected = None if target is None else Fraction(target)
    assert suggest(map(Fraction, compliances)) == expected


def test_a_short_history_without_failure_is_no_proof_of_a_high_target() -> None:
    spotless = [Fraction(1)]
    assert suggest(spotless, low=wilson(0, 300).low) == Fraction("0.98")
    assert suggest(spotless, low=wilson(0, 43_200).low) == Fraction("0.9999")


def test_a_rung_at_the_edge_of_the_interval_is_not_below_it() -> None:
    edge = Fraction(1, 2)  # exact as a float
    assert suggest([Fraction(1)], [edge], low=0.5) is None
    assert suggest([Fraction(1)], [edge], low=nextafter(0.5, 1)) == edge


@given(st.lists(shares, min_size=1), st.lists(shares))
def test_every_window_kept_what_is_suggested_and_no_higher_rung_was_kept_with_a_margin(
    compliances: list[Fraction], ladder: list[Fraction]
) -> None:
    target = suggest(compliances, ladder)
    kept = [rung for rung in ladder if all(rung < share for share in compliances)]
    assert target == max(kept, default=None)


@pytest.mark.parametrize(
    ("consumed", "expected"),
    [
        pytest.param([], Fit.UNDETERMINED, id="nothing known"),
        pytest.param(["5"], Fit.UNDETERMINED, id="one window is no evidence"),
        pytest.param(["0", "0.24"], Fit.LOOSE, id="never a quarter"),
        pytest.param(["0", "0.25"], Fit.OK, id="a quarter once"),
        pytest.param(["1", "1", "0.9"], Fit.OK, id="budgets are meant to be spent"),
        pytest.param(["1.01", "0"], Fit.TIGHT, id="half overspent"),
        pytest.param(["1.01", "0", "0"], Fit.OK, id="less than half overspent"),
    ],
)
def test_a_target_is_tight_loose_or_right(consumed: list[str], expected: Fit) -> None:
    assert fit([Fraction(share) for share in consumed]) is expected


def test_a_ladder_says_what_each_target_would_mean() -> None:
    ladder = rungs([Fraction("0.999"), Fraction("0.9985")], 43_200, MONTH_MS, {})
    assert [rung.target for rung in ladder] == list(LADDER)
    three_nines = next(rung for rung in ladder if rung.target == Fraction("0.999"))
    assert three_nines.budget == Fraction("43.2")
    assert three_nines.budget_ms == Fraction("43.2") * 60_000
    assert three_nines.quantum == Fraction(10, 432)
    assert (three_nines.measurable, three_nines.missed) == (True, 1)
    assert three_nines.trial == Trial(1_102, 4)
    assert (ladder[0].trial, ladder[0].cost) == (None, "")


def test_costs_stand_at_their_rungs_and_make_rungs_of_their_own() -> None:
    costs = {Fraction("0.999"): "a second database", Fraction("0.997"): "nothing"}
    ladder = {rung.target: rung for rung in rungs([], 43_200, MONTH_MS, costs)}
    assert ladder[Fraction("0.999")].cost == "a second database"
    assert ladder[Fraction("0.997")].cost == "nothing"
    assert ladder[Fraction("0.9995")].cost == ""


def test_targets_that_lie_too_close_are_not_told_apart() -> None:
    close = [Fraction(text) for text in ("0.985", "0.9899", "0.99", "0.991")]
    trials = [rung.trial for rung in rungs([], 43_200, MONTH_MS, {}, close)]
    assert [trial is None for trial in trials] == [True, True, True, True]
    apart = rungs([], 43_200, MONTH_MS, {}, [Fraction("0.985"), Fraction("0.99")])
    assert apart[1].trial == tell_apart(Fraction("0.99"), Fraction("0.985"))


@pytest.mark.parametrize(
    ("judged", "quantum", "measurable"),
    [(300, Fraction(1, 3), True), (299, Fraction(100, 299), False), (0, None, False)],
)
def test_a_rung_is_measurable_from_three_failures_on(
    judged: int, quantum: Fraction | None, measurable: bool
) -> None:
    (rung,) = rungs([], judged, MONTH_MS, {}, [Fraction("0.99")])
    assert (rung.quantum, rung.measurable) == (quantum, measurable)


@given(st.integers(0, 100), st.fractions("0.5", "0.99"), st.fractions("0.5", "0.99"))
def test_with_another_target_the_same_failures_consume_another_share(
    bad: int, target: Fraction, other: Fraction
) -> None:
    consumed = bad / ((1 - target) * 1000)
    assert retarget(consumed, target, other) == bad / ((1 - other) * 1000)
