"""From judgements to what a gate weighs: how things stand, and when there is room again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from prober.errors import SourceUnavailable
from prober.evaluator.judging.counting import Counting
from prober.evaluator.judging.result import Evaluation, Result
from prober.evaluator.judging.wording import length, why
from prober.evaluator.sources.once import Once
from prober.evaluator.sources.source import Measure, Source
from prober.journal.tally import rules_of
from prober.slo.alert import PAGE
from prober.slo.exclusion import spans
from prober.slo.gate import RECENT_MS, Stand, doubt_of
from prober.slo.region import Mode
from prober.slo.reservation import Reservation, reserved
from prober.slo.room import Course
from prober.slo.signoff import standing
from prober.slo.slices import pooled
from prober.slo.state import State
from prober.slo.window import Rolling, Span

#: Of so many bad runs it would take too long to say when each leaves the window.
_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Stands:
    """How the objectives of one contract stand, for the gate."""

    evaluation: Evaluation
    source: Source
    #: What is kept back of its budgets.
    reservations: Sequence[Reservation] = ()

    @property
    def reserved(self) -> Fraction:
        """The share of each budget that is kept back."""
        return reserved(self.reservations, self.evaluation.as_of_ms)

    def stands(self) -> Iterator[Stand]:
        """Every objective over every window that gates."""
        contract = self.evaluation.contract
        draft = not standing(contract, self.evaluation.as_of_ms).in_force
        for result in self.evaluation.deciding:
            yield Stand(
                slo=contract.name,
                objective=result.objective.name,
                window=length(result.window),
                policy=contract.policy,
                state=result.state,
                consumed=result.judgement.consumed,
                doubt=self._doubt(result),
                paging=tuple(dict.fromkeys(_pages(result))),
                reserved=self.reserved,
                draft=draft,
            )

    def courses(self) -> list[Course] | None:
        """What becomes of the budgets; None: not of every one is it known."""
        try:
            found = [self._course(result) for result in self.evaluation.deciding]
        except SourceUnavailable:
            return None
        known = [course for course in found if course]
        return known if len(known) == len(found) else None

    def _doubt(self, result: Result) -> str:
        """A miss that is proven is never in doubt: no silence undoes it."""
        if result.state is State.UNKNOWN:
            return why(result, self.evaluation.contract)
        if result.state is State.EXHAUSTED:
            return ""
        return doubt_of(result.staleness_ms, result.max_staleness_ms, self._recent(result))

    def _recent(self, result: Result) -> Fraction | None:
        """Coverage of the last day, as far as the contract was in effect and nothing excluded."""
        asked = self.evaluation
        counting = Counting(
            asked.contract, self._measure(result), Once(self.source), asked.exclusions
        )
        day = Span(asked.as_of_ms - RECENT_MS, asked.as_of_ms)
        try:
            return pooled(counting.runs(asked.contract.in_effect(day))).coverage
        except SourceUnavailable:
            return Fraction(0)

    def _course(self, result: Result) -> Course | None:
        contract, judgement = self.evaluation.contract, result.judgement
        by_run = contract.budgeting.slice_ms is None and contract.budgeting.rule.mode is Mode.POOLED
        few = result.raw.counts.bad <= _MOST
        if not (by_run and few and judgement.budget and result.state is not State.UNKNOWN):
            return None
        slots = list(self._bad_slots(result))
        if len(slots) != judgement.counts.bad:  # only counts are kept
            return None
        if isinstance(result.window, Rolling):
            leaves = [slot_ms + result.window.duration_ms + 1 for slot_ms in slots]
        else:
            leaves = [result.period.end_ms for _ in slots]
        return Course(
            policy=contract.policy,
            budget=judgement.budget,
            leaves=sorted(leaves),
            reservations=self.reservations,
        )

    def _bad_slots(self, result: Result) -> Iterator[int]:
        """Slots of the bad runs that exclusions leave."""
        journey, excluded = self.evaluation.contract.journey, {}
        for run in self.source.failures(self._measure(result), result.span):
            region = run.region
            if region not in excluded:
                excluded[region] = spans(self.evaluation.exclusions, journey, region, result.span)
            if not any(part.holds(run.slot_ms) for part in excluded[region]):
                yield run.slot_ms

    def _measure(self, result: Result) -> Measure:
        contract = self.evaluation.contract
        rule = rules_of([contract])[contract.objectives.index(result.objective)]
        return Measure(rule, contract.data.retry, self.evaluation.known_ms)


def _pages(result: Result) -> Iterator[str]:
    """The page alerts that fire."""
    return (reading.rule.name for reading in result.firing if reading.rule.severity == PAGE)
