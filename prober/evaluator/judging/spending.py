"""What spent the budget of a result: the records of its bad runs, weighed as they were counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from prober.evaluator.judging.counting import Counting
from prober.evaluator.judging.lately import Lately
from prober.evaluator.judging.result import Result
from prober.slo.attribution import (
    Attribution,
    Deploy,
    Failure,
    Incident,
    Total,
    attribute,
)
from prober.slo.budget import Number
from prober.slo.contract import NoData, Retry
from prober.slo.impact import Episode
from prober.slo.region import Mode
from prober.slo.slices import pooled, timeslices
from prober.slo.window import Span

#: Failures that are so many periods apart are different incidents.
ROUNDS_APART = 2


class Flaky(NamedTuple):
    """Runs that passed only when they were tried again."""

    runs: int
    #: Share of the budget that they consume, or would if they counted; None: it has no runs.
    share: Fraction | None
    #: Whether they are bad by the contract: its first attempts count.
    counted: bool


@dataclass(frozen=True, slots=True)
class Spending:
    """What spent the budget of one result."""

    counting: Counting
    result: Result

    def attribution(self, deploys: Sequence[Deploy], within_ms: int) -> Attribution | None:
        """The consumed share, divided; None when there is no budget.

        Args:
            deploys: what went out.
            within_ms: so long after a deploy a failure is held against it.

        Raises:
            SourceUnavailable: runs cannot be had now.
        """
        counts, budget = self.result.judgement.counts, self.result.judgement.budget
        if not budget:
            return None
        data, journey = self.counting.contract.data, self.counting.contract.journey
        end_ms = self.result.span.end_ms
        every_ms = max(self.counting.source.periods(journey, end_ms).values(), default=0)
        return attribute(
            list(self.failures()),
            Total(counts.bad, budget, counts.no_data_slices if data.no_data is NoData.BAD else 0),
            deploys,
            within_ms,
            ROUNDS_APART * every_ms,
            every_ms,
            end_ms,
        )

    def episode(self, incident: Incident, budget: Number | None) -> Episode:
        """What ran during an incident, for saying what it did to users.

        Args:
            incident: of `attribution`.
            budget: what it took a share of; none or 0: there was none.

        Raises:
            SourceUnavailable: counts cannot be had now.
        """
        start_ms, end_ms = incident.span
        lately = Lately(self.counting, self.result.objective.target, end_ms)
        return Episode(
            span=incident.span,
            counts=lately.count(end_ms - start_ms).after,
            consumed=Fraction(incident.part.bad) / budget if budget else Fraction(0),
        )

    def failures(self) -> Iterator[Failure]:
        """The bad runs on record that exclusions leave, each with what it adds to what is bad."""
        counting, span = self.counting, self.result.span
        adds = self._by_slice() if counting.contract.budgeting.slice_ms else self._by_region()
        excluded: dict[str, tuple[Span, ...]] = {}
        for each in counting.source.source.failures(counting.measure, span):
            if each.region not in excluded:
                excluded[each.region] = counting.excluded(each.region, span)
            bad = adds.get(self._place(each), 0)
            if bad and not any(part.holds(each.slot_ms) for part in excluded[each.region]):
                yield each if bad == each.bad else replace(each, bad=bad)

    def flaky(self) -> Flaky:
        """Runs that failed first and passed when tried again.

        Raises:
            SourceUnavailable: counts cannot be had now.
        """
        first, final = (self._bad_runs(retry) for retry in (Retry.FIRST, Retry.FINAL))
        runs, budget = max(0, int(first - final)), self.result.judgement.budget
        contract = self.counting.contract
        sliced = contract.budgeting.slice_ms is not None
        return Flaky(
            runs=runs,
            share=runs / budget if budget and not sliced else None,
            counted=contract.data.retry is Retry.FIRST,
        )

    def _bad_runs(self, retry: Retry) -> Number:
        asked = self.counting
        measure = replace(asked.measure, retry=retry)
        counting = Counting(asked.contract, measure, asked.source, asked.exclusions)
        return pooled(counting.count(self.result.span).regions).bad

    def _place(self, run: Failure) -> str | int:
        """What says how much a run adds: its region, or its slice."""
        slice_ms = self.counting.contract.budgeting.slice_ms
        if slice_ms is None:
            return run.region
        return (run.slot_ms - self.result.span.start_ms) // slice_ms

    def _by_region(self) -> dict[str | int, Number]:
        """What a bad run adds, by its region: more where few runs carry much weight."""
        rule = self.counting.contract.budgeting.rule
        counts = {each.region: each.counts for each in self.result.regions if each.counts.valid}
        if rule.mode is not Mode.WEIGHTED:
            return dict.fromkeys(counts, 1)
        weights = {region: rule.weights.get(region, Fraction(0)) for region in counts}
        valid, total = sum(each.valid for each in counts.values()), sum(weights.values())
        return {
            region: valid * weight / total / counts[region].valid
            for region, weight in weights.items()
            if weight
        }

    def _by_slice(self) -> dict[str | int, Number]:
        """What a bad run adds, by its slice: an equal part of what is bad in that."""
        contract = self.counting.contract
        slice_ms, rule = contract.budgeting.slice_ms, contract.budgeting.rule
        assert slice_ms is not None
        seen = self.counting.slices(self.result.span, slice_ms)
        adds: dict[str | int, Number] = {}
        for number in {at for slices in seen.values() for at in slices}:
            here = {name: slices[number] for name, slices in seen.items() if number in slices}
            if bad := pooled(here).bad:
                one = {name: {0: counts} for name, counts in here.items()}
                adds[number] = Fraction(timeslices(1, one, rule).bad) / bad
        return adds
