"""What becomes of a budget: its failures by age, and the recent rate, put into a projection."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from prober.errors import SourceUnavailable
from prober.evaluator.judging.counting import Counting
from prober.evaluator.judging.lately import Lately
from prober.slo.budget import Judgement, Number
from prober.slo.confidence import wilson
from prober.slo.contract import NoData
from prober.slo.projection import (
    LOOKBACKS_MS,
    MIN_FAILURES,
    Aged,
    Projection,
    Rate,
    project_calendar,
    project_rolling,
    rate_of,
)
from prober.slo.slices import bad_of, shares
from prober.slo.window import Calendar, Span, Window
from prober.units import DAY_MS

#: The ages of failures are told apart by so many parts of a window.
PARTS: Final = 30
#: Estimated rates are cut to so fine a share.
FINE: Final = 10**9


def project(
    lately: Lately, judgement: Judgement, window: Window, span: Span, period: Span
) -> Projection | None:
    """What becomes of a budget at the recent rate.

    Returns:
        None when there is no budget, or its source does not reach back far enough to say.

    Args:
        lately: see there.
        judgement: how the objective stands.
        window: over which it was judged,
        span: what was counted of it,
        period: and all of it.
    """
    if not judgement.budget:
        return None
    try:
        return _project(lately, judgement.budget, judgement.counts.bad, window, span, period)
    except SourceUnavailable:
        return None


def _project(
    lately: Lately, budget: Fraction, bad: Number, window: Window, span: Span, period: Span
) -> Projection:
    rate = rate_of(_of_late(lately))
    per_ms = rate.per_ms if rate else Fraction(0)
    bounds = _bounds(lately, rate) if rate else None
    if isinstance(window, Calendar):
        left_ms = period.end_ms - lately.as_of_ms
        return project_calendar(left_ms, budget, bad, per_ms, bounds)
    aged = [Aged(0, bad)]  # where even so the budget lasts, when they leave changes nothing
    if bad + per_ms * period.length_ms >= budget:
        aged = _aged(lately, span, bad)
    return project_rolling(period.length_ms, budget, aged, per_ms, bounds)


def _of_late(lately: Lately) -> Iterator[Aged]:
    """Failures by the shortest lookback that holds them, until there are enough for a rate."""
    known: Number = 0
    for lookback_ms in LOOKBACKS_MS:
        bad = lately.count(lookback_ms).after.bad
        yield Aged(lookback_ms, max(0, bad - known))
        known = max(known, bad)
        if known >= MIN_FAILURES:
            break


def _bounds(lately: Lately, rate: Rate) -> tuple[Fraction, Fraction]:
    """The lowest and the highest rate that as many failures of as many runs allow."""
    valid = lately.count(rate.lookback_ms).after.valid
    low, high = (1 - Fraction(round(edge * FINE), FINE) for edge in wilson(rate.failures, valid))
    return high * valid / rate.lookback_ms, low * valid / rate.lookback_ms


def _aged(lately: Lately, span: Span, bad: Number) -> list[Aged]:
    """The failures of a span, each as old as the end of the part of it that holds it.

    Of weighed shares the parts do not add up to the whole: they are stretched until they do.
    """
    slice_ms = lately.counting.contract.budgeting.slice_ms
    if slice_ms is None:
        parts = list(_runs(lately.counting, span))
    else:
        parts = list(_slices(lately.counting, span, slice_ms))
    total = sum(failures for _, failures in parts)
    stretch = 1 if total == bad else Fraction(bad) / total if total else 0
    return [
        Aged(lately.as_of_ms - end_ms, failures * stretch) for end_ms, failures in parts if failures
    ]


def _runs(counting: Counting, span: Span) -> Iterator[tuple[int, Number]]:
    """The end of each part of a span, and how many runs of it are bad."""
    part_ms = max(1, span.length_ms // PARTS)
    if part_ms > DAY_MS:
        part_ms -= part_ms % DAY_MS  # sums of whole days are quickly had
    first_ms = span.start_ms + -span.start_ms % part_ms
    last_ms = span.end_ms - span.end_ms % part_ms
    for edge in (Span(span.start_ms, first_ms), Span(last_ms, span.end_ms)):
        if edge.length_ms:
            yield edge.end_ms, counting.count(edge, due=False).after.bad
    left = counting.slices(Span(first_ms, last_ms), part_ms)
    for number, bad in bad_of(left, counting.contract.budgeting.rule).items():
        yield first_ms + (number + 1) * part_ms, bad


def _slices(counting: Counting, span: Span, slice_ms: int) -> Iterator[tuple[int, Number]]:
    """The end of each slice of a span, and how much of it is bad."""
    left = counting.slices(span, slice_ms)
    known = shares(left, counting.contract.budgeting.rule)
    if counting.contract.data.no_data is NoData.BAD:
        lost = counting.lost(left, span, slice_ms, left)
        silent = set(range(span.length_ms // slice_ms)) - set(lost)
        known |= dict.fromkeys(silent - known.keys(), 0)
    for number, good in known.items():
        yield span.start_ms + (number + 1) * slice_ms, 1 - good
