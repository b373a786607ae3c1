"""Taking up where the agent before left off: its runs, its time, its schedules."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from prober.agent import slots
from prober.agent.clock import HELD_MS, Clock
from prober.agent.lane import lost_run
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.journey import Journey
from prober.model import Kind, Record, RunId, Schedule, SlotReason, SlotState

Write = Callable[[Iterable[Record]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Held:
    """A journey's schedule and how far its slots have been dealt with."""

    schedule: Schedule
    next_ms: int


@dataclass(slots=True)
class Ledger:
    """The slot ledger of one region, read from its journal at start."""

    region: str
    position: Fraction
    journal: Journal
    view: View
    clock: Clock
    write: Write

    async def take_up(self, journeys: Iterable[Journey]) -> dict[str, Held]:
        """Account for everything up to now; which slots each journey goes on with."""
        await self._answer_for_claims()
        await asyncio.to_thread(self._take_up_time)
        now_ms = self.clock.now_ms()
        before = await asyncio.to_thread(self._schedules)
        held = {}
        for journey in journeys:
            held[journey.name] = await self._go_on(journey, before.pop(journey.name, None), now_ms)
        for gone in before.values():
            if gone.every_ms:
                await self._close(gone, now_ms)
                await self.write([replace(gone, from_ms=now_ms, every_ms=0)])
        return held

    async def _answer_for_claims(self) -> None:
        """Runs that died with the process before are ours to answer for."""
        claims = await asyncio.to_thread(self.journal.claims)
        await self.write(
            lost_run(
                RunId(claim.journey, claim.region, claim.slot_ms, claim.attempt, Kind.SCHEDULED),
                claim.started_ms,
                claim.started_ms,
                "the agent ended during this run",
            )
            for claim in claims
        )

    def _take_up_time(self) -> None:
        """Never use a slot's name again, even if the clock was set back while we were down.

        Nor begin a schedule before one that is there, or with it: the one that begins last holds.
        """
        used = [self.journal.next_due(s.journey, s.region) for s in self.view.series()]
        used += [each.from_ms + 1 for s in self.view.series() for each in self.view.schedules(s)]
        # One name far ahead, used by a clock that was wrong, must not hide the others.
        limit_ms = self.clock.now_ms() + HELD_MS
        self.clock.not_before(max((ms for ms in used if ms and ms <= limit_ms), default=0))

    def _schedules(self) -> dict[str, Schedule]:
        """The schedules that hold in this region, by journey."""
        return {
            series.journey: schedules[-1]
            for series in self.view.series()
            if series.region == self.region and (schedules := self.view.schedules(series))
        }

    async def join(self, journey: Journey) -> Held:
        """Begin with a journey that was not here until now."""
        before = (await asyncio.to_thread(self._schedules)).get(journey.name)
        return await self._go_on(journey, before, self.clock.now_ms())

    def plan(self, journey: Journey, from_ms: int) -> Schedule:
        """The slots that a journey should have from a moment on."""
        return Schedule(
            journey=journey.name,
            region=self.region,
            from_ms=from_ms,
            every_ms=journey.every_ms,
            phase_ms=slots.phase_ms(journey.name, journey.every_ms, self.position),
        )

    async def _go_on(self, journey: Journey, before: Schedule | None, now_ms: int) -> Held:
        wanted = self.plan(journey, now_ms)
        # A name used more than the clock's hold ahead was used by a clock that was wrong.
        misdated = before and self._next_ms(before) - now_ms > HELD_MS
        if before and slots.same(before, wanted) and not misdated:
            found = slots.due(before, self._next_ms(before), now_ms, SlotReason.DOWN)
            await self.write([found.missed] if found.missed else [])
            return Held(before, found.next_ms if found.slot_ms is None else found.slot_ms)
        if before:
            await self._close(before, now_ms)
            if not misdated:  # no two begin at the same moment
                wanted = replace(wanted, from_ms=max(now_ms, before.from_ms + 1))
        await self.write([wanted])
        return Held(wanted, wanted.from_ms)

    async def _close(self, schedule: Schedule, now_ms: int) -> None:
        """Every slot of a schedule that ends now was missed since the last one dealt with."""
        start_ms = self._next_ms(schedule)
        gap = slots.span(schedule, start_ms, now_ms, SlotState.MISSED, SlotReason.DOWN)
        await self.write([gap] if gap else [])

    def _next_ms(self, schedule: Schedule) -> int:
        return self.journal.next_due(schedule.journey, schedule.region) or schedule.from_ms
