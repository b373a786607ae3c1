"""A journey along time: what its runs said by region and step of a grid, and what happened then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from prober.evaluator.judging.counting import Counting
from prober.evaluator.judging.grid import Grid
from prober.slo.attribution import Deploy
from prober.slo.budget import Counts
from prober.slo.exclusion import Exclusion
from prober.slo.window import Span


class Mood(StrEnum):
    """What the runs of a step said."""

    PASSED = "passed"  #: every one with a verdict was good
    SOME = "some"  #: fewer than half of them were bad
    FAILED = "failed"  #: half of them or more were bad
    INCONCLUSIVE = "inconclusive"  #: none gave a verdict
    EXCLUDED = "excluded"  #: exclusions hold every one
    NONE = "none"  #: there were none


class Cell(NamedTuple):
    """The runs of a region in a step."""

    at_ms: int
    counts: Counts

    @property
    def mood(self) -> Mood:
        """What they said."""
        counts = self.counts
        if counts.valid:
            if not counts.bad:
                return Mood.PASSED
            return Mood.SOME if 2 * counts.bad < counts.valid else Mood.FAILED
        if counts.invalid:
            return Mood.INCONCLUSIVE
        return Mood.EXCLUDED if counts.excluded else Mood.NONE


class Happened(NamedTuple):
    """Something beside the runs, for as long as it lasted."""

    kind: str
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A journey along a grid."""

    grid: Grid
    #: By region, as exclusions leave them.
    strips: Mapping[str, tuple[Cell, ...]]
    #: Oldest first.
    happened: tuple[Happened, ...]


def timeline(
    counting: Counting, grid: Grid, deploys: Iterable[Deploy], incidents: Iterable[Happened]
) -> Timeline:
    """What there is to see of a journey.

    Args:
        counting: of the objective whose bad runs are shown.
        grid: over the window.
        deploys: what went out, in or out of the window.
        incidents: of the window.

    Raises:
        SourceUnavailable: runs cannot be counted now.
    """
    happened = [*incidents, *_deployed(deploys, grid.span), *_excluded(counting, grid.span)]
    return Timeline(
        grid, dict(_strips(counting, grid)), tuple(sorted(happened, key=lambda each: each.span))
    )


def _strips(counting: Counting, grid: Grid) -> Iterator[tuple[str, tuple[Cell, ...]]]:
    seen = counting.slices(grid.outer, grid.step_ms)
    for region, slices in sorted(seen.items()):
        yield (
            region,
            tuple(
                Cell(at_ms, slices.get(number, Counts())) for number, at_ms in enumerate(grid.steps)
            ),
        )


def _deployed(deploys: Iterable[Deploy], span: Span) -> Iterator[Happened]:
    for deploy in deploys:
        if span.holds(deploy.at_ms):
            yield Happened("deploy", Span(deploy.at_ms, deploy.at_ms), f"deploy {deploy.name}")


def _excluded(counting: Counting, span: Span) -> Iterator[Happened]:
    """What was agreed not to count."""
    journey = counting.contract.journey
    for exclusion in counting.exclusions:
        if exclusion.concerns(journey):
            for part in exclusion.times(span):
                yield Happened("exclusion", part, _why(exclusion))


def _why(exclusion: Exclusion) -> str:
    where = f" in {', '.join(sorted(exclusion.regions))}" if exclusion.regions else ""
    return f"excluded{where}: {exclusion.category}, {exclusion.reason}"
