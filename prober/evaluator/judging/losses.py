"""Losses: due slots without a run and runs without a verdict, by cause and region.

Coverage and validity are what the prober promises of itself. Both are counted over a part of the
window that alerts guard, for a day of a month tells more than the month.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from prober.evaluator.judging.plain import exact
from prober.evaluator.sources.once import Once
from prober.evaluator.sources.source import Lost, Measure, Source
from prober.journal.tally import rules_of
from prober.slo.alert import watched_ms
from prober.slo.budget import Counts
from prober.slo.contract import Contract
from prober.slo.moment import iso
from prober.slo.slices import pooled
from prober.slo.window import Span
from prober.units import format_ms, percent

#: Of a slot that was due and of which nothing was heard: its agent does not report.
UNREPORTED: Final = "not reported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What was lost in a span."""

    span: Span
    #: By region: what was due, completed and valid.
    regions: Mapping[str, Counts]
    #: By region, where something was lost.
    lost: Mapping[str, Lost]

    @property
    def every(self) -> Counts:
        """Of all regions together."""
        return pooled(self.regions) if self.regions else Counts()

    @property
    def coverage(self) -> str:
        """What became of slots without a run, in words; empty when there are none.

        It reads `coverage 83.3%: 12 of 72 due slots have no run in 1d: missed (down) 9, skipped
        (capacity) 3, in eu-west-1`.
        """
        every = self.every
        if every.coverage is None or every.completed >= every.due:
            return ""
        causes = {region: self.unfinished(region) for region in self.regions}
        missing = f"{every.due - every.completed} of {every.due} due slots have no run"
        return f"coverage {_share(every.coverage)}: {missing} {self._causes(causes)}"

    @property
    def validity(self) -> str:
        """What became of runs without a verdict, in words; empty when there are none.

        It reads `validity 83.3%: 12 of 72 runs gave no verdict in 1d: egress 9, saturated 3, in
        eu-west-1`.
        """
        every = self.every
        if every.validity is None or not every.invalid:
            return ""
        causes = {region: lost.unclear for region, lost in self.lost.items()}
        missing = f"{every.invalid} of {every.completed} runs gave no verdict"
        return f"validity {_share(every.validity)}: {missing} {self._causes(causes)}"

    def unfinished(self, region: str) -> Mapping[str, int]:
        """Due slots of a region without a run, by why; also those that nobody speaks of."""
        counts, told = self.regions[region], self.lost.get(region, Lost()).unfinished
        rest = int(counts.due - counts.completed) - sum(told.values())
        return {**told, UNREPORTED: rest} if rest > 0 else told

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "start": iso(self.span.start_ms),
            "end": iso(self.span.end_ms),
            "coverage": exact(self.every.coverage),
            "validity": exact(self.every.validity),
            "text": [text for text in (self.coverage, self.validity) if text],
            "regions": [self._region(name, each) for name, each in sorted(self.regions.items())],
        }

    def _region(self, region: str, counts: Counts) -> dict[str, Any]:
        return {
            "region": region,
            "coverage": exact(counts.coverage),
            "validity": exact(counts.validity),
            "no_run": dict(self.unfinished(region)),
            "no_verdict": dict(self.lost.get(region, Lost()).unclear),
        }

    def _causes(self, regions: Mapping[str, Mapping[str, int]]) -> str:
        """It reads `in 1d: egress 9, saturated 3, in eu-west-1`."""
        total = _total(regions.values())
        names = ", ".join(f"{cause} {n}" for cause, n in total.most_common())
        where = sorted(region for region, causes in regions.items() if sum(causes.values()))
        told = f": {names}, in {', '.join(where)}" if where else ""
        return f"in {format_ms(self.span.length_ms)}{told}"


def losses(
    contract: Contract, source: Source | Once, slowest_ms: int | None, as_of_ms: int
) -> Losses:
    """What was lost of late: in a 30th of the window that alerts guard.

    Args:
        contract: whose journey.
        source: what knows the runs.
        slowest_ms: from slot to slot in the slowest region; None: there is no schedule.
        as_of_ms: now.

    Raises:
        SourceUnavailable: it cannot be told.
    """
    span = Span(as_of_ms - watched_ms(contract, slowest_ms or 0), as_of_ms)
    measure = Measure(rules_of([contract])[0], contract.data.retry)
    regions = source.counts(measure, span)
    whole = all(each.completed >= each.due and not each.invalid for each in regions.values())
    lost = {} if whole else source.lost(contract.journey, span)
    return Losses(span=span, regions=regions, lost=lost)


def _total(regions: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for causes in regions:
        total.update(causes)
    return +total


def _share(value: Fraction) -> str:
    return percent(value, 1)
