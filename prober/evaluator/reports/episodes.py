"""What happened in a period: its incidents with users and money, and what spent the budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Final

from prober.evaluator.desk.about import About
from prober.evaluator.desk.owners import WITHIN_MS
from prober.evaluator.desk.subject import Subject, part_of
from prober.evaluator.judging.plain import exact
from prober.evaluator.judging.spending import Spending
from prober.model import Run
from prober.slo.attribution import Attribution, Deploy, Incident, Part, deploy_of
from prober.slo.impact import loss, sentence
from prober.slo.moment import iso
from prober.slo.window import Span

Plain = dict[str, Any]
#: Of an incident so many runs are named; how many there were is told.
NAMED: Final = 5


def spent(about: About, deploys: Sequence[Deploy]) -> Attribution | None:
    """What spent the budget of a result, divided; None: there is none.

    Raises:
        SourceUnavailable: runs cannot be had now.
    """
    return Spending(about.counting, about.result).attribution(deploys, WITHIN_MS)


def divisions(found: Attribution, budget: Fraction | None) -> Plain:
    """What spent a budget, by each division, the dearest first.

    Args:
        found: of a period.
        budget: what shares are of; None: there was none.
    """

    def parts(each: Iterable[Part]) -> list[Plain]:
        return [_part(part, budget) for part in each]

    return {
        "origin": parts(found.origins),
        "cause": parts(found.causes),
        "step": parts(found.steps),
        "region": parts(found.regions),
        "deploy": parts(found.deploys),
        "unrecorded": parts(found.unrecorded),
        "silent": _part(found.silent, budget),
    }


def incidents(
    subject: Subject, span: Span, found: Attribution, deploys: Sequence[Deploy]
) -> list[Plain]:
    """The incidents of a period, the dearest first, each with what it did to users.

    Raises:
        SourceUnavailable: runs cannot be had now.
    """
    budget = subject.budget(span)
    return [_incident(subject, span, each, budget, deploys) for each in found.incidents]


def _incident(
    subject: Subject,
    span: Span,
    incident: Incident,
    budget: Fraction | None,
    deploys: Sequence[Deploy],
) -> Plain:
    """One; with fewer failures than alerts wait for it has no severity: it may be chance."""
    about = subject.over(span)
    episode = Spending(about.counting, about.result).episode(incident, budget)
    contract, failures = subject.contract, incident.failures
    cost = loss(contract.impact, episode)
    shipped = {deploy_of(deploys, each.slot_ms, WITHIN_MS) for each in failures}
    runs = _runs(subject, incident.span)
    severe = len(failures) >= contract.alerts.min_failures and budget
    return {
        "start": iso(episode.span.start_ms),
        "start_ms": episode.span.start_ms,
        "end": iso(episode.span.end_ms),
        "bad": exact(incident.part.bad),
        "share": exact(part_of(incident.part.bad, budget)),
        "severity": str(episode.severity) if severe else None,
        "needs_postmortem": episode.needs_postmortem,
        "users": exact(cost.users),
        "amount": exact(cost.amount),
        "currency": cost.currency,
        "text": sentence(contract.journey, contract.impact, episode),
        "regions": sorted({each.region for each in failures}),
        "causes": sorted({each.cause for each in failures}),
        "steps": sorted({each.step for each in failures}),
        "deploys": sorted(each.name for each in shipped if each),
        "silent": sum(each.silent for each in failures),
        "failures": len(failures),
        "runs": [f"{iso(run.id.slot_ms)} {run.id.region}" for run in runs[:NAMED]],
        "seen": _seen(runs),
    }


def _runs(subject: Subject, span: Span) -> tuple[Run, ...]:
    counting = subject.counting
    return counting.source.source.bad_runs(counting.measure, span)


def _seen(runs: Iterable[Run]) -> str:
    """What most of the runs said; a page may have had a hand in it. Empty: nothing was said."""
    said = Counter(run.message for run in runs if run.message)
    return said.most_common(1)[0][0] if said else ""


def _part(part: Part, budget: Fraction | None) -> Plain:
    return {"name": part.name, "bad": exact(part.bad), "share": exact(part_of(part.bad, budget))}
