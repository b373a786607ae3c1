"""How users and servers agree: what a journey met in each step of time beside what servers saw.

It is shown beside a judgement and is no part of one: servers that look healthy while users fail
are why journeys are judged by their own runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import groupby
from typing import Final, NamedTuple

from prober.slo.budget import Counts
from prober.slo.contract import ServerView
from prober.slo.window import Span

#: From one error rate of the servers to the next: each is that of the time since the one before.
POINT_MS: Final = 300_000


class Users(StrEnum):
    """What users met in a step."""

    FAILED = "failed"  #: at least one run
    PASSED = "passed"  #: all runs that gave a verdict
    NO_VERDICT = "no_verdict"  #: there is none


class Servers(StrEnum):
    """What servers saw of it."""

    BAD = "bad"  #: some error rate in it is above the limit
    FINE = "fine"
    UNKNOWN = "unknown"  #: an error rate is not known, and the others are not above the limit


class Accord(StrEnum):
    """What the two make together."""

    BOTH = "both"  #: saw that something was wrong
    ONLY_USERS = "only_users"
    ONLY_SERVER = "only_server"
    NEITHER = "neither"
    UNKNOWN = "unknown"  #: one of them does not say


_ACCORDS: Final = {
    (Users.FAILED, Servers.BAD): Accord.BOTH,
    (Users.FAILED, Servers.FINE): Accord.ONLY_USERS,
    (Users.PASSED, Servers.BAD): Accord.ONLY_SERVER,
    (Users.PASSED, Servers.FINE): Accord.NEITHER,
}


class Cell(NamedTuple):
    """Where a step stands in the table."""

    users: Users
    servers: Servers

    @property
    def accord(self) -> Accord:
        """What the two make together."""
        return _ACCORDS.get(self, Accord.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Consecutive steps in which one of them saw trouble and the other did not."""

    span: Span
    accord: Accord
    #: Runs that failed in it, by region.
    failed: Mapping[str, int]
    #: The highest error rate of the servers.
    highest: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A journey beside its servers."""

    #: Whole steps.
    span: Span
    step_ms: int
    #: Steps by their place in the table.
    cells: Counter[Cell]
    #: Oldest first.
    differences: tuple[Difference, ...]
    #: Runs that failed, by region.
    failed: Mapping[str, int]

    def steps(self, accord: Accord) -> int:
        """How many steps are so."""
        return sum(n for cell, n in self.cells.items() if cell.accord is accord)


class _Step(NamedTuple):
    """A step, and what is known of it."""

    span: Span
    cell: Cell
    failed: Mapping[str, int]
    rates: tuple[Fraction, ...]


def step_ms(slowest_ms: int | None) -> int:
    """How long a step is in which each region has a run: a multiple of `POINT_MS`.

    Args:
        slowest_ms: from slot to slot in the slowest region; None: there is no schedule.

    >>> step_ms(60_000), step_ms(360_000)
    (300000, 600000)
    """
    return -(-(slowest_ms or POINT_MS) // POINT_MS) * POINT_MS


def steps_within(span: Span, length_ms: int) -> Span:
    """The whole steps of a span; steps begin at multiples of their length since 1970.

    >>> steps_within(Span(1, 1_000_000), 300_000)
    Span(start_ms=300000, end_ms=900000)
    """
    start_ms = -(-span.start_ms // length_ms) * length_ms
    return Span(start_ms, max(start_ms, span.end_ms // length_ms * length_ms))


def compare(
    view: ServerView,
    span: Span,
    length_ms: int,
    seen: Mapping[str, Mapping[int, Counts]],
    rates: Mapping[int, Fraction],
) -> Agreement:
    """Put a journey beside its servers.

    Args:
        view: what is bad for servers.
        span: whole steps.
        length_ms: of a step, see `step_ms`.
        seen: by region and start of the step in ms: its runs.
        rates: error rates of the servers, each by the end of the time it is about; a multiple of
            `POINT_MS`.
    """
    found = [
        _step(view, Span(start_ms, start_ms + length_ms), seen, rates)
        for start_ms in range(span.start_ms, span.end_ms, length_ms)
    ]
    return Agreement(
        span=span,
        step_ms=length_ms,
        cells=Counter(step.cell for step in found),
        differences=tuple(_differences(found)),
        failed=_failed(found),
    )


def _step(
    view: ServerView,
    span: Span,
    seen: Mapping[str, Mapping[int, Counts]],
    rates: Mapping[int, Fraction],
) -> _Step:
    here = {
        region: steps[span.start_ms] for region, steps in seen.items() if span.start_ms in steps
    }
    failed = {region: int(counts.bad) for region, counts in here.items() if counts.bad}
    passed = any(counts.valid for counts in here.values())
    points = range(span.start_ms + POINT_MS, span.end_ms + 1, POINT_MS)
    known = tuple(rates[time_ms] for time_ms in points if time_ms in rates)
    if any(rate > view.bad_above for rate in known):
        servers = Servers.BAD
    else:
        servers = Servers.FINE if len(known) == len(points) else Servers.UNKNOWN
    users = Users.FAILED if failed else Users.PASSED if passed else Users.NO_VERDICT
    return _Step(span, Cell(users, servers), failed, known)


def _differences(steps: Iterable[_Step]) -> Iterator[Difference]:
    for accord, alike in groupby(steps, key=lambda step: step.cell.accord):
        if accord in (Accord.ONLY_USERS, Accord.ONLY_SERVER):
            yield _difference(accord, tuple(alike))


def _difference(accord: Accord, steps: Sequence[_Step]) -> Difference:
    return Difference(
        span=Span(steps[0].span.start_ms, steps[-1].span.end_ms),
        accord=accord,
        failed=_failed(steps),
        highest=max(rate for step in steps for rate in step.rates),
    )


def _failed(steps: Iterable[_Step]) -> Counter[str]:
    """Runs that failed in them, by region."""
    failed: Counter[str] = Counter()
    for step in steps:
        failed.update(step.failed)
    return failed
