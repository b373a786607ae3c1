"""Region rules, over runs and over slices of time; the grid is that of vector V24."""

from __future__ import annotations

import doctest
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.slo import slices
from prober.slo.budget import Counts
from prober.slo.contract import NoData
from prober.slo.region import Mode, RegionRule
from prober.slo.slices import bad_of, edges, inside, occurrences, shares, timeslices, whole
from prober.slo.window import Calendar, Rolling, Span, Unit

GOOD, BAD = Counts(good=1), Counts(bad=1)
#: Regions A, B and C in four rounds: 1011, 1001, 1000.
GRID = {
    "A": {0: GOOD, 1: BAD, 2: GOOD, 3: GOOD},
    "B": {0: GOOD, 1: BAD, 2: BAD, 3: GOOD},
    "C": {0: GOOD, 1: BAD, 2: BAD, 3: BAD},
}
WEIGHTS = {"A": Fraction(1, 2), "B": Fraction(1, 4), "C": Fraction(1, 4)}
COUNTS = st.builds(Counts, good=st.integers(0, 9), bad=st.integers(0, 9))
RULES = st.one_of(
    st.builds(RegionRule, mode=st.sampled_from(Mode), min_reporting=st.integers(1, 3)),
    st.builds(
        RegionRule,
        mode=st.just(Mode.WEIGHTED),
        weights=st.dictionaries(st.sampled_from("ABC"), st.fractions(0, 9, max_denominator=9)),
    ),
    st.builds(RegionRule, mode=st.just(Mode.QUORUM), quorum=st.integers(0, 4)),
)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(slices).failed == 0


@pytest.mark.parametrize(
    ("rule", "good"),
    [
        pytest.param(RegionRule(mode=Mode.ANY), 3, id="good where any region is"),
        pytest.param(RegionRule(mode=Mode.ALL), 1, id="good where all are"),
        pytest.param(RegionRule(mode=Mode.MAJORITY), 2, id="good where more than half are"),
        pytest.param(RegionRule(mode=Mode.QUORUM, quorum=2), 2, id="good where two are"),
        pytest.param(RegionRule(mode=Mode.QUORUM, quorum=3), 1, id="good where three are"),
        pytest.param(RegionRule(mode=Mode.POOLED), 2, id="the share of its runs"),
        pytest.param(
            RegionRule(mode=Mode.WEIGHTED, weights=WEIGHTS), Fraction(9, 4), id="by weight"
        ),
    ],
)
def test_one_data_set_reads_differently_by_each_rule(rule: RegionRule, good: Fraction) -> None:
    assert timeslices(4, GRID, rule) == Counts(good=good, bad=4 - good)


def test_half_of_the_regions_is_no_majority() -> None:
    seen = {"A": {0: GOOD}, "B": {0: BAD}}
    assert timeslices(1, seen, RegionRule(mode=Mode.MAJORITY)).bad == 1


def test_one_bad_run_makes_a_region_bad_in_its_slice() -> None:
    seen = {"A": {0: Counts(good=4, bad=1)}}
    assert timeslices(1, seen, RegionRule(mode=Mode.ANY)).bad == 1
    assert timeslices(1, seen, RegionRule()).good == Fraction(4, 5)


def test_only_regions_that_reported_a_verdict_are_asked() -> None:
    seen = {"A": {0: GOOD}, "B": {0: Counts(invalid=3)}, "C": {}}
    assert timeslices(1, seen, RegionRule(mode=Mode.ALL)).good == 1


def test_with_fewer_regions_reporting_than_it_takes_a_slice_has_no_data() -> None:
    rule = RegionRule(mode=Mode.QUORUM, quorum=2, min_reporting=3)
    seen = {"A": {0: GOOD, 1: BAD}, "B": {0: GOOD, 1: BAD}, "C": {0: BAD}}
    assert timeslices(2, seen, rule) == Counts(good=1, no_data_slices=1)


def test_regions_that_weigh_nothing_say_nothing() -> None:
    rule = RegionRule(mode=Mode.WEIGHTED, weights={"B": Fraction(1)})
    assert timeslices(1, {"A": {0: GOOD}}, rule).no_data_slices == 1
    assert occurrences({"A": Counts(good=3, invalid=1, due=5)}, rule) == Counts(invalid=1, due=5)


@pytest.mark.parametrize(
    ("no_data", "expected"),
    [
        pytest.param(NoData.EXCLUDE, Counts(good=1, no_data_slices=2), id="left out"),
        pytest.param(NoData.GOOD, Counts(good=3, no_data_slices=2), id="good"),
        pytest.param(NoData.BAD, Counts(good=1, bad=2, no_data_slices=2), id="bad"),
    ],
)
def test_a_slice_without_data_is_what_the_contract_says(no_data: NoData, expected: Counts) -> None:
    assert timeslices(3, {"A": {1: GOOD}}, RegionRule(), no_data) == expected


@pytest.mark.parametrize("no_data", NoData)
def test_a_slice_that_lost_its_runs_to_an_exclusion_is_left_out(no_data: NoData) -> None:
    seen = {"A": {0: GOOD, 1: Counts(excluded=1)}}
    assert timeslices(2, seen, RegionRule(), no_data, lost={1}) == Counts(good=1)


def test_a_slice_that_lost_some_of_its_runs_is_judged_by_the_others() -> None:
    seen = {"A": {0: Counts(excluded=1)}, "B": {0: BAD}}
    assert timeslices(1, seen, RegionRule(), lost={0}) == Counts(bad=1)


