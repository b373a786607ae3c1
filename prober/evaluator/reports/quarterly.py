"""The quarterly review: five questions, each answered from data, with a blank for the meeting.

Was there a breach, and what caused it? Is the target right? Are there new journeys? Did owners
change? Is the policy appropriate? What people answer to that is theirs; `prober review record`
notes that they met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from prober.errors import SourceUnavailable
from prober.evaluator.audit import Kind
from prober.evaluator.desk.feedback import complaints
from prober.evaluator.desk.owners import suggestion
from prober.evaluator.desk.ownership import changes, owners_of
from prober.evaluator.desk.subject import last_quarter, period, went
from prober.evaluator.judging.history import gone_by
from prober.evaluator.judging.plain import exact
from prober.evaluator.reports.chapter import Chapter
from prober.evaluator.reports.exceptions import decisions, overrides
from prober.evaluator.reports.worth import worth
from prober.slo.review import QUARTER, ReviewKind
from prober.slo.signoff import standing
from prober.slo.window import Calendar, Span, Unit

Plain = dict[str, Any]
#: So many quarters that were met one after the other deserve a badge.
STREAK: Final = 3
QUESTIONS: Final = {
    "breach": "Was the target missed, and what caused it?",
    "target": "Is the target right?",
    "journeys": "Are there journeys that nobody watches yet?",
    "ownership": "Did the owners change?",
    "policy": "Is the policy appropriate?",
}


def quarterly(chapter: Chapter) -> Plain:
    """One contract, the last whole quarter."""
    quarter = last_quarter(chapter.zone, chapter.as_of_ms)
    answers = {
        "breach": _breach(chapter, quarter),
        "target": _target(chapter),
        "journeys": _journeys(chapter, quarter),
        "ownership": _ownership(chapter, quarter),
        "policy": _policy(chapter, quarter),
    }
    return {
        **chapter.head(),
        "quarter": {**period(quarter, chapter.zone), "name": name_of(quarter, chapter.zone)},
        "questions": [
            {"id": name, "question": asked, "answer": answers[name], "decision": ""}
            for name, asked in QUESTIONS.items()
        ],
        "streak": streak(chapter),
        "next": _next(chapter),
    }


def name_of(quarter: Span, zone: str) -> str:
    """What people call it: `2026-Q3`."""
    first = datetime.fromtimestamp(quarter.start_ms // 1000, ZoneInfo(zone))
    return f"{first.year}-Q{(first.month + 2) // 3}"


def _breach(chapter: Chapter, quarter: Span) -> Plain:
    misses = (each for each in chapter.misses() if quarter.holds(each.miss.opened_ms))
    return {
        "objectives": [
            {
                "name": subject.objective.name,
                "target": exact(subject.objective.target),
                "quarter": went(subject, quarter),
                **chapter.happened(subject, quarter),
            }
            for subject in chapter.subjects
        ],
        "misses": [each.to_dict() for each in misses],
    }


def _target(chapter: Chapter) -> list[Plain]:
    """Whether each objective's target suits the journey, by the windows that are over."""
    window = chapter.subjects[0].guarded.window.name
    try:
        answer = suggestion(chapter.desk, {"slo": chapter.name, "window": window})
    except SourceUnavailable as error:
        return [
            {"objective": each.objective.name, "fit": "undetermined", "note": str(error)}
            for each in chapter.subjects
        ]
    return [
        {
            "objective": each["objective"],
            "window": each["window"]["label"],
            "target": each["target"],
            "fit": each["fit"],
            "structural": each["structural"],
            "missed_in_a_row": each["missed_in_a_row"],
            "suggested": each["suggested"],
            "suggested_because": each["why"],
            "consumed": [past["consumed"] for past in each["windows"] if past["known"]],
            "verdict": each["verdict"],
            "note": "",
        }
        for each in answer["slos"][0]["results"]
    ]


def _journeys(chapter: Chapter, quarter: Span) -> Plain:
    """What users complained of while the SLO saw nothing may be a journey that has none."""
    found = complaints(chapter.desk, chapter.contract, chapter.subjects, quarter, chapter.as_of_ms)
    told = list(found)
    return {"complaints": told, "unseen": sum(each["unseen"] is True for each in told)}


def _ownership(chapter: Chapter, quarter: Span) -> Plain:
    lacks = standing(chapter.contract, chapter.as_of_ms).lacks
    return {
        "owners": owners_of(chapter.contract),
        "changes": changes(chapter.desk.audit, chapter.name, quarter),
        "unsigned": sorted({f"{each.role} ({each.scope})" for each in lacks if each.role}),
    }


def _policy(chapter: Chapter, quarter: Span) -> Plain:
    desk, name = chapter.desk, chapter.name
    held = Counter(
        entry.body["kind"]
        for entry in desk.audit.entries(Kind.REVIEW)
        if entry.body["slo"] == name and quarter.holds(entry.at_ms)
    )
    entered = Counter(entry.body["to"] for entry in chapter.states if quarter.holds(entry.at_ms))
    return {
        "policy": chapter.contract.policy.name,
        "states": dict(sorted(entered.items())),
        "overrides": overrides(desk, name, quarter),
        "decisions": decisions(desk, name, quarter),
        "alerts": worth(desk.audit, name, quarter),
        "reviews": {str(kind): held[kind] for kind in ReviewKind},
        "overdue": [each for each in chapter.reviews() if each["overdue"]],
    }


def streak(chapter: Chapter) -> Plain:
    """Quarters that every objective met, one after the other, up to the last one that is over."""
    window = Calendar(QUARTER, Unit.QUARTER, chapter.zone)
    every: dict[Span, list[bool | None]] = {}
    try:
        for subject in chapter.subjects:
            past = gone_by(subject.counting, subject.objective, window, chapter.as_of_ms)
            for each in past:
                every.setdefault(each.span, []).append(each.met)
    except SourceUnavailable as error:
        return {"quarters": [], "met_in_a_row": None, "badge": False, "note": str(error)}
    found = {span: _all(every[span]) for span in sorted(every, reverse=True)}
    row = _in_a_row(found.values())
    quarters = [{"name": name_of(span, chapter.zone), "met": met} for span, met in found.items()]
    return {"quarters": quarters, "met_in_a_row": row, "badge": row >= STREAK, "note": ""}


def _all(met: list[bool | None]) -> bool | None:
    """Whether all were met; one that was not says so, whatever is not known of the others."""
    if False in met:
        return False
    return None if None in met else True


def _in_a_row(met: Iterable[bool | None]) -> int:
    found = 0
    for each in met:
        if each is not True:
            break
        found += 1
    return found


def _next(chapter: Chapter) -> Plain | None:
    """The next review of a quarter; null: the journey never ran."""
    due = (each for each in chapter.reviews() if each["kind"] == ReviewKind.QUARTERLY)
    return next(due, None)
