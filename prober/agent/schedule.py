"""The ticker: APScheduler says when to look, a watchdog says so when APScheduler does not.

What is due is never decided here. A tick that comes late, twice, or not at all changes
nothing but when the ledger is looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from prober.agent.clock import Clock
from prober.model import Schedule

log = logging.getLogger(__name__)

Look = Callable[[str], Coroutine[Any, Any, None]]
#: How late a tick may be before the watchdog takes over.
_PATIENCE_MS = 500
_WATCH_S = 0.25


class _Aligned(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fires at every slot of a schedule; no jitter, so no drift."""

    def __init__(self, schedule: Schedule, clock: Clock) -> None:
        self._schedule = schedule
        self._clock = clock

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """The next slot in wall time."""
        own_ms = self._clock.now_ms()
        ahead_ms = self._schedule.first_at(own_ms + 1) - own_ms
        return datetime.fromtimestamp(now.timestamp() + ahead_ms / 1000, tz=UTC)


@dataclass(slots=True)
class Ticker:
    """Looks at each journey's ledger when a slot of it is due."""

    clock: Clock
    look: Look
    _schedules: dict[str, Schedule] = field(default_factory=dict)
    _looked_ms: dict[str, int] = field(default_factory=dict)
    _scheduler: AsyncIOScheduler | None = None
    #: Ticks that the watchdog had to give.
    rescued: int = 0
    #: When the watchdog last came round, by the monotonic clock.
    watched_s: float = field(default_factory=time.monotonic)

    def start(self, schedules: Mapping[str, Schedule]) -> None:
        """Begin ticking for these journeys, in place of those before."""
        self.stop()
        self._schedules = dict(schedules)
        self._looked_ms = dict.fromkeys(schedules, self.clock.now_ms())
        scheduler = AsyncIOScheduler(jobstores={"default": MemoryJobStore()}, timezone=UTC)
        for journey, schedule in schedules.items():
            scheduler.add_job(
                self._fire,
                _Aligned(schedule, self.clock),
                args=[journey],
                id=journey,
                coalesce=True,
                max_instances=2,
                misfire_grace_time=None,
            )
        scheduler.start()
        self._scheduler = scheduler

    def stop(self) -> None:
        """Tick no more."""
        if self._scheduler and self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        self._scheduler = None

    async def tick(self, journey: str) -> None:
        """Look at one journey's ledger now."""
        self._looked_ms[journey] = self.clock.now_ms()
        await asyncio.shield(self.look(journey))  # to its end, also when the tick is cancelled

    async def _fire(self, journey: str) -> None:
        """What APScheduler calls; one that is replaced cancels its jobs and logs errors for it."""
        with contextlib.suppress(asyncio.CancelledError):
            await self.tick(journey)

    async def watch(self) -> None:
        """For ever: tick for journeys whose slot came and whose tick did not."""
        while True:
            self.watched_s = time.monotonic()
            await asyncio.sleep(_WATCH_S)
            for journey in self.overdue():
                log.warning("%s: no tick for a due slot, looking now", journey)
                await self._rescue(journey)

    def overdue(self) -> list[str]:
        """Journeys with a slot that was due a while ago and was not looked at."""
        limit_ms = self.clock.now_ms() - _PATIENCE_MS
        return [
            journey
            for journey, schedule in self._schedules.items()
            if schedule.first_at(self._looked_ms[journey] + 1) <= limit_ms
        ]

    async def _rescue(self, journey: str) -> None:
        """Look now, and have the scheduler work out its next tick anew, or another if it ended."""
        self.rescued += 1
        try:
            await self.tick(journey)
            if self._scheduler and self._scheduler.running:
                self._scheduler.wakeup()
            elif self._scheduler:
                self.start(self._schedules)
        except Exception:  # neither a look nor a scheduler in any state ends the watchdog
            log.exception("%s: the look for a due slot failed, the next one is on time", journey)
