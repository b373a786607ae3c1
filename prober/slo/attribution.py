"""What spent an error budget: the consumed share, divided among what can be named.

Every division is complete: its parts add up to exactly the consumed share, and what nobody can
name is a part like any other. Parts name changes and systems, never people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple

from prober.model import Cause, Run
from prober.slo.budget import Number
from prober.slo.window import Span
from prober.units import MINUTE_MS

#: Bad by count, of which no record of a run is kept.
NO_RECORD: Final = "no record"
#: Time without data that the contract calls bad.
NO_DATA: Final = "no data"
#: A run that passed, later than the objective allows.
TOO_LATE: Final = "over the threshold"
NO_DEPLOY: Final = "no deploy"
NO_STEP: Final = "no step"


class Origin(StrEnum):
    """Where a failure comes from, as far as its record tells."""

    DEPLOY = "deploy"  #: soon after a deploy
    UPSTREAM = "upstream"  #: others failed to answer, and the target did not
    INFRA = "infra"  #: the target could not be reached
    APP = "app"  #: the target answered, and wrongly
    UNATTRIBUTED = "unattributed"  #: the record does not tell


class Deploy(NamedTuple):
    """A change that went out."""

    at_ms: int
    #: What it is called: a commit, a version.
    name: str


class Part(NamedTuple):
    """What one name took of the budget."""

    name: str
    #: Bad runs, or slices, and fractions of them.
    bad: Number
    #: Of the whole budget.
    share: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A bad run, and what its record tells."""

    slot_ms: int
    region: str
    cause: str
    step: str
    origin: Origin
    #: Servers looked healthy.
    silent: bool
    #: What it adds to what is bad: 1, where runs are counted and weigh the same.
    bad: Number = 1


class Total(NamedTuple):
    """What is bad altogether."""

    #: Bad runs, or slices.
    bad: Number
    #: How many may be; above 0.
    budget: Fraction
    #: Of the bad slices, those that hold no verdict.
    no_data: int = 0

    @property
    def consumed(self) -> Fraction:
        """Share of the budget."""
        return Fraction(self.bad) / self.budget

    def part(self, name: str, failures: Iterable[Failure]) -> Part:
        """What some failures took of it."""
        (found,) = parts({name: sum(each.bad for each in failures)}, self.budget)
        return found


