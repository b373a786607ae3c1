"""What few runs can tell: figures of the literature, and the odds recounted the slow way."""

from __future__ import annotations

import doctest
import random
from collections import deque
from fractions import Fraction
from itertools import accumulate, product
from math import comb, prod

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prober.slo import confidence
from prober.slo.confidence import (
    ALPHA,
    POWER,
    Interval,
    Lookback,
    Trial,
    Trip,
    Verdict,
    alarms,
    correlation,
    effective,
    proof_runs,
    tail,
    tell_apart,
    verdict,
    wilson,
)

TARGET = Fraction("0.999")
#: A run in five minutes, over thirty days, an hour, and five minutes.
REGION = Lookback(window=8640, long=12, short=1)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(confidence).failed == 0


@pytest.mark.parametrize(
    ("bad", "runs", "low", "high", "expected"),
    [
        (30, 43_200, 0.999009, 0.999513, Verdict.MET),
        (43, 43_200, 0.998660, 0.999261, Verdict.UNDETERMINED),
        (60, 43_200, 0.998213, 0.998921, Verdict.MISSED),
        (8, 8_640, 0.998174, 0.999531, Verdict.UNDETERMINED),
        (1, 60, 0.911449, 0.997052, Verdict.MISSED),
        (0, 1, 0.206549, 1.0, Verdict.UNDETERMINED),
        (0, 0, 0.0, 1.0, Verdict.UNDETERMINED),
    ],
)
def test_an_interval_says_what_the_runs_prove(
    bad: int, runs: int, low: float, high: float, expected: Verdict
) -> None:
    interval = wilson(bad, runs)
    assert interval == pytest.approx((low, high), abs=1e-6)
    assert verdict(interval, TARGET) is expected


def test_a_target_at_the_lower_edge_is_met_and_one_at_the_upper_is_not_missed() -> None:
    low, high = Fraction(1, 4), Fraction(3, 4)  # exact as floats
    assert verdict(Interval(0.25, 0.75), low) is Verdict.MET
    assert verdict(Interval(0.25, 0.75), high) is Verdict.UNDETERMINED


@given(st.integers(0, 2000), st.integers(0, 2000))
@example(16, 0)  # by floats its upper edge is above 1
def test_an_interval_holds_the_share_and_stays_a_share(good: int, bad: int) -> None:
    low, high = wilson(bad, good + bad)
    assert 0 <= low <= high <= 1
    if good + bad:
        assert low - 1e-12 <= good / (good + bad) <= high + 1e-12


@pytest.mark.parametrize(
    ("better", "worse", "trial"),
    [
        ("0.999", "0.995", Trial(1_102, 4)),
        ("0.999", "0.998", Trial(10_167, 17)),
        ("0.9995", "0.999", Trial(20_336, 17)),
        ("0.995", "0.99", Trial(2_032, 17)),
        ("0.9999", "0.999", Trial(4_278, 3)),
        ("0.96", "0.2", Trial(1, 1)),  # which is bad in just 80 % of trials
        ("0.9", "0.2", Trial(3, 2)),  # one bad run of one is within chance
    ],
)
def test_targets_are_told_apart_after_so_many_runs(better: str, worse: str, trial: Trial) -> None:
    assert tell_apart(Fraction(better), Fraction(worse)) == trial


@settings(deadline=None, max_examples=40)
@given(st.integers(10, 40), st.integers(2, 6))
def test_that_many_runs_tell_targets_apart_by_whole_numbers(percent: int, times: int) -> None:
    """Counted out with integers, at the number of runs, at the one before and at those after it."""
    worse, better = Fraction(100 - percent, 100), 1 - Fraction(percent, 100 * times)
    trial = tell_apart(better, worse)

    def tells(runs: int) -> bool:
        seldom, often = at_least(runs, 1 - better), at_least(runs, 1 - worse)
        needed = next(bad for bad, odds in enumerate(seldom) if odds <= Fraction(ALPHA))
        return often[needed] >= Fraction(POWER)

    assert at_least(trial.runs, 1 - better)[trial.bad] <= Fraction(ALPHA)
    assert trial.runs == 1 or not tells(trial.runs - 1)
    assert all(tells(runs) for runs in range(trial.runs, trial.runs + 20))


