"""The worst contributors: what took the most of a budget, in lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prober.evaluator.about import abouts
from prober.evaluator.desk import Desk
from prober.evaluator.evaluate import evaluate
from prober.evaluator.once import Once
from prober.evaluator.owners import WITHIN_MS
from prober.evaluator.spending import Spending
from prober.slo.attribution import NO_DEPLOY, NO_STEP, Attribution, Part
from prober.slo.contract import Contract
from prober.units import percent

#: Of each division the largest part is told, and so many incidents.
_INCIDENTS: Final = 2
#: The records of more bad runs than this are not read for it, for that takes seconds.
_MOST: Final = 5_000


def worst(desk: Desk, contract: Contract, as_of_ms: int) -> tuple[str, ...]:
    """What took the most of the budget that decides; nothing when nothing was taken.

    Raises:
        SourceUnavailable: runs cannot be had now.
    """
    once = Once(desk.source)
    evaluation = evaluate(contract, once, as_of_ms, exclusions=desk.exclusions())
    decides = evaluation.deciding[0]
    if not decides.judgement.consumed or decides.judgement.runs.bad > _MOST:
        return ()
    pairs = zip(abouts(desk, contract, once, as_of_ms), evaluation.results, strict=True)
    about = next(about for about, result in pairs if result is decides)
    spent = Spending(about.counting, decides).attribution(desk.deploys(contract.journey), WITHIN_MS)
    return tuple(_lines(spent)) if spent else ()


def _lines(spent: Attribution) -> Iterator[str]:
    """It reads `step pay: 62.5% of the budget`."""
    for kind, parts, nobody in (
        ("step", spent.steps, NO_STEP),
        ("cause", spent.causes, ""),
        ("region", spent.regions if len(spent.regions) > 1 else (), ""),
        ("deploy", spent.deploys, NO_DEPLOY),
    ):
        if named := [part for part in parts if part.name != nobody]:
            yield f"{kind} {_part(named[0])}"
    for incident in spent.incidents[:_INCIDENTS]:
        yield f"incident {_part(incident.part)}"


def _part(part: Part) -> str:
    return f"{part.name}: {percent(part.share, 1)} of the budget"
