"""Misses on record: which there are, what each asks for, and what was changed because of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from prober.document import Strict, Text, did_you_mean, matching
from prober.errors import InputError, ProberError, Problem
from prober.evaluator.alerts.look import LAG_MS
from prober.evaluator.audit import Entry, Kind
from prober.evaluator.desk.about import About, abouts
from prober.evaluator.desk.desk import AS_OF, Answer, Desk, Verb, read
from prober.evaluator.door.tokens import Scope
from prober.evaluator.judging.history import gone_by
from prober.evaluator.judging.plain import exact
from prober.evaluator.sources.once import Once
from prober.slo.contract import Contract
from prober.slo.miss import Budget, Ended, Miss, Told, misses
from prober.slo.moment import iso
from prober.slo.state import State
from prober.slo.window import Calendar, Span

#: What every miss asks for, and what one of a public promise asks for besides.
CHANGE: Final = "one structural change"
NOTICE: Final = "a notice to customers, who were promised it in public"
#: A place that can be read, and no program.
Link = Annotated[str, matching(r"https?://\S+", "an address", "write one as https://…")]


class MissesRequest(Strict):
    """Whose misses; without a name, everybody's."""

    slo: Text | None = None


class CloseRequest(Strict):
    """What was changed because of a miss, and where it can be read."""

    id: Text
    change: Text
    kind: Literal["test", "alert", "gate", "deprecation", "redesign", "target"]
    link: Link
    notice: Link | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A miss, and what became of it by a moment."""

    contract: Contract
    miss: Miss
    #: What it was closed with; None: it is open.
    closure: Entry | None
    as_of_ms: int

    @property
    def standing(self) -> str:
        """In a word."""
        if self.closure:
            return "closed"
        return "overdue" if self.as_of_ms >= self.miss.due_ms else "open"

    @property
    def public(self) -> bool:
        """Whether customers were promised it in public."""
        return self.contract.sla is not None and self.contract.sla.public_commitment

    def to_dict(self) -> Answer:
        """Plain values."""
        miss = self.miss
        return {
            "id": miss.id,
            "slo": miss.slo,
            "objective": miss.objective,
            "window": miss.window,
            "how": str(miss.how),
            "opened": iso(miss.opened_ms),
            "opened_ms": miss.opened_ms,
            "due": iso(miss.due_ms),
            "due_ms": miss.due_ms,
            "consumed": exact(miss.consumed),
            "standing": self.standing,
            "items": list(self._items()),
            "closed": self.closure and _closure(self.closure),
        }

    def _items(self) -> Iterator[Answer]:
        """What it asks for; it is closed with all of it or not at all."""
        done = self.closure is not None
        yield {"what": CHANGE, "done": done}
        if self.public:
            yield {"what": NOTICE, "done": done}


def listed(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Every miss, closed ones too, oldest first."""
    asked, now_ms = read(request, MissesRequest), desk.clock()
    contracts = [desk.contract(asked.slo)] if asked.slo else desk.contracts
    found = [each.to_dict() for each in recorded(desk, contracts, now_ms)]
    return {"as_of": iso(now_ms), "as_of_ms": now_ms, "misses": found}


def close(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Close a miss with what was changed."""
    asked, now_ms = read(request, CloseRequest), desk.clock()
    found = {each.miss.id: each for each in recorded(desk, desk.contracts, now_ms)}
    if asked.id not in found:
        mend = did_you_mean(asked.id, found) if found else "and no other"
        raise ProberError(f"there is no miss {asked.id!r}, {mend}")
    miss = found[asked.id]
    if miss.closure:
        raise ProberError(f"miss {asked.id!r} is closed since {iso(miss.closure.at_ms)}")
    if miss.public and asked.notice is None:
        what, mend = "customers were promised it in public", "say where they were told of the miss"
        raise InputError([Problem("request", 0, "notice", what, mend)])
    entry = desk.audit.append(Kind.MISS, asked.model_dump(), now_ms)
    return {"miss": Recorded(miss.contract, miss.miss, entry, now_ms).to_dict()}


VERBS: Final = {
    "misses": Verb(listed, MissesRequest, AS_OF | {"misses": "array"}),
    "miss-close": Verb(close, CloseRequest, {"miss": "object"}, Scope.REVIEW),
}


def recorded(desk: Desk, contracts: Iterable[Contract], as_of_ms: int) -> list[Recorded]:
    """The misses of contracts as they stood at a moment, oldest first.

    Raises:
        SourceUnavailable: periods that are over cannot be judged now.
    """
    closures = {each.body["id"]: each for each in desk.audit.entries(Kind.MISS, known_ms=as_of_ms)}
    entries = desk.audit.entries(Kind.STATE, known_ms=as_of_ms)
    once = Once(desk.source)
    with desk.source.at_one_moment():
        found = [
            Recorded(contract, miss, closures.get(miss.id), as_of_ms)
            for contract in contracts
            for about in abouts(desk, contract, once, as_of_ms)
            for miss in _misses(about, entries)
        ]
    return sorted(found, key=lambda each: each.miss.opened_ms)


def _misses(about: About, entries: Iterable[Entry]) -> tuple[Miss, ...]:
    budget = Budget(about.contract.name, about.objective.name, about.window)
    name = (budget.slo, budget.objective, about.window.name)
    told = [
        Told(
            entry.at_ms - LAG_MS,  # the moment that was judged
            State(entry.body["to"]),
            _share(entry.body["consumed"]),
        )
        for entry in entries
        if (entry.body["slo"], entry.body["objective"], entry.body["window"]) == name
    ]
    return misses(budget, told, _ended(about))


def _share(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


def _ended(about: About) -> Iterator[Ended]:
    """The periods of the calendar that are over, since the contract took effect."""
    if not isinstance(about.window, Calendar):
        return
    for past in gone_by(about.counting, about.objective, about.window, about.as_of_ms):
        if _in_effect(about.contract, about.window, past.span):
            yield Ended(past.span, past.met, past.judgement.consumed)


def _in_effect(contract: Contract, window: Calendar, span: Span) -> bool:
    begins = contract.effective_from
    first = datetime.fromtimestamp(span.start_ms // 1000, ZoneInfo(window.time_zone)).date()
    return begins is None or first >= begins


def _closure(entry: Entry) -> Answer:
    return {
        "at": iso(entry.at_ms),
        "change": entry.body["change"],
        "kind": entry.body["kind"],
        "link": entry.body["link"],
        "notice": entry.body["notice"],
    }
