"""Misses: budgets that were spent and periods that ended below their target.

A miss is no incident. Each asks for one structural change, such as a test, an alert or a gate that
was not there, before the window is over in which it was opened. It follows from what was told of
states and from periods that are over; nobody has to write it down, and nobody can forget it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from prober.model import canonical
from prober.slo.state import State
from prober.slo.window import Calendar, Span, Window


class How(StrEnum):
    """What a miss is."""

    EXHAUSTED = "exhausted"  #: the budget was spent
    ENDED = "ended"  #: a period of the calendar ended below its target


class ChangeKind(StrEnum):
    """What was changed, so that it does not come again: a closed list, so that it adds up."""

    TEST = "test"
    ALERT = "alert"
    GATE = "gate"
    DEPRECATION = "deprecation"
    REDESIGN = "redesign"
    TARGET = "target"  #: what cannot be kept was renegotiated


class Told(NamedTuple):
    """A state that a budget entered."""

    at_ms: int
    state: State
    #: None: nobody knew.
    consumed: Fraction | None


class Ended(NamedTuple):
    """A period of the calendar that is over."""

    span: Span
    #: None: too little is known of it.
    met: bool | None
    consumed: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """One miss of one objective over one window."""

    slo: str
    objective: str
    window: str
    how: How
    opened_ms: int
    #: Until then something has to change: the window is over in which it was opened.
    due_ms: int
    #: The share of the budget when it was opened, or at the end of the period.
    consumed: Fraction | None
    #: What tells it from the others of its window: a period's start, or when it was opened.
    key_ms: int

    @property
    def id(self) -> str:
        """What people call it by: 12 digits, the same whenever it is asked for."""
        content = canonical([self.slo, self.objective, self.window, self.key_ms])
        return hashlib.sha256(content.encode()).hexdigest()[:12]


class Budget(NamedTuple):
    """Whose misses are looked for."""

    slo: str
    objective: str
    window: Window

    def miss(self, how: How, opened_ms: int, key_ms: int, consumed: Fraction | None) -> Miss:
        """One of its misses."""
        if isinstance(self.window, Calendar):
            due_ms = self.window.period(opened_ms).end_ms
        else:
            due_ms = opened_ms + self.window.duration_ms
        return Miss(
            slo=self.slo,
            objective=self.objective,
            window=self.window.name,
            how=how,
            opened_ms=opened_ms,
            due_ms=due_ms,
            consumed=consumed,
            key_ms=key_ms,
        )


def misses(budget: Budget, told: Iterable[Told], ended: Iterable[Ended]) -> tuple[Miss, ...]:
    """The misses of an objective over a window, oldest first.

    A period has one at most; a rolling window has none while the one before is not yet due.

    Args:
        budget: whose.
        told: states that it entered, oldest first.
        ended: periods that are over, of a window of the calendar.
    """
    spent = [each for each in told if each.state is State.EXHAUSTED]
    if isinstance(budget.window, Calendar):
        return _by_period(budget, budget.window, spent, ended)
    found: list[Miss] = []
    for at_ms, _, consumed in spent:
        if not found or at_ms >= found[-1].due_ms:
            found.append(budget.miss(How.EXHAUSTED, at_ms, at_ms, consumed))
    return tuple(found)


def _by_period(
    budget: Budget, window: Calendar, spent: Iterable[Told], ended: Iterable[Ended]
) -> tuple[Miss, ...]:
    """By the period's start; what was told first stands."""
    found: dict[int, Miss] = {}
    for at_ms, _, consumed in spent:
        key_ms = window.period(at_ms).start_ms
        if key_ms not in found:
            found[key_ms] = budget.miss(How.EXHAUSTED, at_ms, key_ms, consumed)
    for span, met, consumed in ended:
        if met is False and span.start_ms not in found:
            found[span.start_ms] = budget.miss(How.ENDED, span.end_ms, span.start_ms, consumed)
    return tuple(sorted(found.values(), key=lambda each: each.opened_ms))
