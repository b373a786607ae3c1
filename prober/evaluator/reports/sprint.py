"""The sprint's block: reliability work to take in, ranked by the budget that its absence cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, Final

from prober.errors import SourceUnavailable
from prober.evaluator.desk.owners import WITHIN_MS
from prober.evaluator.desk.subject import Subject, part_of, stands
from prober.evaluator.judging.plain import exact
from prober.evaluator.judging.spending import Spending
from prober.evaluator.reports.chapter import Chapter
from prober.slo.attribution import Failure, deploy_of
from prober.slo.moment import iso
from prober.slo.state import State

Plain = dict[str, Any]
#: From these on the built-in policy asks for reliability work in the sprint.
FIRST: Final = (State.WARNING, State.CRITICAL, State.EXHAUSTED)


def sprint(chapter: Chapter) -> Plain:
    """One contract: how it stands, and the work that would have kept its budget."""
    reviews = [each for each in chapter.reviews() if each["overdue"]]
    misses = [each.to_dict() for each in chapter.misses()]
    work: list[Plain] = []
    notes: list[str] = []
    for subject in chapter.subjects:
        try:
            work += list(_work(chapter, subject))
        except SourceUnavailable as error:
            notes.append(f"{subject.objective.name}: {error}")
    return {
        **chapter.head(),
        "first": chapter.evaluation.deciding_state in FIRST,
        "objectives": [
            {
                "name": subject.objective.name,
                "target": exact(subject.objective.target),
                "windows": [stands(about) for about in subject.abouts],
            }
            for subject in chapter.subjects
        ],
        "work": work,
        "misses": [each for each in misses if each["standing"] != "closed"],
        "reviews": reviews,
        "notes": notes,
    }


def ranked(slos: Iterable[Plain]) -> list[Plain]:
    """The work of all contracts, what cost the largest share of a budget first."""
    every = [{"slo": slo["name"], **work} for slo in slos for work in slo["work"]]
    return sorted(every, key=lambda work: (-Fraction(work["share"]["exact"]), work["slo"]))


def _work(chapter: Chapter, subject: Subject) -> Iterator[Plain]:
    """What fails in the same step for the same cause is one piece of work."""
    about = subject.guarded
    budget = about.result.judgement.budget
    groups: defaultdict[tuple[str, str], list[Failure]] = defaultdict(list)
    for each in Spending(about.counting, about.result).failures():
        groups[each.step, each.cause].append(each)
    for (step, cause), failures in groups.items():
        bad = sum(each.bad for each in failures)
        share = part_of(bad, budget)
        if share is not None:
            yield {
                "objective": subject.objective.name,
                "step": step,
                "cause": cause,
                "bad": exact(bad),
                "share": exact(share),
                **_where(chapter, failures),
            }


def _where(chapter: Chapter, failures: Sequence[Failure]) -> Plain:
    shipped = {deploy_of(chapter.deploys, each.slot_ms, WITHIN_MS) for each in failures}
    return {
        "origins": sorted({str(each.origin) for each in failures}),
        "regions": sorted({each.region for each in failures}),
        "deploys": sorted(each.name for each in shipped if each),
        "silent": sum(each.silent for each in failures),
        "first": iso(min(each.slot_ms for each in failures)),
        "last": iso(max(each.slot_ms for each in failures)),
    }
