"""Memory: what was told of alerts and states, and therefore is not told again.

Every beginning and end is an entry of the audit log, and a restart reads them back. An entry that
cannot be written waits: a full disk silences no alert. What only waits for its guards was never
told and is not kept. Since when an alert is quiet, and a budget better, is kept in a file beside
the log: without it a restart would put their end off.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Final, NamedTuple, Self

from prober.evaluator.alerts.notices import Key, Notice
from prober.evaluator.audit import AuditLog, Entry, Kind
from prober.evaluator.judging.result import Result
from prober.evaluator.whole import replace as put
from prober.model import canonical
from prober.slo.alert import Standing, settled
from prober.slo.contract import Contract
from prober.slo.state import State

#: Its name beside the log.
PATIENCE: Final = "patience.json"
#: Phases of an alert. Only the last two are told.
PENDING: Final = "pending"
FIRING: Final = "firing"
RESOLVED: Final = "resolved"
#: The states that somebody is told of, from half of the budget on.
TOLD_STATES: Final = (State.WARNING, State.CRITICAL, State.EXHAUSTED)
#: Why something is over that may still be the matter: what it was judged by is no more.
GONE: Final = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert that fires, or waits for its guards."""

    notice: Notice
    firing: bool
    since_ms: int
    #: When the incident began that it is about; None: it is about none.
    began_ms: int | None = None
    #: Since when nothing speaks for it any more.
    quiet_ms: int | None = None


class Account(NamedTuple):
    """How often a rule fired, and what share of budgets those incidents consumed."""

    fired: int = 0
    consumed: Fraction = Fraction(0)


class Budget(NamedTuple):
    """Whose state is told."""

    slo: str
    objective: str
    window: str


