"""Counting: what happened in a span, as it was and as exclusions leave it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from prober.evaluator.sources.once import Once
from prober.evaluator.sources.source import Measure
from prober.slo.budget import Counts
from prober.slo.contract import Contract, ExclusionMode
from prober.slo.exclusion import Exclusion, spans, without
from prober.slo.slices import edges, inside, occurrences, timeslices
from prober.slo.window import Span

#: By region.
Regions = Mapping[str, Counts]
#: By region and number of the slice.
Slices = Mapping[str, Mapping[int, Counts]]


class Counted(NamedTuple):
    """What happened in a span."""

    #: What is judged, runs or slices of time: as it was, and as exclusions leave it.
    before: Counts
    after: Counts
    #: The runs behind it, by region.
    raw: Regions
    regions: Regions


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts runs, or slices of time, of one objective as its contract says."""

    contract: Contract
    measure: Measure
    source: Once
    #: In force.
    exclusions: tuple[Exclusion, ...] = ()
    _counted: dict[tuple[Span, bool], Counted] = field(default_factory=dict)

    def count(self, span: Span, due: bool = True) -> Counted:
        """What happened in a span; where slices are counted it holds whole ones.

        For `due` see `Source.counts`.
        """
        if (span, due) not in self._counted:
            self._counted[span, due] = self._count(span, due)
        return self._counted[span, due]

    def planned(self, period: Span, regions: Collection[str]) -> tuple[int | None, int | None]:
        """How many runs or slices a period holds, and how many of them exclusions leave.

        None: no schedule says so.
        """
        slice_ms, journey = self.contract.budgeting.slice_ms, self.contract.journey
        if slice_ms is not None:
            every = period.length_ms // slice_ms
            return every, every - len(self.lost({}, period, slice_ms, regions))
        planned = self.source.planned(journey, period)
        every = sum(planned.values())
        removed = sum(
            self.source.slots(journey, part).get(region, 0)
            for region in planned
            if self._removes
            for part in self.excluded(region, period)
        )
        return every or None, max(0, every - removed) or None

    def excluded(self, region: str, span: Span) -> tuple[Span, ...]:
        """What of a span exclusions hold in a region."""
        return spans(self.exclusions, self.contract.journey, region, span)

    def runs(self, span: Span) -> Regions:
        """The runs of a span by region, as exclusions leave them, also where slices are counted."""
        return self._without(self.source.counts(self.measure, span), span, due=True)

    def slices(self, span: Span, slice_ms: int) -> Slices:
        """Runs by region and slice, as exclusions leave them."""
        seen = self.source.slices(self.measure, span, slice_ms)
        mode = self.contract.data.exclusion_mode
        left = {}
        for region, slices in seen.items():
            held = self._held(region, slices, span, slice_ms)
            left[region] = slices | {
                number: without(slices[number], counts, mode) for number, counts in held.items()
            }
        return left

    def lost(
        self, left: Slices, span: Span, slice_ms: int, regions: Collection[str]
    ) -> Collection[int]:
        """Slices from which exclusions took runs, and those which they hold in all regions."""
        if not (self.exclusions and self._removes):
            return ()
        touched = {n for slices in left.values() for n, counts in slices.items() if counts.excluded}
        covered = [
            {n for part in self.excluded(region, span) for n in inside(part, span, slice_ms)}
            for region in regions
        ]
        return touched | (set.intersection(*covered) if covered else set())

    @property
    def _removes(self) -> bool:
        return self.contract.data.exclusion_mode is ExclusionMode.REMOVE

    def _count(self, span: Span, due: bool) -> Counted:
        raw = self.source.counts(self.measure, span, due)
        regions = self._without(raw, span, due)
        rule, slice_ms = self.contract.budgeting.rule, self.contract.budgeting.slice_ms
        if slice_ms is None:
            before = occurrences(raw, rule)
            after = before if raw is regions else occurrences(regions, rule)
            return Counted(before, after, raw, regions)
        no_data = self.contract.data.no_data
        number = span.length_ms // slice_ms
        seen = self.source.slices(self.measure, span, slice_ms)
        left = self.slices(span, slice_ms)
        lost = self.lost(left, span, slice_ms, raw)
        before = timeslices(number, seen, rule, no_data)
        return Counted(before, timeslices(number, left, rule, no_data, lost), raw, regions)

    def _without(self, raw: Regions, span: Span, due: bool) -> Regions:
        """The counts of a span, as exclusions leave them."""
        if not self.exclusions:
            return raw
        return {region: self._left(region, counts, span, due) for region, counts in raw.items()}

    def _left(self, region: str, counts: Counts, span: Span, due: bool) -> Counts:
        """Counts of a region in a span, as exclusions leave them.

        How many slots of a part were due is told by difference: taken alone, the part's last
        slot would be one whose run may still be going.
        """
        held = Counts()
        for part in self.excluded(region, span):
            held += self._part(region, part)
            if due:
                rests = (self._part(region, Span(time_ms, span.end_ms), due) for time_ms in part)
                since, after = (rest.due for rest in rests)
                held += Counts(due=since - after)
        return without(counts, held, self.contract.data.exclusion_mode)

    def _held(
        self, region: str, slices: Mapping[int, Counts], span: Span, slice_ms: int
    ) -> dict[int, Counts]:
        """What exclusions hold of a region's slices."""
        held: dict[int, Counts] = {}
        for part in self.excluded(region, span):
            for number in inside(part, span, slice_ms):
                if number in slices:
                    held[number] = slices[number]
            for number, piece in edges(part, span, slice_ms):
                if number in slices:
                    held[number] = held.get(number, Counts()) + self._part(region, piece)
        return held

    def _part(self, region: str, part: Span, due: bool = False) -> Counts:
        return self.source.counts(self.measure, part, due).get(region, Counts())
