"""A watch whose alerts are told: a journal, its audit log, a clock, and the post."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from prober.evaluator.alerts.alerts import Alerts
from prober.evaluator.alerts.channels import Channels, Way, WayId
from prober.evaluator.alerts.post import PLACES, Post
from prober.evaluator.audit import AUDIT, AuditLog
from prober.evaluator.desk.desk import Desk
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.verbs import VERBS
from prober.journal.view import View
from prober.slo.contract import AlertRule, Contract, Impact
from prober.slo.contract import Alerts as AlertKeys

MINUTE_MS = 60_000
LAG_MS = MINUTE_MS
URL = "http://prober.example"
#: One rule alone, so that an outage is one alert.
FAST = AlertRule(
    name="fast",
    severity="page",
    burn=Fraction(72, 5),
    long_ms=60 * MINUTE_MS,
    short_ms=10 * MINUTE_MS,
)


def one_rule(contract: Contract, **routes: str) -> Contract:
    """The contract with one rule, told to a channel; its budget is told of when it is spent."""
    alerts = AlertKeys(rules=(FAST,), routes=routes or {"page": "oncall", "ticket": "oncall"})
    return replace(contract, alerts=alerts, impact=Impact(notification_threshold=Fraction(1)))


def channels(*ways: tuple[str, str], default: str | None = None, **named: Any) -> Channels:
    """Channels of (kind, address) pairs: those of `oncall`, and others by name."""
    found = {name: _ways(name, given) for name, given in {"oncall": ways, **named}.items() if given}
    return Channels(ways=found, default=default)


def _ways(channel: str, given: tuple[tuple[str, str], ...]) -> tuple[Way, ...]:
    return tuple(
        Way(id=WayId(channel, f"{kind}-{number}"), kind=kind, url=url)
        for number, (kind, url) in enumerate(given)
    )


class Watch:
    """Looks at a contract, and tells."""

    def __init__(
        self,
        journal: Path,
        directory: Path,
        contract: Contract,
        told: Channels,
        noon_ms: int,
        *,
        real_time: bool = False,
    ) -> None:
        self.contract, self.channels, self.directory = contract, told, directory
        self.noon_ms = self.now_ms = noon_ms
        self.real_time = real_time
        self.source = JournalSource(View.open(journal))
        self.restart()

    def restart(self) -> None:
        """Forget everything but the files."""
        self.audit = AuditLog.open(self.directory / AUDIT)
        self.alerts = Alerts.restore((self.contract,), self.source, self.audit)
        self.post = Post(
            self.audit, self.directory, self.channels, (self.contract,), URL, self.clock
        )
        self.desk = Desk(
            contracts=(self.contract,),
            source=self.source,
            audit=self.audit,
            verbs=VERBS,
            clock=self.clock,
        )

    def clock(self) -> int:
        """What the post goes by; an Alertmanager knows only the real time."""
        return time.time_ns() // 1_000_000 if self.real_time else self.now_ms

    def at(self, minutes: float) -> None:
        """Look, so many minutes after noon, and tell."""
        self.look_at(self.noon_ms + int(minutes * MINUTE_MS) + LAG_MS)

    def look_at(self, now_ms: int) -> None:
        """Look at a moment, and tell."""
        self.now_ms = now_ms
        self.alerts.look(now_ms)
        self.post.deliver()

    def until(self, minutes: int, start: int = 0, step: int = 1) -> None:
        """Look once a minute, or as often."""
        for minute in range(start, minutes + 1, step):
            self.at(minute)

    def ask(self, verb: str, **request: Any) -> dict[str, Any]:
        """What the desk answers."""
        return self.desk.answer(verb, request)

    def place(self, way: str = "oncall.webhook-0") -> Path:
        """Where it is kept how far a way is."""
        return self.directory / PLACES / f"{way}.json"

    @property
    def troubles(self) -> list[str]:
        """What was not told."""
        return list(self.post.troubles())

    @property
    def readings(self) -> Mapping[tuple[str, str], float]:
        """What it says of itself as metrics, by metric and way."""
        return {
            (each.metric.name, each.attributes["prober.way"]): float(each.value)
            for each in self.post.readings()
        }

    def close(self) -> None:
        """Close the journal."""
        self.post.stop()
        self.source.view.close()
