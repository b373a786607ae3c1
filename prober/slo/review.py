"""Reviews: when people have to look at a budget, by the cadence that its policy asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from prober.slo.policy import Policy
from prober.slo.state import State
from prober.slo.window import Calendar, Unit


class ReviewKind(StrEnum):
    """What is reviewed."""

    BUDGET = "budget"  #: what spends it: weekly, daily, as the state asks for
    QUARTERLY = "quarterly"  #: target, policy, owners, journeys
    RELIABILITY = "reliability"  #: before anything changes while the budget is spent


#: The quarter of a place.
QUARTER: Final = "quarter"


class Entered(NamedTuple):
    """A state that one of several budgets entered."""

    at_ms: int
    #: Which: whatever tells it from the others.
    budget: tuple[str, ...]
    state: State


class Due(NamedTuple):
    """A review that has to be held."""

    kind: ReviewKind
    due_ms: int
    #: When it was held last; None: never.
    last_ms: int | None

    def overdue(self, as_of_ms: int) -> bool:
        """Whether it should have been held by now."""
        return as_of_ms >= self.due_ms


def stretch_ms(entered: Iterable[Entered], states: Collection[State]) -> int | None:
    """Since when some budget has stood in one of these states without a break.

    What is UNKNOWN in between is no break: nobody knows that it was better.

    Args:
        entered: oldest first.
        states: which.

    Returns:
        None when none stands so.
    """
    held: dict[tuple[str, ...], State] = {}
    since_ms: int | None = None
    for at_ms, budget, state in entered:
        if state is not State.UNKNOWN:
            held[budget] = state
        if not any(each in states for each in held.values()):
            since_ms = None
        elif since_ms is None:
            since_ms = at_ms
    return since_ms


def budget_review(
    policy: Policy,
    states: Iterable[State],
    entered: Iterable[Entered],
    last_ms: int | None,
    as_of_ms: int,
) -> Due | None:
    """When the budget is to be reviewed next; None: no state of it asks for that.

    Args:
        policy: says how often.
        states: those that its budgets are in now.
        entered: those that they entered, oldest first.
        last_ms: when it was reviewed last; None: never.
        as_of_ms: now.
    """
    every_ms = min((ms for state in states if (ms := policy.review_ms.get(state))), default=None)
    if every_ms is None:
        return None
    since_ms = stretch_ms(entered, policy.review_ms.keys())
    begun_ms = as_of_ms if since_ms is None else since_ms
    from_ms = begun_ms if last_ms is None else max(begun_ms, last_ms)
    return Due(ReviewKind.BUDGET, from_ms + every_ms, last_ms)


def reliability_review(
    states: Iterable[State], entered: Iterable[Entered], last_ms: int | None, as_of_ms: int
) -> Due | None:
    """The review that a spent budget asks for; None: it is not spent, or the review was held.

    For the arguments see `budget_review`.
    """
    if State.EXHAUSTED not in states:
        return None
    since_ms = stretch_ms(entered, (State.EXHAUSTED,))
    due_ms = as_of_ms if since_ms is None else since_ms
    if last_ms is not None and last_ms >= due_ms:
        return None
    return Due(ReviewKind.RELIABILITY, due_ms, last_ms)


def quarterly_review(zone: str, begun_ms: int, last_ms: int | None) -> Due:
    """When the quarter is to be reviewed next: before the one is over that follows the last review.

    Args:
        zone: whose quarters.
        begun_ms: when the contract began, which somebody reviewed then.
        last_ms: when it was reviewed last; None: never.
    """
    quarter = Calendar(QUARTER, Unit.QUARTER, zone)
    reviewed_ms = begun_ms if last_ms is None else max(begun_ms, last_ms)
    following_ms = quarter.period(reviewed_ms).end_ms
    return Due(ReviewKind.QUARTERLY, quarter.period(following_ms).end_ms, last_ms)
