"""The worst contributors: what took the most of a budget, in lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prober.evaluator.reports.chapter import Chapter
from prober.evaluator.reports.episodes import spent
from prober.journal.reasons import MOST
from prober.slo.attribution import NO_DEPLOY, NO_STEP, Attribution, Part
from prober.units import percent

#: Of each division the largest part is told, and so many incidents.
_INCIDENTS: Final = 2
#: With more bad runs than this none is, for that would take seconds of every minute.
_MOST: Final = MOST // 2


def worst(chapter: Chapter) -> tuple[str, ...]:
    """What took the most of the budget that decides; nothing when nothing was taken.

    Raises:
        SourceUnavailable: runs cannot be had now.
    """
    decides = chapter.evaluation.deciding[0]
    if not decides.judgement.consumed or decides.judgement.runs.bad > _MOST:
        return ()
    every = (about for subject in chapter.subjects for about in subject.abouts)
    found = spent(next(about for about in every if about.result is decides), chapter.deploys)
    return tuple(_lines(found)) if found else ()


def _lines(found: Attribution) -> Iterator[str]:
    """It reads `step pay: 62.5% of the budget`."""
    for kind, parts, nobody in (
        ("step", found.steps, NO_STEP),
        ("cause", found.causes, ""),
        ("region", found.regions if len(found.regions) > 1 else (), ""),
        ("deploy", found.deploys, NO_DEPLOY),
    ):
        if named := [part for part in parts if part.name != nobody]:
            yield f"{kind} {_part(named[0])}"
    for incident in found.incidents[:_INCIDENTS]:
        yield f"incident {_part(incident.part)}"


def _part(part: Part) -> str:
    return f"{part.name}: {percent(part.share, 1)} of the budget"
