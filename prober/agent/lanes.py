"""The lanes of an agent: every journey here, and those that were here until a change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from prober.agent.clock import Clock
from prober.agent.lane import ClaimSlot, Lane, Write
from prober.agent.ledger import Held, Ledger
from prober.agent.pool import Pool
from prober.config import Region
from prober.errors import JournalError
from prober.journey import Journey
from prober.model import Schedule

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Lanes:
    """One lane a journey, by name."""

    ledger: Ledger
    clock: Clock
    write: Write
    claim: ClaimSlot
    here: dict[str, Lane] = field(default_factory=dict)
    #: Of journeys that were taken out: a run may still go on, and they may come back.
    _gone: dict[str, Lane] = field(default_factory=dict)
    #: Whose effects were spared when those of all others were given up; None: they are to be.
    _spared: list[str] | None = None

    @property
    def running(self) -> list[asyncio.Task[None]]:
        """The runs that are going on."""
        return [lane.running for lane in self._all() if lane.running]

    @property
    def names_running(self) -> list[str]:
        """Whose runs those are."""
        return sorted(lane.journey.name for lane in self._all() if lane.running)

    @property
    def schedules(self) -> dict[str, Schedule]:
        """Which slots each journey has."""
        return {name: lane.schedule for name, lane in self.here.items()}

    async def take_up(self, region: Region, journeys: Iterable[Journey], pool: Pool) -> None:
        """Go on where the agent before left off."""
        journeys = list(journeys)
        held = await self.ledger.take_up(journeys)
        for journey in journeys:
            self.here[journey.name] = self._lane(journey, held[journey.name], region, pool)
        await self.give_up()

    async def change(self, region: Region, journeys: Iterable[Journey], pool: Pool) -> None:
        """Go on by another definition; every slot due by now is dealt with by the one before."""
        self.ledger.position = region.position
        wanted = {journey.name: journey for journey in journeys}
        for name in self.here.keys() - wanted.keys():
            await self.here[name].leave()
            self._gone[name] = self.here.pop(name)
        for name, journey in wanted.items():
            lane = self.here.get(name) or self._gone.pop(name, None)
            if lane is None:
                lane = self._lane(journey, await self.ledger.join(journey), region, pool)
            else:
                plan, paused = partial(self.ledger.plan, journey), region.paused(name)
                await lane.change(journey, plan, paused=paused, pool=pool)
            self.here[name] = lane
        await self.give_up()

    async def look(self) -> None:
        """Deal with every slot that is due by now."""
        for lane in list(self.here.values()):
            await lane.look()

    async def look_at(self, journey: str) -> None:
        """The same for one journey; nothing for one that was taken out meanwhile."""
        if lane := self.here.get(journey):
            await lane.look()

    async def restart(self) -> None:
        """Begin every schedule anew: the time before was not what it said it was."""
        for lane in self._all():
            await lane.restart()

    async def give_up(self) -> None:
        """Say what nobody takes back; a run that goes on may yet, and a full disk puts it off.

        Nothing, unless a journey came, was taken out or ended its last run since.
        """
        spared = sorted({*self.here, *self.names_running})
        if spared == self._spared:
            return
        self._spared = None
        try:
            give_up = self.ledger.journal.effects.give_up
            await asyncio.to_thread(give_up, self.ledger.region, spared)
            self._spared = spared
        except JournalError as error:
            log.error("effects that nobody takes back cannot be given up yet: %s", error)

    async def close(self) -> None:
        """Take no more slots; runs that go on may end."""
        for lane in self._all():
            await lane.close()

    def _lane(self, journey: Journey, held: Held, region: Region, pool: Pool) -> Lane:
        return Lane(
            journey=journey,
            schedule=held.schedule,
            next_ms=held.next_ms,
            paused=region.paused(journey.name),
            clock=self.clock,
            pool=pool,
            write=self.write,
            claim=self.claim,
        )

    def _all(self) -> list[Lane]:
        return [*self.here.values(), *self._gone.values()]
