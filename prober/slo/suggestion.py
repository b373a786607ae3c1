"""Targets from history: what a journey has kept, with a margin, and what another would mean.

A target at the mean of the past is missed half of the time by luck alone, so the one suggested
lies below everything that was seen. Rungs of a ladder keep it a number that people can say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Final

from prober.slo.confidence import Trial, tell_apart
from prober.slo.sight import MIN_BUDGET

#: Targets that people can say.
LADDER: Final = tuple(
    Fraction(text) for text in ("0.9", "0.95", "0.98", "0.99", "0.995", "0.999", "0.9995", "0.9999")
)
#: A budget of which less than this is ever spent buys reliability that nobody asked for.
LOOSE: Final = Fraction(1, 4)
#: Targets whose failures differ by less take too long to tell apart to be worth a thought.
APART: Final = Fraction(3, 2)
#: Windows it takes before a target is called too tight or too loose.
MIN_WINDOWS: Final = 2


class Fit(StrEnum):
    """Whether a target suits what the journey does."""

    TIGHT = "tight"  #: overspent in at least half of the windows
    LOOSE = "loose"  #: less than a quarter spent in every window
    OK = "ok"
    UNDETERMINED = "undetermined"  #: fewer than two whole windows are known


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A target, and what it would mean."""

    target: Fraction
    #: Bad runs, or slices, that a window would allow.
    budget: Fraction
    #: The same as time without service, in ms.
    budget_ms: Fraction
    #: The share of the budget that one failure would consume; None: there are no runs.
    quantum: Fraction | None
    #: Whether the schedule can measure it.
    measurable: bool
    #: How many of the known windows would have missed it.
    missed: int
    #: Runs that tell it from the rung below; None: it is the lowest, or they are too close.
    trial: Trial | None
    #: What it would cost, in the owners' words.
    cost: str


def suggest(
    compliances: Iterable[Fraction], ladder: Iterable[Fraction] = LADDER, low: float = 1.0
) -> Fraction | None:
    """The highest target of a ladder that lies below everything that was seen.

    Args:
        compliances: of past windows.
        ladder: targets to choose from.
        low: where the confidence interval of all of them together begins.

    Returns:
        None when nothing was seen, or the whole ladder is above it.

    >>> suggest([Fraction("0.998"), Fraction("0.997")])
    Fraction(199, 200)
    """
    worst = min(compliances, default=None)
    if worst is None:
        return None
    return max((rung for rung in ladder if rung < worst and rung < low), default=None)


def fit(consumed: Sequence[Fraction]) -> Fit:
    """Whether a target is too tight or too loose, by the consumed shares of past windows.

    >>> fit([Fraction(1, 10), Fraction(1, 5)]), fit([Fraction(3, 2), Fraction(1, 5)])
    (<Fit.LOOSE: 'loose'>, <Fit.TIGHT: 'tight'>)
    """
    if len(consumed) < MIN_WINDOWS:
        return Fit.UNDETERMINED
    if 2 * sum(share > 1 for share in consumed) >= len(consumed):
        return Fit.TIGHT
    return Fit.LOOSE if max(consumed) < LOOSE else Fit.OK


def rungs(
    compliances: Sequence[Fraction],
    judged: int,
    window_ms: int,
    costs: Mapping[Fraction, str],
    ladder: Iterable[Fraction] = LADDER,
) -> tuple[Rung, ...]:
    """What each target of a ladder would mean, the lowest first.

    Args:
        compliances: of past windows.
        judged: runs, or slices, that a window holds.
        window_ms: its length.
        costs: what targets would cost, in the owners' words; one that is not on the ladder is
            put there.
        ladder: the targets.
    """
    targets = sorted({*ladder, *costs})
    below = {upper: lower for lower, upper in pairwise(targets)}
    return tuple(
        Rung(
            target=target,
            budget=(1 - target) * judged,
            budget_ms=(1 - target) * window_ms,
            quantum=1 / ((1 - target) * judged) if judged else None,
            measurable=(1 - target) * judged >= MIN_BUDGET,
            missed=sum(share < target for share in compliances),
            trial=_trial(target, below.get(target)),
            cost=costs.get(target, ""),
        )
        for target in targets
    )


def retarget(consumed: Fraction, target: Fraction, other: Fraction) -> Fraction:
    """The share that would be consumed with another target.

    >>> retarget(Fraction(1, 2), Fraction("0.999"), Fraction("0.9995"))
    Fraction(1, 1)
    """
    return consumed * (1 - target) / (1 - other)


def _trial(target: Fraction, below: Fraction | None) -> Trial | None:
    if below is None or 1 - below < APART * (1 - target):
        return None
    return tell_apart(target, below)
