"""The recap of a contract: yesterday's number, what took the most, and quarters met in a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from prober.evaluator.desk.desk import Desk
from prober.evaluator.desk.subject import Subject, last_days, period, trend, went
from prober.evaluator.reports.chapter import Chapter
from prober.evaluator.reports.daily import ARROWS
from prober.evaluator.reports.quarterly import streak
from prober.evaluator.reports.worst import worst
from prober.evaluator.sources.once import Once
from prober.slo.contract import Contract
from prober.slo.window import Span
from prober.units import percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Recap:
    """What people want to know beside how things stand, in lines of text."""

    yesterday: tuple[str, ...] = ()
    #: What took the most of the budget.
    worst: tuple[str, ...] = ()
    #: So many quarters in a row met every objective, if they are enough to be proud of; else 0.
    quarters: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "yesterday": list(self.yesterday),
            "worst": list(self.worst),
            "quarters_in_a_row": self.quarters,
        }


#: Of a contract that nobody has looked at yet.
NO_RECAP: Final = Recap()


def recap(desk: Desk, contract: Contract, as_of_ms: int) -> Recap:
    """The recap of a contract at a moment.

    Raises:
        SourceUnavailable: runs cannot be had now.
    """
    then = replace(desk, clock=lambda: as_of_ms)
    chapter = Chapter(then, contract, Once(desk.source))
    found = streak(chapter)
    return Recap(
        yesterday=tuple(_yesterday(chapter)),
        worst=worst(chapter),
        quarters=found["met_in_a_row"] if found["badge"] else 0,
    )


def _yesterday(chapter: Chapter) -> Iterator[str]:
    """It reads `availability on 2026-11-21: 99.9%, 1 of 864 runs bad; budget over 30d ↓ 92.1%`."""
    day = last_days(chapter.zone, chapter.as_of_ms, 1)
    name = period(day, chapter.zone)["first"]
    for subject in chapter.subjects:
        yield f"{subject.objective.name} on {name}: {_day(subject, day)}{_trend(subject, day)}"


def _day(subject: Subject, day: Span) -> str:
    found = went(subject, day)
    if not found["known"]:
        return f"UNKNOWN, {found['why']}"
    share, raw = _share(found["compliance"]), ""
    if found["excluded"]:
        raw = f" ({_share(found['raw_compliance'])} without exclusions)"
    return f"{share}{raw}, {found['bad']} of {found['valid']} bad"


def _trend(subject: Subject, day: Span) -> str:
    about = subject.guarded
    found = trend(subject, about, day)
    if found["after"] is None:
        return ""
    left = percent(Fraction(found["after"]["exact"]), 1)
    return f"; budget {ARROWS[found['direction']]} {left}"


def _share(value: dict[str, str] | None) -> str:
    return "–" if value is None else percent(Fraction(value["exact"]))
