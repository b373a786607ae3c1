"""What an agent says of itself: gauges, and counters that no record stands behind."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from prober import conventions as names
from prober.agent.clock import Clock
from prober.agent.copies import Copies
from prober.agent.pools import Pools
from prober.config import Region
from prober.errors import JournalError
from prober.journal.journal import Journal
from prober.journal.tally import Increment
from prober.journal.view import View
from prober.model import canonical
from prober.reload import Reload
from prober.telemetry.totals import Reading


@dataclass(slots=True)
class Observer:
    """Reads the agent's parts; touches the disk, so call it in a thread."""

    region: Region
    journal: Journal
    view: View
    pools: Pools
    clock: Clock
    #: Records that wait for the disk, and those that were given up.
    unwritten: Callable[[], int]
    reload: Reload
    copies: Copies
    _carried: dict[tuple[str, str], int] = field(default_factory=dict)
    #: The page and delivery ask from different threads.
    _carrying: threading.Lock = field(default_factory=threading.Lock)

    def readings(self) -> list[Reading]:
        """What no journal row stands behind."""
        with self._carrying, contextlib.suppress(JournalError):  # a full disk: next time
            self._carry_over()
        own = {names.REGION: self.region.name}
        return [
            Reading(names.WORKERS, own, self.pools.live),
            Reading(names.JOURNAL_RECORDS, own, self.journal.written),
            Reading(names.JOURNAL_SIZE, own, _size(self.journal.path)),
            Reading(names.JOURNAL_UNWRITTEN, own, self.unwritten()),
            Reading(names.JOURNAL_SET_ASIDE, own, self.journal.damaged_ones),
            *self._backup(own),
            Reading(names.CLOCK_SKEW, own, self.clock.skew_ms / 1000),
            *self._control(own),
            Reading(names.CONFIG_RELOAD, own, int(not self.reload.problems)),
            Reading(names.CONFIG_READ, own, self.reload.in_force_ms / 1000),
            Reading(names.INFO, own | self._info(), 1),
            *self._uncopied(own),
            *self._orphans(),
            *self._newest_runs(),
            *self._schedules(),
        ]

    def _carry_over(self) -> None:
        """Add what pools and clock counted since last time to the lifetime counters."""
        found = {(names.WORKERS_KILLED.name, ""): self.pools.killed}
        renewed = self.pools.renewed.copy()
        found |= {(names.WORKERS_RENEWED.name, why): n for why, n in renewed.items()}
        found[names.ARTEFACTS_WITHHELD.name, ""] = self.pools.withheld
        found[names.CONTROL_FAILED.name, ""] = self.pools.control.counted["failed"]
        found |= {(names.CLOCK_STEPS.name, step): n for step, n in self.clock.steps.items()}
        self.journal.add(
            Increment(metric, self._attributes(why), n - self._carried.get((metric, why), 0))
            for (metric, why), n in found.items()
        )
        self._carried = found

    def _attributes(self, why: str) -> str:
        return canonical({names.REGION: self.region.name} | ({names.REASON: why} if why else {}))

    def _info(self) -> dict[str, str]:
        browser = {"prober.browser.version": self.pools.browser} if self.pools.browser else {}
        return browser | {
            "prober.version": version("prober"),
            "prober.playwright.version": version("playwright"),
            "prober.isolation": self.region.isolation,
            "prober.sandbox": self.region.sandbox,
        }

    def _backup(self, own: Mapping[str, str]) -> Iterator[Reading]:
        """How old the newest backup is; nothing where there is none."""
        taken_ms = self.journal.backed_up_ms
        if taken_ms is not None:
            yield Reading(names.JOURNAL_BACKUP_AGE, own, (self.clock.now_ms() - taken_ms) / 1000)

    def _uncopied(self, own: Mapping[str, str]) -> Iterator[Reading]:
        """How far copies of evidence are behind; nothing where none are made."""
        age_s = self.copies.age_s(self.clock.now_ms())
        if age_s is not None:
            yield Reading(names.ARTEFACTS_AGE, own, age_s)

    def _control(self, own: Mapping[str, str]) -> Iterator[Reading]:
        """What the last look at this region's own network found."""
        look = self.pools.control.newest
        for reply in look.replies if look else ():
            attributes = {**own, names.REFERENCE: reply.reference}
            yield Reading(names.CONTROL_UP, attributes, int(not reply.silence))
        if look and look.ahead_s is not None:
            yield Reading(names.CLOCK_OFFSET, own, look.ahead_s)

    def _orphans(self) -> Iterator[Reading]:
        """What could not be taken back; 0 for every journey that there has been."""
        left = Counter(effect.run[:2] for effect in self.journal.effects.orphans())
        for series in self.view.series():
            attributes = {names.REGION: series.region, names.JOURNEY: series.journey}
            yield Reading(names.ORPHANS, attributes, left[series.journey, series.region])

    def _newest_runs(self) -> Iterator[Reading]:
        """When each journey last ran; nothing for one that has not for two periods."""
        now_ms = self.clock.now_ms()
        for series in self.view.series():
            newest, schedules = self.view.newest(series.id), self.view.schedules(series)
            if newest and schedules and now_ms - newest.finished_ms <= 2 * schedules[-1].every_ms:
                attributes = {names.REGION: series.region, names.JOURNEY: series.journey}
                yield Reading(names.RUN_LAST, attributes, newest.finished_ms / 1000)

    def _schedules(self) -> Iterator[Reading]:
        """Every schedule there has been: from counters alone nobody could say what was planned."""
        for series in self.view.series():
            for schedule in self.view.schedules(series):
                attributes = {
                    names.REGION: series.region,
                    names.JOURNEY: series.journey,
                    names.SCHEDULE_FROM: str(schedule.from_ms),
                    names.SCHEDULE_PHASE: str(schedule.phase_ms),
                }
                yield Reading(names.SCHEDULE_PERIOD, attributes, schedule.every_ms / 1000)


def _size(journal: Path) -> int:
    files = (journal, journal.with_name(f"{journal.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
