"""The judgement of an objective, and laws that hold for all counts."""

from __future__ import annotations

import doctest
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.slo import budget
from prober.slo.budget import Basis, Counts, Doubt, judge, unknown
from prober.slo.state import State

TARGET = Fraction("0.999")
counts = st.builds(
    Counts,
    good=st.integers(0, 10**5),
    bad=st.integers(0, 10**4),
    invalid=st.integers(0, 10**4),
    due=st.integers(0, 10**6),
)
targets = st.fractions(0, 1, max_denominator=10**5)
minimum_runs = st.integers(1, 1000)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(budget).failed == 0


def test_999_promille_of_thirty_days_is_43_minutes_and_12_seconds() -> None:
    a_run_a_minute = Counts(good=43_200, due=43_200)
    assert judge(TARGET, a_run_a_minute).budget == Fraction("43.2")


def test_a_budget_that_is_spent_exactly_is_exhausted_though_the_target_is_met() -> None:
    """With floats 0.9999999999999991 of it is spent."""
    judgement = judge(TARGET, Counts(good=999, bad=1))
    assert (judgement.consumed, judgement.remaining) == (Fraction(1), Fraction(0))
    assert (judgement.met, judgement.state) == (True, State.EXHAUSTED)


def test_an_overspent_budget_shows_by_how_much() -> None:
    judgement = judge(Fraction("0.99"), Counts(bad=1))
    assert (judgement.consumed, judgement.remaining) == (Fraction(100), Fraction(-99))


@pytest.mark.parametrize(
    ("counted", "reason"),
    [
        pytest.param(Counts(), Doubt.NO_DATA, id="nothing was due"),
        pytest.param(Counts(due=9), Doubt.NO_DATA, id="nothing ran"),
        pytest.param(Counts(invalid=9, due=9), Doubt.ALL_INVALID, id="all runs were inconclusive"),
        pytest.param(Counts(due=9, excluded=9), Doubt.ALL_EXCLUDED, id="all runs are excluded"),
        pytest.param(
            Counts(invalid=1, due=9, excluded=8), Doubt.ALL_INVALID, id="what is left says nothing"
        ),
        pytest.param(Counts(good=9, due=9), Doubt.INSUFFICIENT_RUNS, id="too few runs"),
        pytest.param(Counts(good=89, due=100), Doubt.LOW_COVERAGE, id="too many slots are empty"),
    ],
)
def test_what_is_not_known_is_never_good(counted: Counts, reason: Doubt) -> None:
    judgement = judge(TARGET, counted, min_runs=10, min_coverage=Fraction(9, 10))
    assert (judgement.state, judgement.reason) == (State.UNKNOWN, reason)


def test_an_old_verdict_says_nothing_unless_a_miss_is_proven() -> None:
    fresh = judge(TARGET, Counts(good=90, bad=1), planned=10_000)
    stale = judge(TARGET, Counts(good=90, bad=1), planned=10_000, stale=True)
    proven = judge(TARGET, Counts(good=90, bad=10), planned=10_000, stale=True)
    assert (fresh.state, fresh.reason) == (State.EXHAUSTED, None)
    assert (stale.state, stale.reason) == (State.UNKNOWN, Doubt.STALE)
    assert (proven.state, proven.reason) == (State.EXHAUSTED, None)


def test_without_a_plan_nothing_is_proven() -> None:
    assert judge(TARGET, Counts(bad=9), min_runs=10).reason is Doubt.INSUFFICIENT_RUNS


def test_what_a_source_cannot_say_is_unknown_and_not_zero() -> None:
    judgement = unknown(TARGET)
    assert (judgement.state, judgement.reason) == (State.UNKNOWN, Doubt.SOURCE)
    assert (judgement.target, judgement.basis) == (TARGET, Basis.OBSERVED)
    assert judgement.counts == judgement.runs == Counts()
    assert (judgement.compliance, judgement.met, judgement.remaining, judgement.left) == (
        None,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("slices", "runs", "reason"),
    [
        pytest.param(Counts(good=9), Counts(due=9), Doubt.NO_DATA, id="slices good by rule alone"),
        pytest.param(Counts(), Counts(good=9), Doubt.NO_DATA, id="too few regions in each slice"),
        pytest.param(Counts(), Counts(invalid=9), Doubt.ALL_INVALID, id="no verdict in any slice"),
        pytest.param(
            Counts(good=99), Counts(good=8, due=10), Doubt.LOW_COVERAGE, id="coverage is of runs"
        ),
        pytest.param(
            Counts(good=8), Counts(good=99, due=99), Doubt.INSUFFICIENT_RUNS, id="too few slices"
        ),
    ],
)
def test_slices_are_as_good_as_the_runs_behind_them(
    slices: Counts, runs: Counts, reason: Doubt
) -> None:
    judgement = judge(TARGET, slices, 9, Fraction(9, 10), runs=runs)
    assert (judgement.state, judgement.reason) == (State.UNKNOWN, reason)


def test_bands_are_those_of_the_policy() -> None:
    strict = ((Fraction(0), State.FULL), (Fraction(1, 10), State.EXHAUSTED))
    states = [
        judge(Fraction(0), Counts(good=100 - n, bad=n), bands=strict).state for n in (9, 10, 11)
    ]
    assert states == [State.FULL, State.EXHAUSTED, State.EXHAUSTED]


def test_parts_of_runs_are_judged_exactly() -> None:
    """Weighted regions: vector V24e."""
    judgement = judge(Fraction(3, 4), Counts(good=Fraction(9, 4), bad=Fraction(7, 4)))
    assert (judgement.compliance, judgement.budget, judgement.consumed, judgement.left) == (
        Fraction(9, 16),
        Fraction(1),
        Fraction(7, 4),
        Fraction(-3, 4),
    )


