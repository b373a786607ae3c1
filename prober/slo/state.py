"""States of an error budget: what share of it is consumed, in words that people act on."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import Final


class State(StrEnum):
    """How an objective stands."""

    FULL = "FULL"
    CAUTION = "CAUTION"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"
    EXHAUSTED = "EXHAUSTED"
    UNKNOWN = "UNKNOWN"  #: too little is known to say; never read as good


#: Whatever needs a person soonest comes first.
URGENCY: Final = (
    State.EXHAUSTED,
    State.CRITICAL,
    State.UNKNOWN,
    State.WARNING,
    State.CAUTION,
    State.FULL,
)
#: A state and the consumed share from which on it holds, the edge included; ascending.
Bands = tuple[tuple[Fraction, State], ...]

#: The built-in policy `seed-5`. The articles it comes from let bands share their edges; an
#: edge belongs to the stricter side.
SEED_5_BANDS: Final[Bands] = (
    (Fraction(0), State.FULL),
    (Fraction(1, 4), State.CAUTION),
    (Fraction(1, 2), State.WARNING),
    (Fraction(3, 4), State.CRITICAL),
    (Fraction(1), State.EXHAUSTED),
)


def state_of(consumed: Fraction, bands: Bands = SEED_5_BANDS) -> State:
    """The state of a budget of which a share is consumed.

    >>> state_of(Fraction(1, 2)), state_of(Fraction(499, 1000))
    (<State.WARNING: 'WARNING'>, <State.CAUTION: 'CAUTION'>)
    """
    return next(state for edge, state in reversed(bands) if consumed >= edge)
