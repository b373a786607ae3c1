"""Projections: when an error budget will be spent at the recent rate, and when it recovers.

A rolling window forgets: failures leave it at their age, so that (budget − bad) ÷ rate names
too early a moment, and sometimes there is none. Both are told. Moments are spans from now in
milliseconds, fractions of them where a division says so; None is never.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

from prober.units import HOUR_MS

#: Where to look for enough failures to tell a rate, shortest first.
LOOKBACKS_MS: Final = tuple(hours * HOUR_MS for hours in (1, 6, 24, 72, 168))
#: Fewer failures than this are no rate, except over the longest lookback.
MIN_FAILURES: Final = 3

Time = int | Fraction


class Aged(NamedTuple):
    """Failures of one age: how long before now their slots were."""

    age_ms: Time
    failures: int | Fraction


class Rate(NamedTuple):
    """So many failures in so much time."""

    failures: Fraction
    lookback_ms: int

    @property
    def per_ms(self) -> Fraction:
        """Failures a millisecond."""
        return self.failures / self.lookback_ms


class Trend(StrEnum):
    """Where the consumed share of a budget is heading."""

    RISING = "rising"
    LEVEL = "level"
    FALLING = "falling"


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """What becomes of a budget if failures go on as they did of late."""

    #: Share of the budget that is consumed now.
    consumed: Fraction
    #: (budget − bad) ÷ rate, 0 when the budget is spent: true where nothing leaves the window.
    naive_ms: Fraction | None
    #: When the budget is spent, 0 when it is; in a calendar window only before its end.
    exhausts_ms: Fraction | None
    #: The same at the highest and at the lowest rate that the data allow; None without bounds.
    between_ms: tuple[Fraction | None, Fraction | None] | None
    #: When a spent budget is no longer, should nothing fail from now on; None: it is not spent.
    recovers_ms: Time | None
    #: Share consumed at the end of a calendar window, or one rolling window from now.
    consumed_at_end: Fraction

    @property
    def on_track(self) -> bool:
        """Whether the budget will last."""
        return self.exhausts_ms is None

    @property
    def trend(self) -> Trend:
        """Whether the consumed share will grow or shrink."""
        if self.consumed_at_end > self.consumed:
            return Trend.RISING
        return Trend.FALLING if self.consumed_at_end < self.consumed else Trend.LEVEL


def rate_of(failures: Iterable[Aged], enough: int = MIN_FAILURES) -> Rate | None:
    """The recent rate: over the shortest lookback that holds enough failures, else the longest.

    Returns:
        None when nothing failed in any of them: the budget is not burning.

    >>> rate_of([Aged(60_000, 2), Aged(7_200_000, 1)])
    Rate(failures=Fraction(3, 1), lookback_ms=21600000)
    """
    known = list(failures)
    for lookback_ms in LOOKBACKS_MS:
        found = sum(each.failures for each in known if each.age_ms <= lookback_ms)
        if found >= enough:
            break
    return Rate(Fraction(found), lookback_ms) if found else None


def project_rolling(
    window_ms: Time,
    budget: Fraction,
    failures: Iterable[Aged],
    rate: Fraction,
    bounds: tuple[Fraction, Fraction] | None = None,
) -> Projection:
    """What becomes of the budget of a rolling window, which failures leave as they came.

    Args:
        window_ms: its length.
        budget: failures that it may hold, above 0.
        failures: those of the window; what is older is left out.
        rate: failures a millisecond from now on.
        bounds: the lowest and the highest rate that the data allow.

    A budget of 432 a 30 days, 144 failures of it about to leave, 72 more a day: it takes 5 days,
    not 3.

    >>> project_rolling(30, Fraction(432), [Aged(29, 144), Aged(0, 72)], Fraction(72)).exhausts_ms
    Fraction(5, 1)
    """
    inside = [each for each in failures if each.age_ms <= window_ms]
    held = sorted(inside, reverse=True)
    bad = _sum(held)
    return Projection(
        consumed=bad / budget,
        naive_ms=_naive(budget, bad, rate),
        exhausts_ms=_exhausts(window_ms, budget, held, rate),
        between_ms=bounds
        and (
            _exhausts(window_ms, budget, held, bounds[1]),
            _exhausts(window_ms, budget, held, bounds[0]),
        ),
        recovers_ms=_recovers(window_ms, budget, held),
        consumed_at_end=rate * window_ms / budget,
    )


def project_calendar(
    left_ms: Time,
    budget: Fraction,
    bad: int | Fraction,
    rate: Fraction,
    bounds: tuple[Fraction, Fraction] | None = None,
) -> Projection:
    """What becomes of the budget of a calendar window, which forgets everything at its end.

    Args:
        left_ms: time to its end.
        budget: failures that the whole window may hold, above 0.
        bad: failures so far.
        rate: failures a millisecond from now on.
        bounds: the lowest and the highest rate that the data allow.

    >>> project_calendar(20, Fraction("43.2"), 10, Fraction(1)).consumed_at_end
    Fraction(25, 36)
    """

    def exhausts(rate: Fraction) -> Fraction | None:
        at_ms = _naive(budget, bad, rate)
        return None if at_ms is None or at_ms > left_ms else at_ms

    return Projection(
        consumed=bad / budget,
        naive_ms=_naive(budget, bad, rate),
        exhausts_ms=exhausts(rate),
        between_ms=bounds and (exhausts(bounds[1]), exhausts(bounds[0])),
        recovers_ms=left_ms if bad >= budget else None,
        consumed_at_end=(bad + rate * left_ms) / budget,
    )


def available(remaining: Fraction, reserved: Iterable[Fraction]) -> Fraction:
    """What is left to spend when shares of the budget are kept back; may be below 0.

    A reservation is a plan: it lowers what is available, and nothing else.

    >>> available(Fraction(1, 2), [Fraction(1, 10)])
    Fraction(2, 5)
    """
    return remaining - sum(reserved)


def _naive(budget: Fraction, bad: int | Fraction, rate: Fraction) -> Fraction | None:
    if bad >= budget:
        return Fraction(0)
    return (budget - bad) / rate if rate else None


def _exhausts(
    window_ms: Time, budget: Fraction, held: Sequence[Aged], rate: Fraction
) -> Fraction | None:
    """The first t at which what is left of `held`, oldest first, and rate × t reach the budget.

    A failure stays up to the moment at which it is as old as the window is long. One window
    from now the oldest of the new failures leave too: from then on it gets no worse.
    """
    left = _sum(held)
    for age_ms, failures in [*held, Aged(0, 0)]:
        at_ms = _naive(budget, left, rate)
        if at_ms is None:
            return None
        if at_ms <= window_ms - age_ms:
            return at_ms
        left -= failures
    return None


def _recovers(window_ms: Time, budget: Fraction, held: Sequence[Aged]) -> Time | None:
    left, at_ms = _sum(held), None
    for age_ms, failures in held:
        if left < budget:
            break
        left, at_ms = left - failures, window_ms - age_ms
    return at_ms


def _sum(failures: Iterable[Aged]) -> Fraction:
    return Fraction(sum(each.failures for each in failures))
