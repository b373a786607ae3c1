"""Judging a contract: counts in, judgement out, exact until it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from prober.errors import SourceUnavailable
from prober.evaluator.judging.counting import Counting, Regions
from prober.evaluator.judging.flags import flags
from prober.evaluator.judging.lately import Lately
from prober.evaluator.judging.outlook import project
from prober.evaluator.judging.result import LOOKBACK_MS, Evaluation, Regional, Result, is_stale
from prober.evaluator.sources.once import Once
from prober.evaluator.sources.source import Measure, Received, Source
from prober.journal import tally
from prober.lazy import lazy
from prober.slo.alert import rules_of
from prober.slo.budget import Basis, Counts, Judgement, judge, unknown
from prober.slo.burn import pace
from prober.slo.contract import AlertRule, BudgetBasis, Contract, Objective
from prober.slo.exclusion import Exclusion
from prober.slo.slices import pooled, whole
from prober.slo.window import Calendar, Rolling, Span, Window


def evaluate(
    contract: Contract,
    source: Source | Once,
    as_of_ms: int,
    *,
    known_ms: int | None = None,
    exclusions: Iterable[Exclusion] = (),
    skew_ms: int | None = None,
) -> Evaluation:
    """Judge every objective of a contract over every one of its windows.

    A source that cannot answer makes a result UNKNOWN, with its reason; it raises nothing.

    Args:
        contract: what is judged.
        source: what knows the runs. Contracts judged at the same moment may share a `Once`,
            of a source that knows what `known_ms` says.
        as_of_ms: the moment of judgement: slots before it count.
        known_ms: count only what had arrived by then; None: everything.
        exclusions: those in force, see `prober.slo.exclusion.in_force`.
        skew_ms: also tell what arrived and was not counted; a run further ahead of `as_of_ms`
            than this is quarantined.
    """
    if not isinstance(source, Once):
        source = Once(source if known_ms is None else source.known_by(known_ms))
    concerned = tuple(each for each in exclusions if each.concerns(contract.journey))
    rules = tally.rules_of([contract])
    measures = [Measure(rule, contract.data.retry, known_ms) for rule in rules]
    countings = [Counting(contract, measure, source, concerned) for measure in measures]
    return Evaluation(
        contract=contract,
        as_of_ms=as_of_ms,
        known_ms=known_ms,
        exclusions=concerned,
        results=tuple(
            _Question(objective, window, counting, as_of_ms, skew_ms).answer()
            for objective, counting in zip(contract.objectives, countings, strict=True)
            for window in contract.windows
        ),
    )


@dataclass(frozen=True)
class _Question:
    """How one objective stands over one window."""

    objective: Objective
    window: Window
    counting: Counting
    as_of_ms: int
    skew_ms: int | None

    def answer(self) -> Result:
        try:
            return self._answer()
        except SourceUnavailable as error:
            nothing = unknown(self.objective.target)
            return Result(
                objective=self.objective,
                window=self.window,
                span=self.window.span(self.as_of_ms),
                period=self.window.period(self.as_of_ms),
                judgement=nothing,
                raw=nothing,
                note=str(error),
            )

    def _answer(self) -> Result:
        counted = self.counting.count(self.span)
        planned, left = self.counting.planned(self.period, counted.raw)
        judgement = raw = self.judge(counted.after, counted.regions, left)
        if self.counting.exclusions:
            raw = self.judge(counted.before, counted.raw, planned)
        lately = Lately(self.counting, self.objective.target, self.as_of_ms)
        lookbacks = {LOOKBACK_MS, *(ms for r in self.rules for ms in (r.long_ms, r.short_ms))}
        return Result(
            objective=self.objective,
            window=self.window,
            span=self.span,
            period=self.period,
            judgement=judgement,
            raw=raw,
            burn_rates={lookback_ms: lately.rate(lookback_ms) for lookback_ms in sorted(lookbacks)},
            alerts=tuple(lately.readings(self.rules)),
            pace=self.pace(judgement),
            projection=project(lately, judgement, self.window, self.span, self.period),
            regions=tuple(self.regions(counted.regions)),
            staleness_ms=self.staleness_ms,
            max_staleness_ms=self.max_staleness_ms,
            flags=tuple(flags(self.counting, judgement, self.span, self.periods)),
            received=self.received,
        )

    def judge(self, counts: Counts, regions: Regions, planned: int | None) -> Judgement:
        data = self.contract.data
        return judge(
            self.objective.target,
            counts,
            data.min_runs,
            data.min_coverage,
            planned,
            Basis.OBSERVED if planned is None else self.basis,
            runs=pooled(regions),
            stale=is_stale(self.staleness_ms, self.max_staleness_ms),
            bands=self.contract.policy.bands,
        )

    def pace(self, judgement: Judgement) -> Fraction | None:
        if judgement.consumed is None or isinstance(self.window, Rolling):
            return None
        elapsed_ms = self.as_of_ms - self.period.start_ms
        return pace(judgement.consumed, elapsed_ms, self.period.length_ms)

    def regions(self, regions: Regions) -> Iterator[Regional]:
        silent = self.source.silent(self.contract.journey, self.span)
        for region, counts in sorted(regions.items()):
            yield Regional(
                region=region,
                counts=counts,
                silent=silent.get(region, 0),
                newest_ms=self.newest.get(region),
            )

    @property
    def contract(self) -> Contract:
        return self.counting.contract

    @property
    def source(self) -> Once:
        return self.counting.source

    @lazy
    def begun_ms(self) -> int:
        """Since when its slots were due: it was in effect, and there was a schedule."""
        since_ms = self.source.since(self.contract.journey)
        effective_ms = self.contract.effective_ms
        return effective_ms if since_ms is None else max(effective_ms, since_ms)

    @lazy
    def span(self) -> Span:
        """What is counted; of slices, those that have ended."""
        if slice_ms := self.contract.budgeting.slice_ms:
            return whole(self.window, self.as_of_ms, slice_ms, self.begun_ms)
        return self.contract.in_effect(self.window.span(self.as_of_ms))

    @lazy
    def period(self) -> Span:
        """The whole window; of slices, the one that the last of them ended."""
        sliced = self.contract.budgeting.slice_ms is not None
        return self.window.period(self.span.end_ms if sliced else self.as_of_ms)

    @lazy
    def basis(self) -> Basis:
        match self.contract.data.basis:
            case BudgetBasis.AUTO:
                filling = isinstance(self.window, Calendar) or self.begun_ms > self.period.start_ms
                return Basis.PLANNED if filling else Basis.OBSERVED
            case basis:
                return Basis(basis)

    @lazy
    def periods(self) -> Mapping[str, int]:
        """By region, from slot to slot, in ms."""
        return self.source.periods(self.contract.journey, self.as_of_ms)

    @lazy
    def newest(self) -> Mapping[str, int | None]:
        """By region, the newest slot whose run gave a verdict."""
        return self.source.newest(self.contract.journey, self.as_of_ms)

    @lazy
    def staleness_ms(self) -> int | None:
        known = [slot_ms for slot_ms in self.newest.values() if slot_ms is not None]
        return self.as_of_ms - max(known) if known else None

    @lazy
    def max_staleness_ms(self) -> int | None:
        slowest_ms = max(self.periods.values(), default=0)
        return self.contract.data.max_staleness_ms or 3 * slowest_ms or None

    @lazy
    def rules(self) -> tuple[AlertRule, ...]:
        slowest_ms = max(self.periods.values(), default=None)
        return rules_of(
            self.contract,
            self.window,
            self.objective,
            every_ms=slowest_ms,
            regions=len(self.periods) or None,
        )

    @lazy
    def received(self) -> Received | None:
        if self.skew_ms is None:
            return None
        span = Span(self.span.start_ms, self.as_of_ms)
        return self.source.received(self.counting.measure, span, self.skew_ms)
