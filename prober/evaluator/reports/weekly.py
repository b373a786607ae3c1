"""The weekly report: what a week cost, what spent it, and what is left to do about it."""

from __future__ import annotations

from typing import Any

from prober.evaluator.audit import Entry
from prober.evaluator.desk.subject import WEEK_DAYS, Subject, last_days, period, stands, trend, went
from prober.evaluator.judging.plain import exact
from prober.evaluator.reports.chapter import Chapter
from prober.evaluator.reports.exceptions import decisions, exclusions, overrides
from prober.evaluator.reports.worth import worth
from prober.slo.moment import iso
from prober.slo.state import State
from prober.slo.window import Span

Plain = dict[str, Any]


def weekly(chapter: Chapter) -> Plain:
    """One contract, the last seven whole days."""
    desk, name = chapter.desk, chapter.name
    week = last_days(chapter.zone, chapter.as_of_ms, WEEK_DAYS)
    misses = [each.to_dict() for each in chapter.misses()]
    return {
        **chapter.head(),
        "week": period(week, chapter.zone),
        "objectives": [_objective(chapter, subject, week) for subject in chapter.subjects],
        "states": [_entered(chapter, each) for each in chapter.states if week.holds(each.at_ms)],
        "overrides": overrides(desk, name, week),
        "exclusions": exclusions(desk, chapter.contract, week),
        "decisions": decisions(desk, name, week),
        "alerts": worth(desk.audit, name, week),
        "prober": chapter.own(week),
        "reviews": chapter.reviews(),
        "misses": [each for each in misses if each["standing"] != "closed"],
    }


def _objective(chapter: Chapter, subject: Subject, week: Span) -> Plain:
    return {
        "name": subject.objective.name,
        "target": exact(subject.objective.target),
        "week": went(subject, week),
        "windows": [
            {**stands(about), "trend": trend(subject, about, week)} for about in subject.abouts
        ],
        **chapter.happened(subject, week),
    }


def _entered(chapter: Chapter, entry: Entry) -> Plain:
    """A state that was entered, with what the policy has people do in it."""
    body = entry.body
    return {
        "at": iso(entry.at_ms),
        "objective": body["objective"],
        "window": body["window"],
        "from": body["from"],
        "to": body["to"],
        "actions": list(chapter.contract.policy.actions.get(State(body["to"]), ())),
    }
