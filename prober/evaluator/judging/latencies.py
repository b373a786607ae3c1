"""How long runs and their steps take: nearest ranks of what was measured, never an estimate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from prober.model import Outcome, Run
from prober.units import decimal

P99: Final = Fraction(99, 100)
#: What is told of times: how long the quickest half, 95 and 99 of 100 took at most.
RANKS: Final = (Fraction(50, 100), Fraction(95, 100), P99)


@dataclass(frozen=True, slots=True)
class Ranked:
    """Times in order."""

    #: In µs, the shortest first; at least one.
    times_us: tuple[int, ...]

    @classmethod
    def of(cls, times_us: Iterable[int]) -> Ranked | None:
        """Some times; None of none."""
        ordered = tuple(sorted(times_us))
        return cls(ordered) if ordered else None

    def at(self, rank: Fraction) -> int:
        """The shortest time, in µs, that so large a share of them does not exceed.

        >>> Ranked((1, 2, 3, 4, 5)).at(Fraction(1, 2))
        3
        """
        place = -(-len(self.times_us) * rank.numerator // rank.denominator)
        return self.times_us[max(1, place) - 1]


@dataclass(frozen=True, slots=True)
class Durations:
    """How long a step of a journey takes, or the whole of it."""

    #: None: the whole run.
    step: str | None
    ranked: Ranked


def durations(runs: Iterable[Run]) -> Iterator[Durations]:
    """Of the runs that passed: each step in the order of the journey, then the whole run."""
    passed = [run for run in runs if run.outcome is Outcome.PASSED]
    took: defaultdict[str, list[int]] = defaultdict(list)
    for run in passed:
        for step in run.steps:
            took[step.name].append(step.duration_us)
    for name, times_us in took.items():
        yield Durations(name, Ranked(tuple(sorted(times_us))))
    if whole := Ranked.of(run.duration_us for run in passed):
        yield Durations(None, whole)


def by_bucket(
    times: Iterable[tuple[int, int]], start_ms: int, step_ms: int
) -> Mapping[int, Ranked]:
    """Times by the step of a grid in which they lie, by when that begins.

    Args:
        times: moments in ms, and times in µs.
        start_ms: where a step begins.
        step_ms: how long each is.
    """
    found: defaultdict[int, list[int]] = defaultdict(list)
    for at_ms, took_us in times:
        found[at_ms - (at_ms - start_ms) % step_ms].append(took_us)
    return {at_ms: Ranked(tuple(sorted(found[at_ms]))) for at_ms in sorted(found)}


def label(rank: Fraction) -> str:
    """What people call it.

    >>> label(Fraction(95, 100))
    'p95'
    """
    return f"p{decimal(100 * rank)}"
