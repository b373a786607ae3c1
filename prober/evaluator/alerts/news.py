"""News: what the audit log says that people should be told of, one thing that began or ended.

A piece of news is made of one entry alone. What is true now is the newest news of each key.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from prober.evaluator.alerts.memory import FIRING, GONE, TOLD_STATES
from prober.evaluator.alerts.notices import Key
from prober.evaluator.audit import AuditLog, Entry, Kind
from prober.slo.alert import TICKET
from prober.slo.silence import Silence, silences_of
from prober.slo.state import State

#: The rule of a state that is entered.
BUDGET: Final = "budget"
_KINDS: Final = (Kind.ALERT, Kind.STATE)
_SILENCES: Final = (Kind.SILENCE, Kind.SILENCE_END)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """An alert that began or ended, or a state that was entered or left."""

    #: Of the entry it is made of.
    number: int
    id: str
    at_ms: int
    key: Key
    severity: str
    #: What is true from now on: `firing`, or the state; None: nothing any more.
    now: str | None
    #: Since when it is true, or had been.
    since_ms: int
    text: str
    #: Plain values behind the text.
    facts: Mapping[str, Any]
    #: Share of the budget that its incident took, exact; None: it is over without, or goes on.
    cost: str | None
    #: What was seen at that look, see `prober.evaluator.alerts.scene`; empty: nothing was.
    seen: Mapping[str, Any]
    #: Whether it is over because nobody judges it any more.
    gone: bool = False

    @property
    def begins(self) -> bool:
        """Whether something is the matter."""
        return self.now is not None

    @property
    def state(self) -> str | None:
        """The state that was entered."""
        return self.now if self.key.rule == BUDGET else None

    @property
    def name(self) -> str:
        """The rule, of a budget with the state: what it is called elsewhere."""
        return f"{BUDGET}-{self.state.lower()}" if self.state else self.key.rule

    @property
    def recovers(self) -> bool:
        """Whether it is a state that was entered from a worse one."""
        before = self.facts.get("from")
        if self.state is None or before not in TOLD_STATES:
            return False
        return TOLD_STATES.index(before) > TOLD_STATES.index(State(self.state))

    @property
    def slo(self) -> str:
        """Its contract."""
        return self.key.slo

    @property
    def journey(self) -> str:
        """What was judged; empty when nothing was seen."""
        return str(self.seen.get("journey", ""))

    @property
    def rule(self) -> str:
        """See `Key`."""
        return self.key.rule

    @property
    def region(self) -> str:
        """See `Key`."""
        return self.key.region


def news_of(entry: Entry) -> News | None:
    """What an entry of the log tells; None: nothing that somebody waits for."""
    body = entry.body
    if entry.kind is Kind.STATE:
        return _of_state(entry) if body["to"] != State.UNKNOWN or _gone(entry) else None
    firing = body["phase"] == FIRING
    began_ms, since_ms = body.get("began_ms"), body.get("since_ms", entry.at_ms)
    return News(
        number=entry.number,
        id=entry.id,
        at_ms=entry.at_ms,
        key=Key(*(body[name] for name in Key._fields)),
        severity=body["severity"],
        now=FIRING if firing else None,
        since_ms=since_ms if began_ms is None else began_ms,
        text=body["text"],
        facts=body["facts"],
        cost=None if firing else body["consumed"],
        seen=body.get("seen", {}),
        gone=_gone(entry),
    )


def _of_state(entry: Entry) -> News:
    body, told = entry.body, entry.body["to"] in TOLD_STATES
    since_ms = None if told else body.get("since_ms")
    return News(
        number=entry.number,
        id=entry.id,
        at_ms=entry.at_ms,
        key=Key(body["slo"], BUDGET, body["objective"], body["window"]),
        severity=TICKET,
        now=body["to"] if told else None,
        since_ms=entry.at_ms if since_ms is None else since_ms,
        text=f"{body['objective']} is {body['to']}",
        facts={"consumed": body["consumed"], "from": body["from"], "to": body["to"]},
        cost=None,
        seen=body.get("seen", {}),
        gone=_gone(entry),
    )


def _gone(entry: Entry) -> bool:
    return entry.body.get("reason") == GONE


@dataclass(slots=True)
class Bulletin:
    """The news of an audit log; several threads may read."""

    audit: AuditLog
    #: Entries after it may belong to a look that is not written down to its end.
    until: int = 0
    #: All there were, up to there.
    silences: tuple[Silence, ...] = ()
    #: The newest of each key, up to there.
    _newest: dict[Key, News] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def catch_up(self) -> None:
        """Take up what was written; between two looks, not in one.

        Raises:
            AuditBroken: the log was changed or cut short.
        """
        with self._lock:
            until = self.audit.length
            known_until = self.until if self.until <= until else 0  # shorter: it was begun anew
            for each in self._between(known_until, until):
                known = self._newest.get(each.key)
                if known is None or known.now != each.now:  # else it says nothing new
                    self._newest[each.key] = each
            self.silences = silences_of(self.audit.entries(_SILENCES, until=until))
            self.until = until

    def after(self, number: int) -> list[News]:
        """What came after an entry, oldest first.

        Raises:
            AuditBroken: the log was changed or cut short.
        """
        with self._lock:
            return list(self._between(number, self.until)) if number < self.until else []

    def at(self, number: int) -> News | None:
        """What an entry says; None: nothing, or it is not there.

        Raises:
            AuditBroken: the log was changed or cut short.
        """
        return next(self._between(number - 1, number), None)

    def newest(self) -> dict[Key, News]:
        """The newest of each key: what is true now, and what was."""
        with self._lock:
            return dict(self._newest)

    def _between(self, after: int, until: int) -> Iterator[News]:
        for entry in self.audit.entries(_KINDS, after=after, until=until):
            if each := news_of(entry):
                yield each
