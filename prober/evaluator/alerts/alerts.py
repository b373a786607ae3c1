"""Alerts: every contract looked at again and again, and what there is to tell about each."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from prober.errors import AuditBroken, SourceUnavailable
from prober.evaluator.alerts.look import Incident, Look
from prober.evaluator.alerts.memory import FIRING, GONE, PENDING, Account, Alert, Budget, Memory
from prober.evaluator.alerts.notices import Presence
from prober.evaluator.audit import AuditLog
from prober.evaluator.judging.plain import exact
from prober.evaluator.sources.once import Once
from prober.evaluator.sources.source import Source
from prober.slo.advice import Advised
from prober.slo.contract import Contract
from prober.slo.exclusion import Exclusion
from prober.slo.moment import iso

_logger = logging.getLogger("prober")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Everything there is to tell about one contract, as one message."""

    slo: str
    as_of_ms: int
    advised: Advised
    alerts: tuple[Alert, ...]
    incidents: tuple[Incident, ...]
    #: By rule, of alerts that are over.
    accounts: Mapping[str, Account]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "slo": self.slo,
            "as_of": iso(self.as_of_ms),
            "advice": str(self.advised.advice),
            "reason": self.advised.reason,
            "alerts": [_alert(alert) for alert in self.alerts],
            "incidents": [_incident(incident) for incident in self.incidents],
            "accounts": {
                rule: {"fired": account.fired, "consumed": exact(account.consumed)}
                for rule, account in sorted(self.accounts.items())
            },
        }


@dataclass(slots=True)
class Alerts:
    """Looks at every contract; one thread looks, any may read `groups`."""

    contracts: tuple[Contract, ...]
    source: Source
    memory: Memory
    #: Those in force.
    exclusions: Callable[[], Iterable[Exclusion]] = tuple
    #: As of the last look; replaced as a whole.
    groups: tuple[Group, ...] = ()
    #: When the last look was over, in ms since 1970; None: there was none.
    looked_ms: int | None = None
    #: The same of the last one that judged every contract and whose news were written down, so
    #: that people can be told of them.
    noted_ms: int | None = None
    #: By journey.
    _presence: dict[str, Presence] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def restore(
        cls,
        contracts: tuple[Contract, ...],
        source: Source,
        audit: AuditLog,
        exclusions: Callable[[], Iterable[Exclusion]] = tuple,
    ) -> Self:
        """Go on where the audit log ends; begin anew beside one that was changed."""
        try:
            memory = Memory.restore(audit)
        except AuditBroken:
            memory = Memory(audit)
        return cls(contracts, source, memory, exclusions)

    def look(self, now_ms: int) -> None:
        """Judge every contract as of a little while ago, and tell what is new.

        Raises:
            ProberError: the audit log cannot be written, or was changed; alerts fire all the same.
        """
        with self._turn:
            broken: list[str] = []
            groups = tuple(self._look(now_ms, broken))
            try:
                self.memory.write()
                if not broken:
                    self.noted_ms = now_ms
            finally:
                self.groups, self.looked_ms = groups, now_ms

    def judge_by(
        self,
        contracts: tuple[Contract, ...],
        source: Source,
        exclusions: Callable[[], Iterable[Exclusion]],
    ) -> None:
        """Look at other contracts from the next look on; what was told and what waits stays."""
        with self._turn:
            self.contracts, self.source, self.exclusions = contracts, source, exclusions

    def _look(self, now_ms: int, broken: list[str]) -> Iterator[Group]:
        """Look at every contract; fills in those whose look an error has ended."""
        exclusions, once = tuple(self.exclusions()), Once(self.source)
        self._end_orphans(now_ms)
        before = {group.slo: group for group in self.groups}
        with self.source.at_one_moment():
            for contract in self.contracts:
                try:
                    presence = self._present(contract.journey, once, now_ms)
                    look = Look(contract, once, presence, exclusions, self.memory, now_ms)
                    group: Group | None = self._group(look)
                except SourceUnavailable:  # in the middle of it: the next look goes on
                    group = before.get(contract.name)
                except Exception:  # it costs no other contract its alerts
                    _logger.exception("the alerts of %s could not be judged", contract.name)
                    broken.append(contract.name)
                    group = before.get(contract.name)
                if group:
                    yield group

    def _group(self, look: Look) -> Group:
        advised, incidents = look.take()
        slo = look.contract.name
        return Group(
            slo=slo,
            as_of_ms=look.as_of_ms,
            advised=advised,
            alerts=tuple(look.alerts()),
            incidents=incidents,
            accounts={
                rule: account
                for (name, rule), account in self.memory.accounts.items()
                if name == slo
            },
        )

    def _present(self, journey: str, once: Once, now_ms: int) -> Presence:
        """Who gives verdicts about a journey; what was known last, if it cannot be known now."""
        last = self._presence.get(journey, Presence(periods={}, newest={}, noted={}))
        try:
            periods, newest = once.periods(journey, now_ms), once.newest(journey, now_ms)
        except SourceUnavailable as error:
            return replace(last, note=str(error))
        known = {region: slot_ms for region, slot_ms in newest.items() if slot_ms is not None}
        noted = {region: last.noted.get(region, now_ms) for region in periods.keys() - known.keys()}
        self._presence[journey] = Presence(periods=periods, newest=known, noted=noted)
        return self._presence[journey]

    def _end_orphans(self, now_ms: int) -> None:
        """End what was told of contracts, and of budgets, that are gone."""
        names = {contract.name for contract in self.contracts}
        for alert in list(self.memory.alerts.values()):
            if alert.notice.key.slo not in names:
                self.memory.resolve(alert, now_ms, reason=GONE)
        budgets = (
            Budget(contract.name, objective.name, window.name)
            for contract in self.contracts
            for objective in contract.objectives
            for window in contract.windows
        )
        self.memory.abandon(budgets, now_ms)


def _alert(alert: Alert) -> dict[str, Any]:
    notice = alert.notice
    return {
        "rule": notice.key.rule,
        "objective": notice.key.objective or None,
        "window": notice.key.window or None,
        "region": notice.key.region or None,
        "severity": notice.severity,
        "phase": FIRING if alert.firing else PENDING,
        "since": iso(alert.since_ms),
        "since_ms": alert.since_ms,
        "text": notice.text,
        "facts": dict(notice.facts),
    }


def _incident(incident: Incident) -> dict[str, Any]:
    episode = incident.episode
    return {
        "objective": incident.objective,
        "began": iso(episode.span.start_ms),
        "began_ms": episode.span.start_ms,
        "severity": str(episode.severity),
        "consumed": exact(episode.consumed),
        "postmortem": episode.needs_postmortem,
        "text": incident.text,
    }