def at(number: int, regions: dict[str, Counts]) -> dict[str, dict[int, Counts]]:
    """All runs of some regions in one slice."""
    return {region: {number: counts} for region, counts in regions.items()}


def test_weighted_runs_are_as_many_as_there_were() -> None:
    regions = {"A": Counts(good=90, bad=10), "B": Counts(bad=10, invalid=2, due=99, excluded=5)}
    counts = occurrences(regions, RegionRule(mode=Mode.WEIGHTED, weights=WEIGHTS))
    assert counts == Counts(good=66, bad=44, invalid=2, due=99, excluded=5)
    assert bad_of(at(7, regions), RegionRule(mode=Mode.WEIGHTED, weights=WEIGHTS)) == {7: 44}


def test_by_any_other_rule_runs_are_summed_before_anything_is_divided() -> None:
    regions = {"A": Counts(good=90, bad=10), "B": Counts(bad=10)}
    assert occurrences(regions, RegionRule(mode=Mode.ALL)) == Counts(good=90, bad=20)
    assert bad_of(at(7, regions), RegionRule(mode=Mode.ALL)) == {7: 20}


@pytest.mark.parametrize("mode", Mode)
def test_bad_runs_are_counted_slice_by_slice(mode: Mode) -> None:
    rule = RegionRule(mode=mode, quorum=1, weights={"A": Fraction(1)})
    seen = {"A": {0: BAD, 1: GOOD, 3: BAD + BAD}, "B": {1: GOOD}}
    assert bad_of(seen, rule) == {0: 1, 3: 2}


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("ABC"), COUNTS), RULES)
def test_runs_are_neither_made_nor_lost(regions: dict[str, Counts], rule: RegionRule) -> None:
    counts = occurrences(regions, rule)
    assert counts.valid in (0, sum(region.valid for region in regions.values()))
    assert counts.good >= 0 <= counts.bad


@settings(deadline=None)
@given(
    st.integers(0, 5),
    st.dictionaries(st.sampled_from("ABC"), st.dictionaries(st.integers(0, 4), COUNTS)),
    RULES,
    st.sampled_from(NoData),
    st.sets(st.integers(0, 4)),
)
def test_every_slice_is_good_bad_silent_or_left_out(
    more: int,
    seen: dict[str, dict[int, Counts]],
    rule: RegionRule,
    no_data: NoData,
    lost: set[int],
) -> None:
    number = 5 + more
    counts = timeslices(number, seen, rule, no_data, lost)
    left_out = len(lost - shares(seen, rule).keys())
    silent = counts.no_data_slices if no_data is NoData.EXCLUDE else 0
    assert counts.valid + silent + left_out == number


def test_slices_of_a_rolling_window_are_as_many_at_every_moment() -> None:
    hour = Rolling("hour", 3_600_000)
    for as_of_ms in (7_200_000, 7_200_001, 7_499_999):
        assert whole(hour, as_of_ms, 300_000) == Span(3_600_000, 7_200_000)
    assert whole(hour, 7_500_000, 300_000) == Span(3_900_000, 7_500_000)


def test_slices_begin_with_a_calendar_window() -> None:
    """That of Kathmandu begins at 18:15 UTC, which is no multiple of an hour."""
    day = Calendar("day", Unit.DAY, "Asia/Kathmandu")
    start_ms, _ = day.period(1_782_900_000_000)
    assert start_ms % 3_600_000 == 900_000
    assert whole(day, start_ms + 7_199_999, 3_600_000) == Span(start_ms, start_ms + 3_600_000)
    assert whole(day, start_ms, 3_600_000) == Span(start_ms, start_ms)


def test_slices_from_before_a_beginning_are_none_of_ours() -> None:
    hour = Rolling("hour", 3_600_000)
    assert whole(hour, 7_200_000, 300_000, 3_900_001) == Span(4_200_000, 7_200_000)
    assert whole(hour, 7_200_000, 300_000, 3_900_000) == Span(3_900_000, 7_200_000)
    assert whole(hour, 7_200_000, 300_000, 0) == Span(3_600_000, 7_200_000)
    assert whole(hour, 7_200_000, 300_000, 9_000_000) == Span(7_200_000, 7_200_000)


def test_a_part_of_one_millisecond_lies_in_its_slice() -> None:
    assert list(edges(Span(19, 20), Span(0, 100), 10)) == [(1, Span(19, 20))]


def test_a_part_without_an_end_in_the_span_holds_no_slice() -> None:
    assert list(inside(Span(200, 300), Span(0, 100), 10)) == []
    assert list(edges(Span(200, 300), Span(0, 100), 10)) == []


@settings(deadline=None)
@given(st.integers(-20, 120), st.integers(0, 120), st.integers(1, 30), st.integers(0, 8))
def test_what_a_part_holds_is_whole_slices_and_edges(
    start_ms: int, length_ms: int, slice_ms: int, number: int
) -> None:
    part, span = Span(start_ms, start_ms + length_ms), Span(7, 7 + number * slice_ms)
    held = set(range(*part.within(span)))
    wholes = {
        7 + n * slice_ms + offset
        for n in inside(part, span, slice_ms)
        for offset in range(slice_ms)
    }
    pieces = {ms for _, piece in edges(part, span, slice_ms) for ms in range(*piece)}
    assert wholes | pieces == held
    assert not wholes & pieces
    for n, piece in edges(part, span, slice_ms):
        assert (piece.start_ms - 7) // slice_ms == n == (piece.end_ms - 1 - 7) // slice_ms