def test_enough_runs_and_coverage_are_enough() -> None:
    judgement = judge(TARGET, Counts(good=90, due=100), 90, Fraction(9, 10))
    assert (judgement.state, judgement.reason) == (State.FULL, None)
    assert judge(TARGET, Counts(good=1)).state is State.FULL  # where nobody asks for more


def test_where_no_slot_is_known_to_be_due_coverage_is_not_judged() -> None:
    judgement = judge(TARGET, Counts(good=90), min_coverage=Fraction(9, 10))
    assert (judgement.coverage, judgement.state) == (None, State.FULL)


def test_inconclusive_runs_lower_validity_and_nothing_else() -> None:
    judgement = judge(Fraction(8, 9), Counts(good=8, bad=1, invalid=1, due=10))
    assert (judgement.compliance, judgement.coverage, judgement.validity) == (
        Fraction(8, 9),
        Fraction(1),
        Fraction(9, 10),
    )


@pytest.mark.parametrize("basis", Basis)
@pytest.mark.parametrize(
    ("bad", "state"),
    [
        pytest.param(43, State.UNKNOWN, id="one failure short of it"),
        pytest.param(44, State.EXHAUSTED, id="more failures than the plan allows"),
    ],
)
def test_an_exhaustion_that_no_later_run_can_undo_is_proven(
    basis: Basis, bad: int, state: State
) -> None:
    judgement = judge(TARGET, Counts(bad=bad, due=43_200), 600, Fraction(9, 10), 43_200, basis)
    assert judgement.state is state


def test_a_window_that_is_filling_up_is_judged_by_its_plan() -> None:
    first_day = Counts(good=1439, bad=1, due=1440)
    observed = judge(TARGET, first_day, planned=43_200)
    planned = judge(TARGET, first_day, planned=43_200, basis=Basis.PLANNED)
    assert (observed.consumed, observed.state) == (Fraction(25, 36), State.WARNING)
    assert (planned.consumed, planned.state) == (Fraction(5, 216), State.FULL)
    assert (observed.basis, planned.basis) == (Basis.OBSERVED, Basis.PLANNED)


def test_a_planned_budget_needs_a_plan() -> None:
    with pytest.raises(ValueError, match=r"^a planned budget needs the number of planned runs$"):
        judge(TARGET, Counts(), basis=Basis.PLANNED)


@pytest.mark.parametrize(
    ("counted", "consumed", "state"),
    [
        pytest.param(Counts(good=3), Fraction(0), State.FULL, id="without failure it is full"),
        pytest.param(Counts(good=3, bad=1), None, State.EXHAUSTED, id="any failure exhausts it"),
        pytest.param(Counts(), None, State.UNKNOWN, id="without runs it is not known"),
    ],
)
def test_a_target_of_everything_divides_nothing_by_zero(
    counted: Counts, consumed: Fraction | None, state: State
) -> None:
    judgement = judge(Fraction(1), counted, planned=10)
    assert (judgement.consumed, judgement.state) == (consumed, state)


def test_counts_add_up() -> None:
    tens = Counts(10, 20, 30, 40, 50, 60)
    assert Counts(1, 2, 3, 4, 5, 6) + tens == Counts(11, 22, 33, 44, 55, 66)


@pytest.mark.parametrize("name", ["good", "bad", "invalid", "due"])
def test_a_negative_count_is_an_error_and_not_clamped(name: str) -> None:
    with pytest.raises(ValueError, match="a count is negative"):
        Counts(**{name: -1})


@settings(deadline=None)
@given(targets, counts)
def test_remaining_and_consumed_are_the_whole_budget(target: Fraction, counted: Counts) -> None:
    judgement = judge(target, counted)
    if judgement.consumed is not None and judgement.remaining is not None:
        assert judgement.consumed + judgement.remaining == 1
    assert (judgement.consumed is None) == (judgement.remaining is None)


@settings(deadline=None)
@given(targets, counts)
def test_one_more_good_run_never_raises_what_is_consumed(target: Fraction, counted: Counts) -> None:
    before, after = judge(target, counted), judge(target, counted + Counts(good=1))
    if before.consumed is not None:
        assert after.consumed is not None
        assert after.consumed <= before.consumed


@settings(deadline=None)
@given(targets, counts)
def test_one_more_bad_run_never_lowers_what_is_consumed(target: Fraction, counted: Counts) -> None:
    before, after = judge(target, counted), judge(target, counted + Counts(bad=1))
    if before.consumed is not None and after.consumed is not None:
        assert after.consumed >= before.consumed


@settings(deadline=None)
@given(targets, counts)
def test_met_says_the_same_as_a_budget_not_overspent(target: Fraction, counted: Counts) -> None:
    judgement = judge(target, counted)
    if judgement.consumed is not None:
        assert judgement.met == (judgement.consumed <= 1)


@settings(deadline=None)
@given(targets, counts, minimum_runs)
def test_a_state_is_unknown_exactly_when_there_is_a_reason(
    target: Fraction, counted: Counts, min_runs: int
) -> None:
    judgement = judge(target, counted, min_runs, Fraction(9, 10))
    assert (judgement.state is State.UNKNOWN) == (judgement.reason is not None)
    assert judgement.compliance is not None or judgement.state is State.UNKNOWN


@settings(deadline=None)
@given(targets, st.lists(counts, min_size=1, max_size=5))
def test_regions_together_consume_between_the_least_and_the_most_of_them(
    target: Fraction, regions: list[Counts]
) -> None:
    each = [judge(target, region).consumed for region in regions if region.valid]
    pooled = judge(target, sum(regions, Counts())).consumed
    known = [consumed for consumed in each if consumed is not None]
    if pooled is not None and len(known) == len(each):
        assert min(known) <= pooled <= max(known)
