"""The daily report: yesterday's number, which way the budget goes, and what to do today."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Final

from prober.evaluator.desk.subject import Subject, last_days, period, stands, trend, went
from prober.evaluator.judging.plain import exact
from prober.evaluator.reports.chapter import Chapter
from prober.slo.state import URGENCY, State
from prober.slo.window import Span
from prober.units import percent

Plain = dict[str, Any]
#: A channel's topic may be so long.
LONGEST: Final = 250
ARROWS: Final = {"up": "↑", "down": "↓", "flat": "→", "unknown": "?"}


def daily(chapter: Chapter) -> Plain:
    """One contract, yesterday."""
    day = last_days(chapter.zone, chapter.as_of_ms, 1)
    return {
        **chapter.head(),
        "day": period(day, chapter.zone),
        "objectives": [_objective(chapter, subject, day) for subject in chapter.subjects],
    }


def _objective(chapter: Chapter, subject: Subject, day: Span) -> Plain:
    return {
        "name": subject.objective.name,
        "target": exact(subject.objective.target),
        "day": went(subject, day),
        "windows": [
            {**stands(about), "trend": trend(subject, about, day)} for about in subject.abouts
        ],
        **chapter.happened(subject, day),
    }


def topic(slos: Iterable[Plain]) -> str:
    """All contracts of a daily report in one short line, the worst first.

    It reads `checkout EXHAUSTED -20.8% ↓ · login FULL 92.3% →`.
    """
    parts = [_brief(slo, window) for slo, window in sorted(map(_worst, slos), key=_urgency)]
    shown, rest = " · ".join(parts), 0
    while len(shown) > LONGEST and len(parts) > 1:
        del parts[-1]
        rest += 1
        shown = " · ".join([*parts, f"{rest} more"])
    return shown or "no SLOs"


def _worst(slo: Plain) -> tuple[Plain, Plain]:
    """A contract with the window in which it stands worst, of those that gate if some do."""
    every = [window for objective in slo["objectives"] for window in objective["windows"]]
    gating = [window for window in every if window["gate"]]
    return slo, min(gating or every, key=lambda window: _urgency((slo, window)))


def _urgency(found: tuple[Plain, Plain]) -> tuple[int, Fraction, str]:
    slo, window = found
    left = Fraction(window["remaining"]["exact"]) if window["remaining"] else Fraction(0)
    return URGENCY.index(State(window["state"])), left, slo["name"]


def _brief(slo: Plain, window: Plain) -> str:
    said = f"{slo['name']} {window['state']}"
    if window["remaining"] is None:
        return said
    left = percent(Fraction(window["remaining"]["exact"]), 1)
    return f"{said} {left} {ARROWS[window['trend']['direction']]}"


def to_do(slos: Sequence[Plain]) -> list[Plain]:
    """What the policies have people do today, the contract that stands worst first."""
    ordered = sorted(map(_worst, slos), key=_urgency)
    return [
        {"slo": slo["name"], "state": window["state"], "actions": slo["actions"]}
        for slo, window in ordered
        if slo["actions"]
    ]
