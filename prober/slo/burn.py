"""Burn rate: how fast an error budget is being spent, and what it takes for that to show."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Final

from prober.slo.budget import Counts

_NONE: Final = Fraction(0)


def burn_rate(counts: Counts, target: Fraction) -> Fraction | None:
    """How many times faster than allowed the budget is being spent.

    1 spends the budget in exactly one window; 5 spends that of 30 days in 6. Source: Google
    SRE Workbook, ch. 5, "Alerting on SLOs".

    Returns:
        None when nothing is valid, for absence of data is not health, or when failures meet
        a target of 100 %, which leaves nothing to burn.

    >>> burn_rate(Counts(good=17, bad=3), Fraction("0.95"))
    Fraction(3, 1)
    """
    if not counts.bad:
        return _NONE if counts.good else None
    allowed = (target.denominator - target.numerator) * counts.valid
    return Fraction(counts.bad * target.denominator, allowed) if allowed else None


def max_burn(target: Fraction) -> Fraction:
    """The burn rate when every run fails: no alert above it can fire. Target below 1.

    >>> max_burn(Fraction("0.9"))
    Fraction(10, 1)
    """
    return 1 / (1 - target)


def against(rate: Fraction, target: Fraction, other: Fraction) -> Fraction:
    """A burn rate or consumed share of one target as that of another one, such as an SLA's.

    >>> against(Fraction(1), target=Fraction("0.9995"), other=Fraction("0.999"))
    Fraction(1, 2)
    """
    return rate * (1 - target) / (1 - other)


def threshold(share: Fraction, window_ms: int | Fraction, long_ms: int | Fraction) -> Fraction:
    """The burn rate that spends a share of the window's budget in a lookback.

    >>> threshold(Fraction(2, 100), window_ms=720 * 3_600_000, long_ms=3_600_000)
    Fraction(72, 5)
    """
    return share * Fraction(window_ms) / long_ms


def share_burned(burn: Fraction, window_ms: int | Fraction, long_ms: int | Fraction) -> Fraction:
    """The share of the window's budget that a burn rate spends in a lookback.

    >>> share_burned(Fraction(72, 5), window_ms=720 * 3_600_000, long_ms=3_600_000)
    Fraction(1, 50)
    """
    return burn * Fraction(long_ms) / window_ms


def failures_to_trip(share: Fraction, runs: int | Fraction, target: Fraction) -> Fraction:
    """Failures that spend a share of the budget of a window with so many runs.

    It is what trips an alert for that share however long its lookback is: a longer one asks
    for a lower rate of more runs. Below 1, a single failure trips it.

    >>> failures_to_trip(Fraction(2, 100), runs=43_200, target=Fraction("0.999"))
    Fraction(108, 125)
    """
    return share * runs * (1 - target)


def whole(failures: Fraction) -> int:
    """So many failures as can happen: at least one.

    >>> whole(Fraction(108, 125)), whole(Fraction(3)), whole(Fraction(0))
    (1, 3, 1)
    """
    return max(1, ceil(failures))


def pace(
    consumed: Fraction, elapsed_ms: int | Fraction, window_ms: int | Fraction
) -> Fraction | None:
    """How much faster than evenly a calendar window spends its budget: above 1 it runs out.

    Returns:
        None in the window's first instant.

    40 % of a month's budget in its first week:

    >>> pace(Fraction("0.4"), elapsed_ms=7, window_ms=30)
    Fraction(12, 7)
    """
    return consumed * Fraction(window_ms) / elapsed_ms if elapsed_ms else None
