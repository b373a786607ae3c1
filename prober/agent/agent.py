"""The agent of a region: schedule, run, journal, ship; wired together and kept going."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Any

from prober.agent import process, retention
from prober.agent.clock import Clock, Step
from prober.agent.condition import Condition, shown
from prober.agent.copies import Copies
from prober.agent.definition import Definition
from prober.agent.effects import Journalled
from prober.agent.hourly import hourly
from prober.agent.lanes import Lanes
from prober.agent.ledger import Ledger
from prober.agent.observe import Observer
from prober.agent.pen import Pen
from prober.agent.pool import Pool, PoolSettings
from prober.agent.pools import Pools, warm
from prober.agent.schedule import Ticker
from prober.agent.setting import pool_settings
from prober.config import Region
from prober.errors import InputError, JournalCorrupt, JournalError
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.model import RunId
from prober.reload import Reload
from prober.telemetry.deliver import Shipping
from prober.telemetry.exposition import exposition
from prober.telemetry.resource import resource_of

log = logging.getLogger(__name__)

JOURNAL = "journal.db"
#: SIGTERM to exit: 30 s. Runs get most of it, the last delivery the rest.
DRAIN_S = 18.0
FLUSH_S = 4.0
#: What a destination has for the request in flight when another set of them takes its place.
_HAND_OVER_S = 1.0
_FOLLOW_S = 1.0


class Agent:
    """One region's agent, from opening its journal to closing it."""

    def __init__(
        self,
        definition: Definition,
        read: Callable[[], Definition],
        *,
        token: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Open the journal and look for browsers; nothing runs before `run`.

        Args:
            definition: what its files say.
            read: reads them again, in a thread; raises ProberError.
            token: what must be shown to have them read again over HTTP.
            clock: for naming slots.

        Raises:
            JournalLocked: another agent has the data directory.
            ProberError: a browser, or its sandbox, cannot be had.
        """
        self.definition, self._read, self._token = definition, read, token
        region, self.clock = definition.region, clock or Clock()
        settings, path = _settings(definition), region.data / JOURNAL
        self.journal = Journal.open(path, definition.rules)
        self._view = View.open(path, self.journal.condemn)
        self.pools = Pools(settings, Journalled(self.journal, self.clock))
        self.ticker = Ticker(self.clock, self._look)
        self.reload = Reload(self._renew)
        self.copies = Copies(self.journal, lambda: self.definition.region)
        self._observer = self._observe(region)
        self.shipping = self._ship(region)
        self.pen = Pen(self.journal, lambda: self.shipping.wake())
        self.lanes = Lanes(self._account(region), self.clock, self.pen.write, self._claim)
        self.ready = False
        self._zeroed = False
        self._beat_s = self._turned_s = time.monotonic()

    async def run(self, stop: asyncio.Event, started: Callable[[], None] = lambda: None) -> None:
        """Work until told to stop, then end in good order.

        Args:
            stop: ends it.
            started: called when the first slot can be run.

        Raises:
            JournalCorrupt: damage was met; the next start deals with it.
        """
        beating = asyncio.create_task(self._beat())
        loops: list[asyncio.Task[None]] = []
        async with self._page():
            try:
                if await _unless(stop, self._begin()):
                    turns = [self.ticker.watch(), self._turn(), hourly(self._kept)]
                    turns += (self.reload.serve(), self._heed_damage(stop), self.copies.serve())
                    turns.append(process.reap_for_ever())
                    loops += map(asyncio.create_task, turns)
                    self.ready = True
                    started()
                    await stop.wait()
            finally:
                self.ready = False
                for loop in loops:
                    loop.cancel()
                await self._end()
                beating.cancel()
        if self.journal.damage:
            raise JournalCorrupt(
                f"{self.journal.path}: {self.journal.damage}, start the agent again: it will set "
                "the journal aside and go on from the newest backup"
            )

    async def _begin(self) -> None:
        process.adopt_orphans()
        if self.journal.set_aside:
            log.error("the journal was damaged: it is now %s", self.journal.set_aside)
        region, journeys = self.definition.region, self.definition.journeys
        await self._count_zeros()
        await self.lanes.take_up(region, journeys, self.pools.current)
        await self.shipping.freeze()
        await self.shipping.start()
        await warm(self.pools.current, journeys)
        self._tick()
        await self.lanes.look()

    async def _end(self) -> None:
        """Schedule no more, let runs finish or cancel them, deliver what can be delivered."""
        ends_s = time.monotonic() + DRAIN_S
        await self.reload.stop()
        self.ticker.stop()
        await self.lanes.close()
        if running := self.lanes.running:
            _, late = await asyncio.wait(running, timeout=max(0.0, ends_s - time.monotonic()))
            self.pools.cancel()
            if late:
                await asyncio.wait(late)
        await self.pen.write()
        await asyncio.gather(self.pools.stop(), self.shipping.stop(FLUSH_S))
        self._view.close()
        self.journal.close()

    # Taking up what the files say now

    async def _renew(self) -> list[str]:
        """Read everything again and go on by it, if all of it is right; what changed."""
        before, wanted = self.definition, await asyncio.to_thread(self._read)
        if problems := list(before.refusals(wanted)):
            raise InputError(problems)
        settings, pool = _settings(wanted), self.pools.current
        if settings != pool.settings:
            pool = await self.pools.prepare(settings, wanted.journeys)
        else:
            await warm(pool, wanted.journeys)
        shipping = self.shipping
        try:
            if _ships_anew(before, wanted):
                shipping = self._ship(wanted.region)
            await asyncio.to_thread(self.journal.judge_by, wanted.rules)
        except BaseException:
            if shipping is not self.shipping:
                await shipping.stop(_HAND_OVER_S)
            if pool is not self.pools.current:
                await pool.stop()
            raise
        # Nothing is refused from here on, and an end waits for it.
        change = asyncio.ensure_future(self._change(wanted, pool, shipping))
        try:
            await asyncio.shield(change)
        except asyncio.CancelledError:
            await change
            raise
        return list(before.changes(wanted))

    async def _change(self, wanted: Definition, pool: Pool, shipping: Shipping) -> None:
        """Let all of it take the place of what there is; runs that go on end as they began."""
        self.definition, self._observer.region = wanted, wanted.region
        self._zeroed = False
        await self._count_zeros()
        if shipping is not self.shipping:
            before, self.shipping = self.shipping, shipping
            await before.stop(_HAND_OVER_S)
            await shipping.freeze()
            await shipping.start()
        else:
            await shipping.freeze()
        await self.lanes.change(wanted.region, wanted.journeys, pool)
        if pool is not self.pools.current:
            self.pools.succeed(pool, self.lanes.running)
        self._tick()
        await self.lanes.look()

    # Parts

    def _observe(self, region: Region) -> Observer:
        return Observer(
            region,
            self.journal,
            self._view,
            self.pools,
            self.clock,
            self._count_unwritten,
            self.reload,
            self.copies,
        )

    def _account(self, region: Region) -> Ledger:
        return Ledger(
            region.name, region.position, self.journal, self._view, self.clock, self.pen.write
        )

    def _ship(self, region: Region) -> Shipping:
        return Shipping(
            self.journal,
            region.otlp,
            resource_of(region.name, "0", version("prober"), os.environ),
            region.name,
            metrics_interval_ms=region.metrics_interval_ms,
            readings=self._observer.readings,
        )

    # Loops

    async def _look(self, journey: str) -> None:
        await self.lanes.look_at(journey)

    def _tick(self) -> None:
        self.ticker.start(self.lanes.schedules)

    async def _beat(self) -> None:
        """The heartbeat: as long as it comes, nothing blocks the event loop."""
        while True:
            self._beat_s = time.monotonic()
            await asyncio.sleep(_FOLLOW_S)

    async def _turn(self) -> None:
        """Once a second: the clock, and what waits for the disk."""
        while True:
            self._turned_s = time.monotonic()
            try:
                step = self.clock.follow()
                if step is not Step.NONE:
                    await self._follow(step)
                await self._count_zeros()
                await self.lanes.give_up()
                await self.pen.write()
            except Exception:  # the next turn must come
                log.exception("a turn failed, the next one is in %g s", _FOLLOW_S)
            await asyncio.sleep(_FOLLOW_S)

    def _kept(self) -> Iterator[Callable[[], object]]:
        """Old rows and evidence go, and the journal is looked over and backed up."""
        region, now_ms = self.definition.region, self.clock.now_ms()
        yield partial(self.journal.keep_safe, now_ms)
        yield partial(self.journal.keep_small, now_ms)
        yield partial(
            retention.prune,
            region.evidence,
            age_s=region.artefacts.keep_ms / 1000,
            most_bytes=region.artefacts.most_bytes,
        )

    async def _heed_damage(self, stop: asyncio.Event) -> None:
        """Nothing that a damaged journal says can be trusted: end before more is told of it."""
        while not self.journal.damage:
            await asyncio.sleep(_FOLLOW_S)
        stop.set()

    async def _count_zeros(self) -> None:
        """Make every counter present; a full disk puts it off."""
        if self._zeroed:
            return
        region, names = self.definition.region.name, [j.name for j in self.definition.journeys]
        try:
            await asyncio.to_thread(self.journal.count_zeros, region, names)
            self._zeroed = True
        except JournalError as error:
            log.error("counters cannot be made yet: %s", error)

    async def _follow(self, step: Step) -> None:
        """The wall clock was set: work out anew when to look."""
        log.warning("the wall clock was set: %s, skew %d ms", step, self.clock.skew_ms)
        if step is Step.RESTARTED:
            await self.lanes.restart()
        self._tick()
        await self.lanes.look()

    def _count_unwritten(self) -> int:
        return self.pen.waiting + self.pen.lost

    async def _claim(self, run: RunId) -> None:
        await self.pen.claim(run, self.clock.now_ms())

    # The page

    def _page(self) -> AbstractAsyncContextManager[None]:
        """The agent's own page; only an agent that has one pays for a web server."""
        listen = self.definition.region.listen
        if listen is None:
            return contextlib.nullcontext()
        from prober.agent.page import Vitals, serving

        vitals = Vitals(
            beat_age_s=lambda: time.monotonic() - self._beat_s,
            ages_s=self._ages_s,
            readiness=self._readiness,
            exposition=lambda: exposition(self.journal, self.shipping.readings()),
            reload=self.reload.attempt,
            token=self._token,
        )
        return serving(listen, vitals)

    def _ages_s(self) -> dict[str, float]:
        """How long ago each loop came round; none while they begin or end."""
        if not self.ready:
            return {}
        since = {"turn": self._turned_s, "watchdog": self.ticker.watched_s}
        return {name: time.monotonic() - at_s for name, at_s in since.items()}

    async def _readiness(self) -> Mapping[str, Any]:
        """Whether slots are run, kept and reported, and what is wrong where they are not."""
        region = self.definition.region
        condition = Condition(
            running=self.ready,
            unwritten=self.pen.waiting,
            set_aside=self.journal.set_aside,
            skew_ms=self.clock.skew_ms,
            look=self.pools.control.newest,
            uncovered={name: lane.uncovered for name, lane in self.lanes.here.items()},
            saturated={name: lane.saturated for name, lane in self.lanes.here.items()},
            deliveries=await self.shipping.health() if self.ready else (),
            metrics_interval_ms=region.metrics_interval_ms,
            refused=self.reload.problems,
            uncopied=self.copies.trouble,
            orphans=await self._orphans(),
        )
        running, last = self.lanes.names_running, self.reload.last
        return shown(
            condition,
            region=region.name,
            sandbox=region.sandbox,
            running=running,
            reload=last.to_dict() if last else None,
        )

    async def _orphans(self) -> tuple[str, ...]:
        """What runs made and could not take back, as long as the journal is open."""
        found = await asyncio.to_thread(self.journal.effects.orphans) if self.ready else []
        return tuple(f"{effect}: {effect.error}" for effect in found)


def _settings(definition: Definition) -> PoolSettings:
    settings = pool_settings(definition.region, definition.journeys)
    return replace(settings, code=definition.code)


def _ships_anew(before: Definition, wanted: Definition) -> bool:
    """Whether delivery must begin anew; it looks at the files of certificates itself."""
    one, other = before.region, wanted.region
    return (one.otlp, one.metrics_interval_ms) != (other.otlp, other.metrics_interval_ms)


async def _unless(stop: asyncio.Event, beginning: Any) -> bool:
    """Whether a beginning came to its end before it was told to stop."""
    begin, stopping = asyncio.ensure_future(beginning), asyncio.ensure_future(stop.wait())
    await asyncio.wait({begin, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if begin.done():
        await begin
        return not stop.is_set()
    begin.cancel()
    await asyncio.wait({begin})
    return False
