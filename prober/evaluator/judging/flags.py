"""What of a judgement deserves a second look, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from prober.evaluator.judging.counting import Counting
from prober.slo.alert import inconclusive
from prober.slo.budget import Counts, Judgement
from prober.slo.contract import Retry
from prober.slo.exclusion import GENEROUS, Exclusion, oddities, share
from prober.slo.slices import pooled
from prober.slo.window import Span
from prober.units import percent


def flags(
    counting: Counting, judgement: Judgement, span: Span, periods: Mapping[str, int]
) -> Iterator[str]:
    """What deserves a second look.

    Args:
        counting: see there.
        judgement: how the objective stands,
        span: and what was counted.
        periods: by region, from slot to slot, in ms.
    """
    if inconclusive(judgement.runs):
        lost = percent(Fraction(judgement.runs.invalid, judgement.runs.completed), 1)
        yield f"{lost} of the completed runs gave no verdict: failures could hide among them"
    sliced = counting.contract.budgeting.slice_ms is not None
    if counting.contract.data.retry is Retry.FINAL and not sliced:
        yield from _flaky(counting, judgement, span)
    if counting.exclusions:
        regions = counting.source.counts(counting.measure, span)
        excluded = share((counting.excluded(region, span) for region in regions), span)
        if excluded > GENEROUS:
            yield f"exclusions hold {percent(excluded, 1)} of the window"
    for exclusion in counting.exclusions:
        yield from _odd(counting, exclusion, span, periods)


def _flaky(counting: Counting, judgement: Judgement, span: Span) -> Iterator[str]:
    """Failures that only a second attempt made good, and what they would have cost."""
    final = pooled(counting.source.counts(counting.measure, span)).bad
    first = replace(counting.measure, retry=Retry.FIRST)
    flaky = pooled(counting.source.counts(first, span)).bad - final
    if flaky > 0:
        cost = percent(flaky / judgement.budget, 1) if judgement.budget else "all"
        yield f"passed only when tried again: {flaky}, which would consume {cost} of the budget"


def _odd(
    counting: Counting, exclusion: Exclusion, span: Span, periods: Mapping[str, int]
) -> Iterator[str]:
    held = before = Counts()
    for time in exclusion.times(span):
        for region, counts in counting.source.counts(counting.measure, time).items():
            if exclusion.regions is None or region in exclusion.regions:
                held += counts
        for region, every_ms in periods.items():
            if exclusion.regions is None or region in exclusion.regions:
                eve = Span(time.start_ms + 1 - every_ms, time.start_ms + 1)
                counted = counting.source.counts(counting.measure, eve)
                before += counted.get(region, Counts())
    for oddity in oddities(exclusion, held, before):
        yield f"exclusion {exclusion.id} {oddity}"
