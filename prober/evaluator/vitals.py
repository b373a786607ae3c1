"""How the evaluator itself is: its loops, its journal, its files; never how the target is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from prober import conventions as names
from prober.evaluator.alerts.alerts import Alerts
from prober.evaluator.alerts.post import Post
from prober.evaluator.board import Status
from prober.evaluator.clerk.clerk import Writing
from prober.evaluator.door.door import Reason
from prober.reload import Reload
from prober.telemetry.totals import Reading
from prober.units import MINUTE_MS, span

HEARTBEAT: Final = "heartbeat"
ALERTS: Final = "alerts"
#: By loop: after so long without a round the evaluator is not well. A look at alerts may have to
#: wait for a PromQL backend that is slow for every contract.
STILL_S: Final = {HEARTBEAT: 10.0, ALERTS: 600.0}
#: Alerts are looked at every 15 s; after so long without it is said.
_LATE_MS: Final = MINUTE_MS
#: Troubles that others have to mend; the evaluator works.
_TOLD_ONLY: Final = frozenset({"coverage", "orphans", "notifications", "reload"})


@dataclass(slots=True)
class Vitals:
    """What the pages about the evaluator itself are made of."""

    writing: Writing
    alerts: Alerts
    reload: Reload
    post: Post
    #: Why records cannot be kept; empty when they can.
    refused: Callable[[], str]
    #: How often somebody was not let in, by why.
    kept_out: Mapping[Reason, int]
    #: When each loop last came round, by the monotonic clock.
    _rounds: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(STILL_S, time.monotonic())
    )
    _since_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)

    def beat(self, loop: str) -> None:
        """A loop came round."""
        self._rounds[loop] = time.monotonic()

    def ages_s(self) -> dict[str, float]:
        """How long ago each loop last came round."""
        return {loop: time.monotonic() - at_s for loop, at_s in self._rounds.items()}

    def readiness(self, status: Status) -> dict[str, Any]:
        """What `/readyz` shows: whether it takes in and judges, and what is wrong where not."""
        found = {
            "journal": [self.refused()] if self.refused() else [],
            "alerts": list(self._late()),
            "coverage": list(_silent(status)),
            "orphans": list(status.left),
            "notifications": list(self.post.troubles()),
            "reload": list(self.reload.problems),
        }
        troubles = {part: lines for part, lines in found.items() if lines}
        return {
            "ready": not troubles.keys() - _TOLD_ONLY,
            "troubles": troubles,
            "slos": len(status.evaluations),
            "reload": self.reload.last.to_dict() if self.reload.last else None,
        }

    def readings(self) -> list[Reading]:
        """What it says of itself as metrics; touches the disk."""
        journal = self.writing.facts()
        found = [
            Reading(names.INFO, {"prober.version": version("prober")}, 1),
            Reading(names.CONFIG_RELOAD, {}, int(not self.reload.problems)),
            Reading(names.CONFIG_READ, {}, self.reload.in_force_ms / 1000),
            Reading(names.JOURNAL_RECORDS, {}, journal.written),
            Reading(names.JOURNAL_SET_ASIDE, {}, journal.damaged_ones),
            Reading(names.JOURNAL_UNWRITTEN, {}, int(bool(self.refused()))),
            Reading(names.JOURNAL_SIZE, {}, _size(self.writing.path)),
        ]
        for reason in Reason:
            count = self.kept_out.get(reason, 0)
            found.append(Reading(names.ACCESS_REFUSED, {names.REASON: str(reason)}, count))
        if journal.backed_up_ms is not None:
            age_s = (time.time_ns() // 1_000_000 - journal.backed_up_ms) / 1000
            found.append(Reading(names.JOURNAL_BACKUP_AGE, {}, age_s))
        if self.alerts.noted_ms is not None:
            found.append(Reading(names.ALERTS_LOOKED, {}, self.alerts.noted_ms / 1000))
        return [*found, *self.post.readings()]

    def _late(self) -> Iterator[str]:
        looked_ms = self.alerts.looked_ms or self._since_ms
        age_ms = time.time_ns() // 1_000_000 - looked_ms
        if age_ms > _LATE_MS:
            yield f"no look at all contracts for alerts came to its end for {span(age_ms)}"


def _silent(status: Status) -> Iterator[str]:
    """Regions of which runs should be here."""
    for journey, rows in status.rows.items():
        for row in rows:
            if row.late and row.age_ms is not None:
                yield f"{journey} in {row.region}: no run for {span(row.age_ms)}"
            if row.missing:
                yield f"{journey} in {row.region}: {row.missing} runs were counted and are not here"


def _size(journal: Path) -> int:
    files = (journal, journal.with_name(f"{journal.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
