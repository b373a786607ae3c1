"""How long the runs of a journey take, as a page shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from prober.evaluator.judging.grid import Grid
from prober.evaluator.judging.latencies import RANKS, Durations, by_bucket, durations, label
from prober.evaluator.pages.chart import Plot
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.sources.source import Source
from prober.journal.view import View
from prober.model import Outcome
from prober.slo.contract import Contract, Latency
from prober.slo.window import Span

#: So many of the newest runs, of all regions together, are drawn.
_DRAWN: Final = 3000
#: Of so many the records are read, for their steps.
_READ: Final = 300
_BUCKETS: Final = 48
_SECOND_US: Final = 1_000_000


class Line(NamedTuple):
    """A rank along time."""

    name: str
    #: Moments in ms, and s.
    points: tuple[tuple[int, Fraction], ...]


class Threshold(NamedTuple):
    """What an objective asks of whole runs."""

    objective: str
    seconds: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long runs that passed took."""

    plot: Plot
    lines: tuple[Line, ...]
    thresholds: tuple[Threshold, ...]
    #: How many are drawn.
    runs: int
    #: Of the newest of them.
    steps: tuple[Durations, ...]


def timing(contract: Contract, source: Source, span: Span) -> Timing | None:
    """How long the newest runs of a span took; None where only counts are kept, or none passed."""
    if not isinstance(source, JournalSource):
        return None
    passed = _passed(source.view, contract.journey, span)
    if not passed:
        return None
    slots = [slot_ms for slot_ms, _ in passed]
    grid = Grid.over(Span(min(slots), max(slots) + 1), _BUCKETS)
    found = by_bucket(passed, grid.outer.start_ms, grid.step_ms)
    lines = tuple(
        Line(
            label(rank),
            tuple(
                (at_ms + grid.step_ms // 2, Fraction(ranks.at(rank), _SECOND_US))
                for at_ms, ranks in found.items()
            ),
        )
        for rank in RANKS
    )
    thresholds = tuple(_thresholds(contract))
    values = [value for line in lines for _, value in line.points]
    return Timing(
        plot=Plot.of(grid, values, *(each.seconds for each in thresholds)),
        lines=lines,
        thresholds=thresholds,
        runs=len(passed),
        steps=tuple(_steps(source, contract.journey, span)),
    )


def _passed(view: View, journey: str, span: Span) -> list[tuple[int, int]]:
    """Slots in ms and durations in µs."""
    regions = view.regions(journey).values()
    each = max(1, _DRAWN // max(1, len(regions)))
    took = (run for series in regions for run in view.durations(series, span, each))
    return [(run.slot_ms, run.duration_us) for run in took if run.outcome is Outcome.PASSED]


def _steps(source: JournalSource, journey: str, span: Span) -> Iterator[Durations]:
    each = max(1, _READ // max(1, len(source.view.regions(journey))))
    recent = source.recent(journey, span.end_ms, each)
    return durations(run for runs in recent.values() for run in runs)


def _thresholds(contract: Contract) -> Iterator[Threshold]:
    for objective in contract.objectives:
        if isinstance(sli := objective.sli, Latency) and sli.step is None:
            yield Threshold(objective.name, Fraction(sli.threshold_us, _SECOND_US))
