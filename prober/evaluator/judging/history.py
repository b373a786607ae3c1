"""The past of an objective: windows gone by, judged as today's is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from prober.evaluator.judging.counting import Counting
from prober.slo.budget import Judgement, judge
from prober.slo.confidence import Interval, correlation, effective, wilson
from prober.slo.contract import Objective
from prober.slo.slices import pooled, whole
from prober.slo.window import Calendar, Rolling, Span, Window

#: Runs of one round that are more alike than this count as fewer.
CORRELATED: Final = Fraction(1, 10)
#: A year of months, which is as long as hourly counts are kept.
WINDOWS: Final = 12


@dataclass(frozen=True, slots=True)
class Past:
    """A window that is over."""

    span: Span
    judgement: Judgement

    @property
    def known(self) -> bool:
        """Whether enough ran in it to say how it went."""
        return self.judgement.reason is None

    @property
    def met(self) -> bool | None:
        """Whether it kept its target; None: too little ran to say."""
        return self.judgement.met if self.known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is known of an objective's past."""

    #: Newest first.
    windows: tuple[Past, ...]
    #: No window is over yet: what there is of one stands in for it.
    partial: bool
    #: How much alike the runs of one round are; None: it cannot be told.
    rho: Fraction | None
    #: As how many independent ones the valid runs or slices of all windows count.
    independent: Fraction

    @property
    def known(self) -> tuple[Past, ...]:
        """The windows in which enough ran."""
        return tuple(past for past in self.windows if past.known)

    @property
    def compliances(self) -> tuple[Fraction, ...]:
        """Of the known windows, newest first."""
        found = (past.judgement.compliance for past in self.known)
        return tuple(share for share in found if share is not None)

    def consumed(self, target: Fraction) -> tuple[Fraction, ...]:
        """What each known window would have consumed of a target's budget, newest first."""
        return tuple((1 - share) / (1 - target) for share in self.compliances)

    def missed_in_a_row(self, target: Fraction) -> int:
        """How many of the newest windows missed a target, up to the first that met it."""
        met = [share >= target for share in self.compliances]
        return met.index(True) if True in met else len(met)

    @property
    def bad(self) -> Fraction:
        """Bad runs or slices of the known windows."""
        return sum((Fraction(past.judgement.counts.bad) for past in self.known), Fraction(0))

    @property
    def valid(self) -> Fraction:
        """Valid ones."""
        return sum((Fraction(past.judgement.counts.valid) for past in self.known), Fraction(0))

    @property
    def interval(self) -> Interval:
        """Where the true share of good ones lies, by all known windows together."""
        share = self.bad / self.valid if self.valid else Fraction(0)
        return wilson(share * self.independent, self.independent)


def history(counting: Counting, objective: Objective, window: Window, as_of_ms: int) -> History:
    """The windows that are over, or what there is of the first.

    Raises:
        SourceUnavailable: counts cannot be had now.
    """
    journey, source = counting.contract.journey, counting.source
    since_ms = source.since(journey)
    if since_ms is None:
        return History(windows=(), partial=False, rho=None, independent=Fraction(0))
    over = list(_over(counting, window, as_of_ms, since_ms))
    spans = over or [_begun(counting, Span(min(since_ms, as_of_ms), as_of_ms))]
    windows = tuple(_past(counting, objective, span) for span in spans)
    valid = sum((Fraction(p.judgement.counts.valid) for p in windows if p.known), Fraction(0))
    rho = _rho(counting, windows, as_of_ms)
    if rho is not None and rho > CORRELATED:
        valid = effective(valid, len(source.periods(journey, as_of_ms)), rho)
    return History(windows=windows, partial=not over, rho=rho, independent=valid)


def gone_by(
    counting: Counting, objective: Objective, window: Window, as_of_ms: int
) -> tuple[Past, ...]:
    """The windows that are over, newest first.

    Raises:
        SourceUnavailable: counts cannot be had now.
    """
    since_ms = counting.source.since(counting.contract.journey)
    if since_ms is None:
        return ()
    spans = _over(counting, window, as_of_ms, since_ms)
    return tuple(_past(counting, objective, span) for span in spans)


def _over(counting: Counting, window: Window, as_of_ms: int, since_ms: int) -> Iterator[Span]:
    """Whole windows, newest first, that began when there was a schedule."""
    slice_ms = counting.contract.budgeting.slice_ms
    span = whole(window, as_of_ms, slice_ms) if slice_ms else window.period(as_of_ms)
    if isinstance(window, Calendar):
        span = window.period(window.period(as_of_ms).start_ms - 1)
    for _ in range(WINDOWS):
        if span.start_ms < since_ms:
            break
        yield span
        span = window.period(span.start_ms - isinstance(window, Calendar))


def _begun(counting: Counting, span: Span) -> Span:
    """What there is of a window that is not over; of slices, whole ones."""
    if not (slice_ms := counting.contract.budgeting.slice_ms):
        return span
    return whole(Rolling("begun", span.length_ms), span.end_ms, slice_ms, span.start_ms)


def _past(counting: Counting, objective: Objective, span: Span) -> Past:
    counted, data = counting.count(span), counting.contract.data
    return Past(
        span,
        judge(
            objective.target,
            counted.after,
            data.min_runs,
            data.min_coverage,
            runs=pooled(counted.regions),
            bands=counting.contract.policy.bands,
        ),
    )


def _rho(counting: Counting, windows: tuple[Past, ...], as_of_ms: int) -> Fraction | None:
    """By the newest known window, where runs are counted and all regions have one period."""
    periods = counting.source.periods(counting.contract.journey, as_of_ms)
    every = set(periods.values())
    known = [past for past in windows if past.known]
    if not known or len(every) != 1 or counting.contract.budgeting.slice_ms:
        return None
    span, (every_ms,) = known[0].span, every
    runs = counting.source.source.failures(counting.measure, span)
    rounds = Counter(run.slot_ms // every_ms for run in runs)
    return correlation(rounds.values(), span.length_ms // every_ms, len(periods))