class Incident(NamedTuple):
    """Failures that followed each other closely."""

    #: As users met it: from the first one's slot on, and what failed last stands for the time
    #: until the next run.
    span: Span
    failures: tuple[Failure, ...]
    part: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The consumed share, divided in several ways; each adds up to it.

    Incidents do so together with what has no record, which is a part of the other divisions.
    """

    total: Total
    origins: tuple[Part, ...]
    causes: tuple[Part, ...]
    steps: tuple[Part, ...]
    regions: tuple[Part, ...]
    deploys: tuple[Part, ...]
    #: The dearest first.
    incidents: tuple[Incident, ...]
    unrecorded: tuple[Part, ...]
    #: Of all of it: during which servers looked healthy.
    silent: Part


def failure(run: Run, bad: Number = 1) -> Failure:
    """A bad run as what spends a budget."""
    return Failure(
        slot_ms=run.id.slot_ms,
        region=run.id.region,
        cause=str(run.cause) if run.cause else TOO_LATE,
        step=run.step or NO_STEP,
        origin=origin_of(run),
        silent=run.silent,
        bad=bad,
    )


def origin_of(run: Run) -> Origin:
    """Where a failure comes from, by what the browser saw; of deploys a record knows nothing."""
    ours, theirs = run.responses, run.third_party
    if run.cause is Cause.NETWORK:
        return Origin.INFRA
    wrong = run.cause in (Cause.ASSERTION, Cause.HTTP_STATUS, Cause.PAGE_CRASH)
    if ours.get("5xx") or run.cause is Cause.HTTP_STATUS:
        return Origin.APP
    if (theirs.get("5xx") or theirs.get("none")) and not ours.get("none"):
        return Origin.UPSTREAM
    return Origin.APP if wrong else Origin.UNATTRIBUTED


def attribute(
    failures: Sequence[Failure],
    total: Total,
    deploys: Sequence[Deploy],
    within_ms: int,
    apart_ms: int,
    every_ms: int = 1,
    end_ms: int = 0,
) -> Attribution:
    """Divide what is consumed of a budget.

    Args:
        failures: the bad runs that are on record.
        total: what is bad altogether.
        deploys: what went out.
        within_ms: so long after a deploy a failure is held against it.
        apart_ms: failures further apart than this are different incidents.
        every_ms: from run to run.
        end_ms: of what is judged: no incident goes on for longer.
    """
    shipped = [_deploy(deploys, each.slot_ms, within_ms) for each in failures]

    def named(names: Iterable[str]) -> tuple[Part, ...]:
        return _divide(failures, total, names)

    return Attribution(
        total=total,
        unrecorded=parts(_unrecorded(failures, total), total.budget),
        origins=named(map(_origin, failures, shipped)),
        causes=named(each.cause for each in failures),
        steps=named(each.step for each in failures),
        regions=named(each.region for each in failures),
        deploys=named(shipped),
        incidents=_incidents(grouped(failures, apart_ms), total, every_ms, end_ms),
        silent=total.part("silent", [each for each in failures if each.silent]),
    )


def parts(spent: Mapping[str, Number], budget: Fraction) -> tuple[Part, ...]:
    """What each name took of a budget above 0, the largest part first.

    >>> [part.share for part in parts({"psp": 10, "deploy": 20}, Fraction("43.2"))]
    [Fraction(25, 54), Fraction(25, 108)]
    """
    found = [Part(name, bad, Fraction(bad) / budget) for name, bad in spent.items()]
    return tuple(sorted(found, key=lambda part: (-part.bad, part.name)))


def deploy_of(deploys: Iterable[Deploy], slot_ms: int, within_ms: int) -> Deploy | None:
    """The last deploy before a slot, if it was not longer ago than `within_ms`."""
    before = [each for each in deploys if each.at_ms <= slot_ms < each.at_ms + within_ms]
    return max(before, default=None)


def _deploy(deploys: Iterable[Deploy], slot_ms: int, within_ms: int) -> str:
    found = deploy_of(deploys, slot_ms, within_ms)
    return found.name if found else NO_DEPLOY


def _origin(failure: Failure, deploy: str) -> str:
    return str(failure.origin if deploy == NO_DEPLOY else Origin.DEPLOY)


def grouped(failures: Iterable[Failure], apart_ms: int) -> tuple[tuple[Failure, ...], ...]:
    """Failures as incidents: none in one is more than `apart_ms` after the one before it."""
    ordered = sorted(failures, key=lambda each: (each.slot_ms, each.region))
    groups = [ordered[:1]] if ordered else []
    for before, each in pairwise(ordered):
        if each.slot_ms - before.slot_ms > apart_ms:
            groups.append([])
        groups[-1].append(each)
    return tuple(map(tuple, groups))


def _incidents(
    groups: Iterable[tuple[Failure, ...]], total: Total, every_ms: int, end_ms: int
) -> tuple[Incident, ...]:
    found = []
    for group in groups:
        last_ms = group[-1].slot_ms
        span = Span(group[0].slot_ms, max(last_ms + 1, min(last_ms + every_ms, end_ms)))
        found.append(Incident(span, group, total.part(_when(span), group)))
    return tuple(sorted(found, key=lambda each: (-each.part.bad, each.span)))


def _when(span: Span) -> str:
    """A span for people, to the minute; one minute is named once."""
    start, end = (datetime.fromtimestamp(ms // 1000, UTC) for ms in span)
    if span.length_ms < MINUTE_MS:
        return f"{start:%Y-%m-%d %H:%M} UTC"
    day = "" if start.date() == end.date() else f"{end:%Y-%m-%d} "
    return f"{start:%Y-%m-%d %H:%M} to {day}{end:%H:%M} UTC"


def _divide(failures: Sequence[Failure], total: Total, names: Iterable[str]) -> tuple[Part, ...]:
    """The consumed share by name, one for each failure; what has no record has a name too."""
    spent: dict[str, Number] = {}
    for each, name in zip(failures, names, strict=True):
        spent[name] = spent.get(name, 0) + each.bad
    return parts(spent | _unrecorded(failures, total), total.budget)


def _unrecorded(failures: Iterable[Failure], total: Total) -> dict[str, Number]:
    """What is bad and in no run's record."""
    recorded = sum(each.bad for each in failures)
    rest = {NO_DATA: total.no_data, NO_RECORD: total.bad - total.no_data - recorded}
    return {name: bad for name, bad in rest.items() if bad}
