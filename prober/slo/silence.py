"""Silences: time in which somebody asked not to be told of alerts, and why.

A silence keeps back messages and nothing else: what it holds is judged, counted and shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from prober.slo.exclusion import Unread
from prober.slo.recurrence import Recurrence
from prober.slo.window import Span
from prober.units import DAY_MS

#: An alert that nobody wants to hear of for longer is to be changed, not silenced.
LONGEST_MS: Final = 30 * DAY_MS


class Subject(Protocol):
    """What an alert is about, as far as silences go."""

    @property
    def slo(self) -> str:
        """Its contract."""

    @property
    def journey(self) -> str:
        """Empty when it is not known any more."""

    @property
    def rule(self) -> str:
        """The alert's own name."""

    @property
    def region(self) -> str:
        """Empty when it is about more than one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Alerts that nobody is told of for a while.

    Raises:
        ValueError: it may not be; the message says what is wrong and the mend.
    """

    id: str
    start_ms: int
    end_ms: int
    #: Either is enough; both None: of everything.
    slos: frozenset[str] | None = None
    journeys: frozenset[str] | None = None
    #: None: all of them.
    rule: str | None = None
    region: str | None = None
    by: str
    reason: str
    recurrence: Recurrence | None = None
    #: When somebody ended it before its time.
    ended_ms: int | None = None

    def __post_init__(self) -> None:
        if self.end_ms <= self.start_ms:
            raise ValueError("it ends no later than it begins, write a later end")
        if self.end_ms - self.start_ms > LONGEST_MS:
            raise ValueError("it is longer than 30 days, change the alert or write an earlier end")
        if self.start_ms < 0:  # the first years there are have no time in some zones
            raise ValueError("it begins before 1970, write a later start")
        if self.recurrence:
            self.recurrence.check(self.start_ms)

    def concerns(self, subject: Subject) -> bool:
        """Whether it is about an alert, whenever."""
        everything = self.slos is None and self.journeys is None
        named = subject.slo in (self.slos or ()) or subject.journey in (self.journeys or ())
        return (
            (everything or named)
            and self.rule in (None, subject.rule)
            and self.region in (None, subject.region)
        )

    def until_ms(self, at_ms: int) -> int | None:
        """When the time ends that a moment lies in; None: it lies in none."""
        if self.ended_ms is not None and at_ms >= self.ended_ms:
            return None
        first, moment = Span(self.start_ms, self.end_ms), Span(at_ms, at_ms + 1)
        times = self.recurrence.times(first, moment) if self.recurrence else [first]
        return max((time.end_ms for time in times if time.holds(at_ms)), default=None)

    def to_dict(self) -> dict[str, Any]:
        """The body of its entry in the log, and its id."""
        return {
            "id": self.id,
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "slos": None if self.slos is None else sorted(self.slos),
            "journeys": None if self.journeys is None else sorted(self.journeys),
            "rule": self.rule,
            "region": self.region,
            "by": self.by,
            "reason": self.reason,
            "recurrence": self.recurrence and self.recurrence.to_dict(),
        }

    @classmethod
    def from_dict(cls, id_: str, body: Mapping[str, Any]) -> Silence:
        """The silence that an entry of the log begins.

        Raises:
            ValueError: it is not the body of a silence, or that may not be.
        """
        try:
            return cls(
                id=id_,
                start_ms=body["start_ms"],
                end_ms=body["end_ms"],
                slos=_set(body["slos"]),
                journeys=_set(body["journeys"]),
                rule=body["rule"],
                region=body["region"],
                by=body["by"],
                reason=body["reason"],
                recurrence=Recurrence.from_dict(body["recurrence"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a silence: {error}, write it anew") from error


class Entry(Protocol):
    """A line of the log, as far as silences go."""

    @property
    def id(self) -> str:
        """What people call it by."""

    @property
    def at_ms(self) -> int:
        """When it was written."""

    @property
    def kind(self) -> str:
        """`silence`, `silence-end`, or something else."""

    @property
    def body(self) -> Mapping[str, Any]:
        """`Silence.to_dict()`, or of an end at least the `id` of what is ended."""


def silences_of(entries: Iterable[Entry]) -> tuple[Silence, ...]:
    """Every silence there was, oldest first, with its end where somebody ended it.

    What cannot be read is left out: see `unread_silences`.
    """
    return tuple(each for each in _noted(entries) if isinstance(each, Silence))


def unread_silences(entries: Iterable[Entry]) -> tuple[Unread, ...]:
    """What `silences_of` leaves out and nobody ended: to be told wherever silences are."""
    return tuple(each for each in _noted(entries) if isinstance(each, Unread))


def silencing(silences: Iterable[Silence], subject: Subject, at_ms: int) -> Silence | None:
    """The silence that keeps back an alert at a moment, the one that ends last; None: none."""
    found = [
        (until_ms, silence)
        for silence in silences
        if silence.concerns(subject)
        if (until_ms := silence.until_ms(at_ms)) is not None
    ]
    return max(found, key=lambda each: each[0])[1] if found else None


def _noted(entries: Iterable[Entry]) -> Iterable[Silence | Unread]:
    known: dict[str, Silence | Unread] = {}
    for entry in entries:
        if entry.kind == "silence":
            try:
                known[entry.id] = Silence.from_dict(entry.id, entry.body)
            except ValueError as error:
                known[entry.id] = Unread(entry.kind, entry.id, str(error))
        elif entry.kind == "silence-end":
            ended = known.get(entry.body.get("id", ""))
            if isinstance(ended, Silence):
                known[ended.id] = replace(ended, ended_ms=entry.at_ms)
            elif ended:
                del known[ended.id]
    return known.values()


def _set(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
