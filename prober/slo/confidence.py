"""How much a number of runs can tell: intervals and odds that label reports and decide nothing.

Budgets, states and gates are exact accounts of what happened. This is about what might have:
roots and logarithms have no exact value, so here, and nowhere else in `prober.slo`, numbers
are floats. No judgement is made of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from fractions import Fraction
from functools import cache, lru_cache
from itertools import combinations
from math import ceil, comb, exp, fsum, lgamma, log, log1p, sqrt
from typing import Final, NamedTuple

#: Two-sided 95 % of a normal distribution.
Z_95: Final = 1.959963984540054
#: A false alarm in telling two targets apart, and what counts as proof: one-sided 95 %.
ALPHA: Final = 0.05
#: How often a worse service must be told from a better one.
POWER: Final = 0.8


class Interval(NamedTuple):
    """Between which shares the true one lies, with 95 % confidence."""

    low: float
    high: float


class Verdict(StrEnum):
    """Whether the runs prove that a target is met."""

    MET = "met"
    MISSED = "missed"
    UNDETERMINED = "undetermined"


class Trial(NamedTuple):
    """How to tell a worse service from a better one."""

    #: So many runs are enough, and so are more.
    runs: int
    #: It is the worse one when so many of them are bad.
    bad: int


def wilson(bad: int | Fraction, n: int | Fraction) -> Interval:
    """The Wilson interval of the share of good runs; everything when there is none.

    Source: E. B. Wilson, "Probable inference", 1927. It stays within [0, 1] and is right for
    few failures, where the normal approximation is not.

    Args:
        bad: how many were bad.
        n: how many there were; may be less than was counted, see `effective`.

    >>> [round(edge, 6) for edge in wilson(30, 43_200)]
    [0.999009, 0.999513]
    """
    if not n:
        return Interval(0.0, 1.0)
    good, size, square = float(1 - bad / Fraction(n)), float(n), Z_95**2
    centre = (good + square / (2 * size)) / (1 + square / size)
    spread = sqrt(good * (1 - good) / size + square / (4 * size**2)) * Z_95 / (1 + square / size)
    return Interval(max(0.0, centre - spread), min(1.0, centre + spread))


def verdict(interval: Interval, target: Fraction) -> Verdict:
    """Whether all of an interval lies on one side of a target.

    >>> verdict(wilson(43, 43_200), Fraction("0.999"))
    <Verdict.UNDETERMINED: 'undetermined'>
    """
    if interval.low >= target:
        return Verdict.MET
    return Verdict.MISSED if interval.high < target else Verdict.UNDETERMINED


def correlation(bad_by_round: Iterable[int], rounds: int, regions: int) -> Fraction:
    """How much alike the runs of one round are: 0 not at all, 1 all the same.

    A round is one run in each region. Of all pairs of runs in a round, the share of which both
    were bad, against what chance alone would give.

    Args:
        bad_by_round: bad runs of each round that had any.
        rounds: how many rounds there were.
        regions: runs in a round.

    >>> correlation([5, 5, 5], rounds=1000, regions=5)
    Fraction(1, 1)
    """
    found = list(bad_by_round)
    if regions < 2 or not rounds:
        return Fraction(0)
    share = Fraction(sum(found), rounds * regions)
    if share in (0, 1):
        return Fraction(0)
    both = Fraction(sum(bad * (bad - 1) for bad in found), rounds * regions * (regions - 1))
    return min(max((both - share**2) / (share * (1 - share)), Fraction(0)), Fraction(1))


def effective(n: int | Fraction, regions: int, rho: Fraction) -> Fraction:
    """As how many independent runs so many correlated ones count.

    >>> effective(43_200, regions=5, rho=Fraction(1))
    Fraction(8640, 1)
    """
    return Fraction(n) / (1 + (regions - 1) * rho)


def proof_runs(target: Fraction) -> int:
    """Runs in a row without failure that prove a target, with 95 % confidence.

    >>> [proof_runs(Fraction(text)) for text in ("0.99", "0.999", "0.9999")]
    [299, 2995, 29956]
    """
    return ceil(log(ALPHA) / log1p(-float(1 - target)))


@cache
def tell_apart(better: Fraction, worse: Fraction) -> Trial:
    """How many runs tell a service at one target from one at a lower target.

    The exact binomial: the better one is called worse in at most 5 % of trials, the worse one
    is recognised in at least 80 %, also with any greater number of runs. Targets that lie close
    together take long to tell apart, here as in life.

    Raises:
        ValueError: `better` is not above `worse`, or they are not between 0 and 1.

    >>> tell_apart(Fraction("0.999"), Fraction("0.995"))
    Trial(runs=1102, bad=4)
    """
    if not 0 < worse < better < 1:
        raise ValueError(f"{better} is not above {worse}, give the better target first")
    seldom, often = float(1 - better), float(1 - worse)
    found, first, bad = None, 1, 1
    while True:
        # From `first` runs on so many bad ones are beyond chance, until there are `end`. Among
        # them each more makes it surer to see as many, so the first is the weakest. Where even one
        # run's bad one is within chance there are none, and what is found is found anew: for two.
        end = _reach(first, bad, seldom, ALPHA)
        if end > first and tail(first, bad, often) >= POWER:
            return found or Trial(first, bad)
        found, first, bad = Trial(_reach(first, bad, often, POWER), bad), end, bad + 1


class Trip(NamedTuple):
    """What an alert waits for, beside a failure just now."""

    #: Failures in its long lookback, that one among them.
    failures: int
    #: Failures in its short lookback, that one among them.
    recent: int
    #: Different regions that failed in its long lookback.
    regions: int


class Lookback(NamedTuple):
    """Runs of one region."""

    window: int
    long: int
    short: int


def alarms(regions: Sequence[Lookback], trip: Trip, share: Fraction) -> float:
    """How often an alert begins to fire in a window by chance alone.

    Failures are taken to be independent of each other. An alert begins with a failure that
    finds enough others before it, and where there were not enough without it.

    Args:
        regions: runs of each.
        trip: what the alert waits for.
        share: of runs that fail.

    One run a minute from five regions, 99.95 % good: a first failure would page 21.5 times in
    30 days, a third from two regions does not in nine years.

    >>> regions = [Lookback(window=8640, long=12, short=1)] * 5
    >>> trips = [Trip(1, 1, 1), Trip(3, 1, 2)]
    >>> [round(alarms(regions, trip, Fraction("0.0005")), 4) for trip in trips]
    [21.5568, 0.0088]
    """
    if trip.regions > len(regions):
        return 0.0
    bad = float(share)
    return fsum(
        region.window * bad * (_fires(others, trip, bad, at) - _fires(others, trip, bad, None))
        for at, region in enumerate(regions)
        for others in [_without(regions, at)]
    )


def tail(n: int, least: int, share: float) -> float:
    """The odds of at least so many bad ones among `n` runs.

    >>> round(tail(60, 3, 0.05), 6)
    0.582564
    """
    if least <= n * share:
        return 1 - fsum(_exactly(n, bad, share) for bad in range(least))
    odds, bad = 0.0, least
    highest = term = _exactly(n, least, share)
    while term > highest * 1e-17:  # each is rarer than the one before
        odds, bad = odds + term, bad + 1
        term = _exactly(n, bad, share)
    return odds


def _exactly(n: int, bad: int, share: float) -> float:
    if bad > n:
        return 0.0
    ways = lgamma(n + 1) - lgamma(bad + 1) - lgamma(n - bad + 1)
    return exp(ways + bad * log(share) + (n - bad) * log1p(-share))


def _reach(first: int, least: int, share: float, odds: float) -> int:
    """From `first` on: with how many runs at least so many are bad with these odds."""
    low = high = first
    while tail(high, least, share) < odds:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if tail(middle, least, share) < odds else (low, middle)
    return high


def _without(regions: Sequence[Lookback], at: int) -> list[Lookback]:
    """All other runs than the one that just failed in a region."""
    failed = regions[at]
    rest = failed._replace(long=failed.long - 1, short=failed.short - 1)
    return [*regions[:at], rest, *regions[at + 1 :]]


def _fires(regions: Sequence[Lookback], trip: Trip, bad: float, at: int | None) -> float:
    """The odds that an alert fires, given a failure in the region `at`, or given none.

    Those of enough failures, less those of enough in too few regions: by inclusion and
    exclusion over the sets of regions outside of which nothing failed.
    """
    given = () if at is None else (at,)
    free = [index for index in range(len(regions)) if index not in given]
    failures, recent = trip.failures - len(given), trip.recent - len(given)
    odds = _enough(regions, tuple(free) + given, failures, recent, bad)
    for size in range(len(given), trip.regions):
        beyond = trip.regions - 1 - size
        times = (-1) ** beyond * comb(len(regions) - size - 1, beyond)
        for chosen in combinations(free, size - len(given)):
            odds -= times * _enough(regions, chosen + given, failures, recent, bad)
    return max(0.0, odds)


def _enough(
    regions: Sequence[Lookback], within: Sequence[int], failures: int, recent: int, bad: float
) -> float:
    """The odds of so many failures, all of them in some regions."""
    total = sum(region.long for region in regions)
    long = sum(regions[index].long for index in within)
    short = sum(regions[index].short for index in within)
    return exp((total - long) * log1p(-bad)) * _both(long, short, failures, recent, bad)


@lru_cache(maxsize=4096)
def _both(long: int, short: int, failures: int, recent: int, bad: float) -> float:
    """The odds of `failures` among `long` runs, and `recent` among the `short` last of them."""
    most = max(recent, failures)
    odds = tail(short, most, bad)
    earlier = tail(long - short, failures - most + 1, bad)
    for newest in range(most - 1, recent - 1, -1):
        odds += _exactly(short, newest, bad) * earlier
        earlier = max(0.0, earlier - _exactly(long - short, failures - newest, bad))
    return odds
