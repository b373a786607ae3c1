"""Exclusions: time that two people agreed not to hold against a journey, and why.

They are kept in an append-only log, are revoked there and never deleted, and what was judged
without them always stands beside what was judged with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final, NamedTuple, Protocol

from prober.model import canonical
from prober.slo.budget import Counts
from prober.slo.contract import ExclusionMode
from prober.slo.recurrence import Recurrence
from prober.slo.window import Span
from prober.units import DAY_MS

#: So long after its start an exclusion may still be asked for.
RETROACTIVE_MS: Final = 30 * DAY_MS
#: More of a window than this is a lot to leave out.
GENEROUS: Final = Fraction(1, 10)


class Category(StrEnum):
    """Why time is excluded: a closed list, so that reports can add it up."""

    SCHEDULED_MAINTENANCE = "scheduled_maintenance"
    PROVIDER_OUTAGE = "provider_outage"
    DDOS = "ddos"
    UNPRECEDENTED_DEMAND = "unprecedented_demand"
    PROBER_FAULT = "prober_fault"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """Time that was asked to be excluded, and who agreed.

    Raises:
        ValueError: it may not be; the message says what is wrong and the mend.
    """

    id: str
    #: The slots from `start_ms` to just before `end_ms`.
    start_ms: int
    end_ms: int
    #: None: all of them.
    regions: frozenset[str] | None = None
    journeys: frozenset[str] | None = None
    category: Category
    reason: str
    requested_by: str
    approved_by: str
    #: When it was written down.
    created_ms: int
    #: Where to read about it.
    evidence: str | None = None
    recurrence: Recurrence | None = None

    def __post_init__(self) -> None:
        if self.end_ms <= self.start_ms:
            raise ValueError("it ends no later than it begins, write a later end")
        if not self.reason.strip():
            raise ValueError("it has no reason, write one")
        if not (self.requested_by.strip() and self.approved_by.strip()):
            raise ValueError("it takes one who asks and one who approves, name both")
        if self.requested_by.strip().casefold() == self.approved_by.strip().casefold():
            raise ValueError("who asks for it cannot approve it, let somebody else approve")
        if self.created_ms - self.start_ms > RETROACTIVE_MS:
            raise ValueError("it begins more than 30 days ago, which is over for good, begin later")
        if self.regions == frozenset() or self.journeys == frozenset():
            raise ValueError("an empty list excludes nothing, name one or leave the list out")
        if self.recurrence:
            self.recurrence.check(self.start_ms)

    @property
    def retroactive(self) -> bool:
        """Whether it began before it was written down."""
        return self.created_ms > self.start_ms

    def concerns(self, journey: str) -> bool:
        """Whether it is about a journey, if only in some regions."""
        return self.journeys is None or journey in self.journeys

    def times(self, window: Span) -> Iterator[Span]:
        """What of a window it holds, each time it comes."""
        first = Span(self.start_ms, self.end_ms)
        for time in self.recurrence.times(first, window) if self.recurrence else [first]:
            if (held := time.within(window)).length_ms:
                yield held

    def to_dict(self) -> dict[str, Any]:
        """The body of its entry in the log."""
        return {
            "id": self.id,
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "regions": None if self.regions is None else sorted(self.regions),
            "journeys": None if self.journeys is None else sorted(self.journeys),
            "category": str(self.category),
            "reason": self.reason,
            "requested_by": self.requested_by,
            "approved_by": self.approved_by,
            "created_ms": self.created_ms,
            "evidence": self.evidence,
            "recurrence": self.recurrence and self.recurrence.to_dict(),
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Exclusion:
        """Inverse of `to_dict`.

        Raises:
            ValueError: it is not the body of an exclusion, or that may not be.
        """
        try:
            return cls(
                **dict(body)
                | {
                    "regions": _set(body.get("regions")),
                    "journeys": _set(body.get("journeys")),
                    "category": Category(body["category"]),
                    "recurrence": Recurrence.from_dict(body.get("recurrence")),
                }
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not an exclusion: {error}, write it anew") from error


class Unread(NamedTuple):
    """What should hold and cannot be read: of another version, or in a zone that is not here."""

    #: What it is, and the id by which it can be taken back all the same.
    kind: str
    id: str
    why: str

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.id} cannot be read and is left out ({self.why}): "
            "take it back, and write it anew"
        )

    @property
    def sentence(self) -> str:
        """The same, for a note beside other sentences."""
        return f"The {self}."

    def to_dict(self) -> dict[str, str]:
        """As answers list it."""
        return {"id": self.id, "why": self.why}


class Entry(Protocol):
    """A line of the log, as far as exclusions go."""

    @property
    def at_ms(self) -> int:
        """When it was written."""

    @property
    def kind(self) -> str:
        """`exclusion`, `revocation`, or something else."""

    @property
    def body(self) -> Mapping[str, Any]:
        """`Exclusion.to_dict()`, or of a revocation at least the `id` of what is revoked."""


def in_force(entries: Iterable[Entry], known_ms: int | None = None) -> tuple[Exclusion, ...]:
    """The exclusions that were written down by a moment and not revoked by then, oldest first.

    What cannot be read is left out: see `unread_exclusions`.

    Args:
        entries: the log, in its order; other kinds are passed over.
        known_ms: the moment; None: the end of the log.
    """
    return tuple(each for each in _standing(entries, known_ms) if isinstance(each, Exclusion))


def unread_exclusions(entries: Iterable[Entry], known_ms: int | None = None) -> tuple[Unread, ...]:
    """What `in_force` leaves out: to be told wherever exclusions are."""
    return tuple(each for each in _standing(entries, known_ms) if isinstance(each, Unread))


def fingerprint(exclusions: Iterable[Exclusion]) -> str:
    """SHA-256 of a set of exclusions, whatever their order: 64 digits."""
    bodies = sorted((each.to_dict() for each in exclusions), key=lambda body: str(body["id"]))
    return hashlib.sha256(canonical(bodies).encode()).hexdigest()


def spans(
    exclusions: Iterable[Exclusion], journey: str, region: str, window: Span
) -> tuple[Span, ...]:
    """What of a window is excluded for a journey in a region, oldest first; overlaps are one."""
    held = sorted(
        time
        for exclusion in exclusions
        if exclusion.concerns(journey)
        if exclusion.regions is None or region in exclusion.regions
        for time in exclusion.times(window)
    )
    union: list[Span] = []
    for time in held:
        if union and time.start_ms <= union[-1].end_ms:
            union[-1] = Span(union[-1].start_ms, max(union[-1].end_ms, time.end_ms))
        else:
            union.append(time)
    return tuple(union)


def without(counts: Counts, excluded: Counts, mode: ExclusionMode) -> Counts:
    """Counts after an exclusion of some of what they count.

    >>> without(Counts(good=9, bad=3, due=12), Counts(bad=2, due=2), ExclusionMode.AS_GOOD)
    Counts(good=11, bad=1, invalid=0, due=12, excluded=2, no_data_slices=0)
    """
    number = int(excluded.completed)
    if mode is ExclusionMode.AS_GOOD:
        good, bad = counts.good + excluded.bad, counts.bad - excluded.bad
        return Counts(good, bad, counts.invalid, counts.due, number)
    good, bad = counts.good - excluded.good, counts.bad - excluded.bad
    invalid = counts.invalid - excluded.invalid
    due = max(counts.due - excluded.due, int(good + bad + invalid))
    return Counts(good, bad, invalid, due, number)


def share(regions: Iterable[Iterable[Span]], window: Span) -> Fraction:
    """How much of a window is excluded: the mean of its regions' shares.

    >>> share([[Span(0, 10)], []], Span(0, 100))
    Fraction(1, 20)
    """
    lengths = [sum(span.length_ms for span in region) for region in regions]
    whole_ms = window.length_ms * len(lengths)
    return Fraction(sum(lengths), whole_ms) if whole_ms else Fraction(0)


def oddities(exclusion: Exclusion, held: Counts, before: Counts) -> Iterator[str]:
    """What of an exclusion deserves a second look, as clauses.

    Args:
        exclusion: see there.
        held: the runs that it holds.
        before: those of the period that ends with its first moment, that moment in it.
    """
    if exclusion.retroactive:
        yield "was asked for after it had begun"
    if held.completed and not held.bad:
        yield "holds no failure"
    if held.bad and before.bad:
        yield "begins when runs were failing already"


def _standing(entries: Iterable[Entry], known_ms: int | None) -> Iterable[Exclusion | Unread]:
    known: dict[str, Exclusion | Unread] = {}
    for entry in entries:
        if known_ms is not None and entry.at_ms > known_ms:
            continue
        name = str(entry.body.get("id", "without an id"))
        if entry.kind == "exclusion":
            try:
                known[name] = Exclusion.from_dict(entry.body)
            except ValueError as error:
                known[name] = Unread(entry.kind, name, str(error))
        elif entry.kind == "revocation":
            known.pop(name, None)
    return known.values()


def _set(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