@dataclass(slots=True)
class Memory:
    """What was told; one thread at a time."""

    audit: AuditLog
    alerts: dict[Key, Alert] = field(default_factory=dict)
    states: dict[Budget, State] = field(default_factory=dict)
    #: Since when a budget is in states that somebody is told of; UNKNOWN ends none.
    told: dict[Budget, int] = field(default_factory=dict)
    #: By SLO and rule, of alerts that are over.
    accounts: dict[tuple[str, str], Account] = field(default_factory=dict)
    #: Since when a budget stands better than was told.
    _better: dict[Budget, int] = field(default_factory=dict)
    #: The file beside the log, as it was written last.
    _patience: str = ""
    #: Entries that the log could not take.
    _unwritten: list[tuple[Kind, dict[str, Any], int]] = field(default_factory=list)

    @classmethod
    def restore(cls, audit: AuditLog) -> Self:
        """What the log says was told.

        Raises:
            AuditBroken: it was changed or cut short.
        """
        memory = cls(audit)
        for entry in audit.entries((Kind.ALERT, Kind.STATE)):
            if entry.kind is Kind.ALERT:
                memory._recall(entry)
            else:
                body = entry.body
                budget = Budget(body["slo"], body["objective"], body["window"])
                gone = body.get("reason") == GONE
                memory._hold(budget, State(body["to"]), entry.at_ms, gone=gone)
        memory._take_up()
        return memory

    def take(self, notice: Notice, at_ms: int, began_ms: int | None = None) -> None:
        """Open what begins to fire or to wait, and keep what goes on.

        Args:
            notice: how an alert stands.
            at_ms: when.
            began_ms: when the incident began, should it begin to fire now.
        """
        key, standing, alert = notice.key, notice.standing, self.alerts.get(notice.key)
        if standing is Standing.FIRING:
            if alert is None or not alert.firing:
                self._tell(FIRING, notice, at_ms, {"began_ms": began_ms})
                alert = Alert(notice=notice, firing=True, since_ms=at_ms, began_ms=began_ms)
            self.alerts[key] = replace(alert, notice=notice, quiet_ms=None)
        elif alert is not None and alert.firing:
            if standing is Standing.UNKNOWN:
                self.alerts[key] = replace(alert, quiet_ms=None)
            elif alert.quiet_ms is None:
                self.alerts[key] = replace(alert, notice=notice, quiet_ms=at_ms)
        elif standing is Standing.PENDING:
            since_ms = at_ms if alert is None else alert.since_ms
            self.alerts[key] = Alert(notice=notice, firing=False, since_ms=since_ms)
        elif standing is Standing.QUIET:
            self.alerts.pop(key, None)

    def resolve(
        self,
        alert: Alert,
        at_ms: int,
        consumed: Fraction | None = None,
        reason: str | None = None,
    ) -> None:
        """End an alert.

        Args:
            alert: an open one.
            at_ms: when.
            consumed: share of the budget that its incident took; None: there was none.
            reason: why, when it is not over but `GONE`.
        """
        if alert.firing:
            since = {"since_ms": alert.since_ms, "began_ms": alert.began_ms}
            body = {"consumed": _exact(consumed), "reason": reason, **since}
            self._tell(RESOLVED, alert.notice, at_ms, body)
            self._count(alert.notice.key, consumed)
        del self.alerts[alert.notice.key]

    def settle(self, contract: Contract, result: Result, at_ms: int) -> None:
        """Tell the state of a budget when it is another one, and settled."""
        budget = Budget(contract.name, result.objective.name, result.window.name)
        held, judgement, bands = self.states.get(budget), result.judgement, contract.policy.bands
        if held is None:
            state = result.state
        else:
            since_ms = self._better.setdefault(budget, at_ms)
            quantum = 1 / judgement.budget if judgement.budget else None
            waited_ms = at_ms - since_ms
            state = settled(held, result.state, judgement.consumed, quantum, waited_ms, bands)
        if state is not held:
            reason = result.reason and str(result.reason)
            self._enter(budget, state, at_ms, _exact(judgement.consumed), reason)
        if state is result.state:
            self._better.pop(budget, None)

    def abandon(self, judged: Iterable[Budget], at_ms: int) -> None:
        """End what was told of budgets that are not among those that are judged."""
        for budget in sorted(self.told.keys() - set(judged)):
            self._enter(budget, State.UNKNOWN, at_ms, None, GONE)

    def unseen(self, slo: str) -> Iterator[dict[str, Any]]:
        """The bodies of what is new about a contract, for what was seen to be put beside it."""
        for _, body, _ in self._unwritten:
            if body["slo"] == slo and "seen" not in body:
                yield body

    def write(self) -> None:
        """Put into the log what is new.

        Raises:
            ProberError: it cannot be written, or was changed or cut short; nothing is forgotten.
        """
        while self._unwritten:
            self.audit.append(*self._unwritten[0])
            del self._unwritten[0]
        self._wait_on()

    def _wait_on(self) -> None:
        """Keep since when alerts are quiet and budgets better, and for how long it takes."""
        quiet = [
            (*key, alert.quiet_ms, alert.notice.hold_ms)
            for key, alert in self.alerts.items()
            if alert.quiet_ms is not None
        ]
        better = [(*budget, since_ms) for budget, since_ms in self._better.items()]
        patience = canonical({"quiet": sorted(quiet), "better": sorted(better)})
        if patience != self._patience:
            with contextlib.suppress(OSError):  # what is lost with it is an hour at most
                put(self.audit.path.with_name(PATIENCE), patience)
                self._patience = patience

    def _take_up(self) -> None:
        """Inverse of `_wait_on`; what is not known begins anew."""
        try:
            said = json.loads(self.audit.path.with_name(PATIENCE).read_text())
            quiet = {Key(*key): (int(ms), int(hold_ms)) for *key, ms, hold_ms in said["quiet"]}
            better = {Budget(*budget): int(since_ms) for *budget, since_ms in said["better"]}
        except (OSError, ValueError, TypeError, KeyError):
            return
        for key, (since_ms, hold_ms) in quiet.items():
            alert = self.alerts.get(key)
            if alert and since_ms >= alert.since_ms:
                notice = replace(alert.notice, hold_ms=hold_ms)
                self.alerts[key] = replace(alert, notice=notice, quiet_ms=since_ms)
        self._better = {budget: ms for budget, ms in better.items() if budget in self.states}

    def _tell(self, phase: str, notice: Notice, at_ms: int, more: Mapping[str, Any]) -> None:
        body = {"severity": notice.severity, "text": notice.text, "facts": notice.facts, **more}
        entry = {**notice.key._asdict(), "phase": phase, **body}
        self._unwritten.append((Kind.ALERT, entry, at_ms))

    def _enter(
        self, budget: Budget, state: State, at_ms: int, consumed: str | None, reason: str | None
    ) -> None:
        """Tell a state, and since when the one before it was one that somebody was told of."""
        held = self.states.get(budget)
        body = {
            **budget._asdict(),
            "from": held and str(held),
            "to": str(state),
            "since_ms": self.told.get(budget),
            "consumed": consumed,
            "reason": reason,
        }
        self._unwritten.append((Kind.STATE, body, at_ms))
        self._hold(budget, state, at_ms, gone=reason == GONE)

    def _hold(self, budget: Budget, state: State, at_ms: int, *, gone: bool) -> None:
        """Go by a state that was entered; what is gone and comes back begins anew."""
        self.states[budget] = state
        if state in TOLD_STATES:
            self.told.setdefault(budget, at_ms)
        elif gone or state is not State.UNKNOWN:
            self.told.pop(budget, None)
        if gone:
            del self.states[budget]
            self._better.pop(budget, None)

    def _recall(self, entry: Entry) -> None:
        body = entry.body
        key = Key(*(body[name] for name in Key._fields))
        if body["phase"] == RESOLVED:
            self.alerts.pop(key, None)
            self._count(key, None if body["consumed"] is None else Fraction(body["consumed"]))
            return
        notice = Notice(
            key=key,
            severity=body["severity"],
            standing=Standing.FIRING,
            text=body["text"],
            facts=body["facts"],
        )
        self.alerts[key] = Alert(
            notice=notice, firing=True, since_ms=entry.at_ms, began_ms=body["began_ms"]
        )

    def _count(self, key: Key, consumed: Fraction | None) -> None:
        if consumed is not None:
            fired, before = self.accounts.get((key.slo, key.rule), Account())
            self.accounts[key.slo, key.rule] = Account(fired + 1, before + consumed)


def _exact(value: Fraction | None) -> str | None:
    return None if value is None else str(value)