def at_least(runs: int, share: Fraction) -> list[Fraction]:
    """The odds of at least 0, 1, … bad ones, exact, up to one more than there are runs."""
    bad, good = share.numerator, share.denominator - share.numerator
    ways = [
        comb(runs, number) * bad**number * good ** (runs - number) for number in range(runs, -1, -1)
    ]
    sums = [0, *accumulate(ways)]
    return [Fraction(each, share.denominator**runs) for each in reversed(sums)]


@given(st.integers(0, 60), st.integers(-2, 62), st.fractions("1/50", "49/50", max_denominator=50))
def test_odds_are_those_of_whole_numbers(runs: int, least: int, share: Fraction) -> None:
    exact = at_least(runs, share)[min(max(0, least), runs + 1)]
    assert tail(runs, least, float(share)) == pytest.approx(float(exact), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    ("better", "worse"), [("0.9", "0.9"), ("0.9", "0.99"), ("1", "0.9"), ("0.9", "0")]
)
def test_what_is_not_better_cannot_be_told_from_it(better: str, worse: str) -> None:
    with pytest.raises(ValueError, match="give the better target first"):
        tell_apart(Fraction(better), Fraction(worse))


@pytest.mark.parametrize(
    ("target", "runs"),
    [("0.99", 299), ("0.995", 598), ("0.999", 2_995), ("0.9995", 5_990), ("0.9999", 29_956)],
)
def test_so_many_runs_without_failure_prove_a_target(target: str, runs: int) -> None:
    share = Fraction(target)
    assert proof_runs(share) == runs
    assert share.numerator**runs * 20 <= share.denominator**runs
    assert share.numerator ** (runs - 1) * 20 > share.denominator ** (runs - 1)


@pytest.mark.parametrize(
    ("bad_by_round", "rounds", "regions", "rho"),
    [
        pytest.param([5, 5, 5], 1000, 5, Fraction(1), id="all regions fail or none"),
        pytest.param([1] * 100, 1000, 5, Fraction(0), id="never two at once"),
        pytest.param([1, 2, 1], 4, 2, Fraction(0), id="two coins: both, either, none"),
        pytest.param([3], 10, 1, Fraction(0), id="one region has nothing to be like"),
        pytest.param([], 0, 5, Fraction(0), id="nothing ran"),
        pytest.param([], 10, 5, Fraction(0), id="nothing failed"),
        pytest.param([2, 2], 2, 2, Fraction(0), id="everything failed"),
        pytest.param([2, 1], 100, 2, Fraction(391, 591), id="mostly together"),
        pytest.param([3], 1000, 2, Fraction(1), id="more at once than there are regions now"),
    ],
)
def test_runs_of_a_round_are_more_or_less_alike(
    bad_by_round: list[int], rounds: int, regions: int, rho: Fraction
) -> None:
    assert correlation(bad_by_round, rounds, regions) == rho


def test_runs_that_are_all_alike_count_as_rounds() -> None:
    assert effective(43_200, 5, Fraction(1)) == 8_640
    assert effective(43_200, 5, Fraction(0)) == 43_200


def simulated(regions: int, trip: Trip, share: float, rounds: int, seed: int) -> float:
    """Beginnings of an alert per run, counted in a simulation: one run a tick, regions in turn."""
    chance, began, fired = random.Random(seed), 0, False
    long: deque[tuple[int, int]] = deque()
    for tick in range(rounds):
        if chance.random() < share:
            long.append((tick, tick % regions))
        while long and long[0][0] <= tick - 12 * regions:
            long.popleft()
        recent = sum(at > tick - regions for at, _ in long)
        fires = len(long) >= trip.failures and recent >= trip.recent
        fires = fires and len({region for _, region in long}) >= trip.regions
        began += fires and not fired
        fired = fires
    return began / rounds


@pytest.mark.parametrize(
    ("trip", "share"),
    [
        pytest.param(Trip(1, 1, 1), "0.01", id="the first failure"),
        pytest.param(Trip(3, 1, 1), "0.02", id="three of an hour"),
        pytest.param(Trip(3, 1, 2), "0.02", id="three of an hour, from two regions"),
        pytest.param(Trip(4, 1, 3), "0.03", id="four of an hour, from three regions"),
        pytest.param(Trip(4, 2, 2), "0.03", id="four, two of them in the last round"),
        pytest.param(Trip(2, 3, 1), "0.05", id="three in the last round, which are two"),
    ],
)
def test_alarms_by_chance_are_as_frequent_as_in_a_simulation(trip: Trip, share: str) -> None:
    runs = 400_000
    regions = [Lookback(window=runs // 4, long=12, short=1)] * 4
    expected = alarms(regions, trip, Fraction(share))
    counted = simulated(4, trip, float(share), runs, seed=7) * runs
    assert counted == pytest.approx(expected, rel=0.12)


def naive_alarms(regions: list[Lookback], trip: Trip, share: Fraction) -> Fraction:
    """The same by weighing every outcome of all other runs, exact."""
    total = Fraction(0)
    for at, failed in enumerate(regions):
        others = list(regions)
        others[at] = Lookback(failed.window, failed.long - 1, failed.short - 1)
        begins = Fraction(0)
        for outcome in product(*(outcomes(region, share) for region in others)):
            recent, earlier = (sum(each[part] for each in outcome) for part in (0, 1))
            failing = {n for n, each in enumerate(outcome) if each[0] + each[1]}
            before = fires(trip, recent + earlier, recent, failing)
            after = fires(trip, recent + earlier + 1, recent + 1, failing | {at})
            begins += prod((each[2] for each in outcome), start=Fraction(1)) * (after - before)
        total += failed.window * share * begins
    return total


def outcomes(region: Lookback, share: Fraction) -> list[tuple[int, int, Fraction]]:
    """How many recent and earlier runs of a region may fail, and the odds of that."""

    def odds(runs: int, bad: int) -> Fraction:
        return comb(runs, bad) * share**bad * (1 - share) ** (runs - bad)

    earlier = region.long - region.short
    return [
        (recent, older, odds(region.short, recent) * odds(earlier, older))
        for recent in range(region.short + 1)
        for older in range(earlier + 1)
    ]


def fires(trip: Trip, failures: int, recent: int, regions: set[int]) -> bool:
    enough = failures >= trip.failures and recent >= trip.recent
    return enough and len(regions) >= trip.regions


lookbacks = st.builds(
    lambda window, short, earlier: Lookback(window, short + earlier, short),
    st.integers(1, 100),
    st.integers(1, 2),
    st.integers(0, 2),
)


@settings(deadline=None)
@given(
    st.lists(lookbacks, min_size=1, max_size=4),
    st.builds(Trip, st.integers(1, 5), st.integers(1, 3), st.integers(1, 4)),
    st.sampled_from([Fraction(1, 2), Fraction(1, 5), Fraction(1, 50)]),
)
def test_alarms_by_chance_are_those_of_every_outcome(
    regions: list[Lookback], trip: Trip, share: Fraction
) -> None:
    exact = float(naive_alarms(regions, trip, share))
    assert alarms(regions, trip, share) == pytest.approx(exact, rel=1e-9, abs=1e-12)


def test_guards_make_false_pages_rare() -> None:
    healthy, ailing = Fraction("0.0005"), Fraction("0.002")
    textbook, guarded = Trip(1, 1, 1), Trip(3, 1, 2)
    assert alarms([REGION] * 5, textbook, healthy) == pytest.approx(21.5, abs=0.1)
    assert alarms([REGION] * 5, guarded, healthy) == pytest.approx(0.009, abs=0.0005)
    assert alarms([REGION] * 5, textbook, ailing) == pytest.approx(86, abs=1)
    assert alarms([REGION] * 5, guarded, ailing) == pytest.approx(0.5, abs=0.05)


def test_an_alert_that_waits_for_more_regions_than_there_are_never_fires() -> None:
    assert alarms([REGION], Trip(3, 1, 2), Fraction(1, 10)) == 0
