"""A lane: one journey in this region, from a due slot to the record of what became of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace

from prober.agent import slots
from prober.agent.allowance import NoCapacity
from prober.agent.clock import Clock
from prober.agent.pool import Pool
from prober.agent.verdict import settled
from prober.agent.watch import Order
from prober.journey import Journey
from prober.logged import about, beside
from prober.model import (
    Cause,
    Kind,
    Outcome,
    Record,
    Run,
    RunId,
    Schedule,
    SlotReason,
    SlotState,
)
from prober.slo.moment import iso

log = logging.getLogger(__name__)

Write = Callable[[Iterable[Record]], Awaitable[None]]
ClaimSlot = Callable[[RunId], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Turn:
    """A slot's run, by the definition of the moment it was due, whatever is taken up meanwhile."""

    order: Order
    schedule: Schedule
    pool: Pool


@dataclass(slots=True)
class Lane:
    """One journey here; at most one run of it goes on at a time."""

    journey: Journey
    schedule: Schedule
    #: Slots before this have a state or a claim.
    next_ms: int
    paused: bool
    clock: Clock
    pool: Pool
    write: Write
    claim: ClaimSlot
    running: asyncio.Task[None] | None = None
    closed: bool = False
    #: Slots in a row that were due and not completed, paused ones left out.
    uncovered: int = 0
    #: Runs in a row that a busy machine falsified.
    saturated: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self) -> None:
        """Deal with every slot that is due by now."""
        async with self._lock:
            await self._look()

    async def change(
        self, journey: Journey, plan: Callable[[int], Schedule], *, paused: bool, pool: Pool
    ) -> None:
        """Go on by another definition, also after `leave`.

        What is due by now is dealt with by the one before, and a run that goes on ends by it.
        A schedule with other slots begins where that ends: each moment has one schedule.
        """
        async with self._lock:
            await self._look()
            schedule = plan(self._next_from_ms())
            if self.closed or not slots.same(schedule, self.schedule):
                self.schedule, self.next_ms = schedule, schedule.from_ms
                await self.write([schedule])
            self.journey, self.paused, self.pool = journey, paused, pool
            self.closed = False

    async def leave(self) -> None:
        """End the schedule after what is due by now; a run that goes on may end."""
        async with self._lock:
            await self._look()
            self.schedule = replace(self.schedule, from_ms=self._next_from_ms(), every_ms=0)
            self.closed = True
            await self.write([self.schedule])

    def _next_from_ms(self) -> int:
        """When another schedule can begin: after what is due, and after this one began."""
        return max(self.next_ms, self.clock.now_ms() + 1, self.schedule.from_ms + 1)

    async def _look(self) -> None:
        if self.closed:
            return
        now_ms = self.clock.now_ms()
        found = slots.due(self.schedule, self.next_ms, now_ms, SlotReason.LATE)
        if found.missed:
            self.uncovered += found.missed.count
            log.warning(
                "%d slots from %s on were missed: nobody looked in time",
                found.missed.count,
                iso(found.missed.first_ms),
                extra=beside(journey=self.journey.name, region=self.schedule.region),
            )
            await self.write([found.missed])
        if found.slot_ms is not None:
            await self._take(found.slot_ms)
        self.next_ms = found.next_ms

    async def restart(self) -> None:
        """Begin the schedule anew: the time before was not what it said it was."""
        async with self._lock:  # a look in progress ends in the time it began in
            self.next_ms = self.clock.now_ms()
            if not self.closed:
                self.schedule = replace(self.schedule, from_ms=self.next_ms)
                await self.write([self.schedule])

    async def close(self) -> None:
        """Take no more slots; a run that goes on may end."""
        async with self._lock:
            self.closed = True

    async def _take(self, slot_ms: int) -> None:
        if self.paused:
            await self._skip(self.schedule, slot_ms, SlotReason.PAUSED)
        elif self.running:
            await self._skip(self.schedule, slot_ms, SlotReason.OVERLAP)
        else:
            await self.claim(self._id(slot_ms))
            turn = _Turn(self._order(slot_ms), self.schedule, self.pool)
            self.running = asyncio.create_task(self._complete(turn))

    async def _skip(
        self, schedule: Schedule, slot_ms: int, reason: SlotReason, why: str = ""
    ) -> None:
        gap = slots.span(schedule, slot_ms, slot_ms + 1, SlotState.SKIPPED, reason)
        self.uncovered += reason is not SlotReason.PAUSED
        # Of what there was too little, a place or an account, stands nowhere else.
        level = logging.WARNING if why else logging.INFO
        whose = beside(**self._id(slot_ms)._asdict())
        log.log(level, "skipped: %s%s", reason, why, extra=whose)
        if gap:
            await self.write([gap])

    async def _complete(self, turn: _Turn) -> None:
        """Run a slot; whatever happens, it ends in one recorded state."""
        with about(**turn.order.id._asdict()):
            try:
                await self._attempt(turn)
                self.uncovered = 0
            except NoCapacity as full:
                await self._turn_away(turn, full)
            except Exception as error:  # a fault of ours must still leave a record
                log.exception("the run broke")
                why = f"the agent's own {type(error).__name__}"  # its text was redacted by nobody
                await self.write([self._lost(turn, why)])
            finally:
                self.running = None

    async def _turn_away(self, turn: _Turn, full: NoCapacity) -> None:
        """No place or account came free in time, or the agent was told to stop meanwhile."""
        if turn.pool.cancelled:
            why = "the agent was told to stop before there was a place"
            await self.write([replace(self._lost(turn, why), cause=Cause.CANCELLED)])
        else:
            slot_ms = turn.order.id.slot_ms
            await self._skip(turn.schedule, slot_ms, SlotReason.CAPACITY, f": {full}")

    def _lost(self, turn: _Turn, why: str) -> Run:
        now_ms = self.clock.now_ms()
        return lost_run(turn.order.id, now_ms, now_ms, why)

    async def _attempt(self, turn: _Turn) -> None:
        run = await turn.pool.run(turn.order)
        self.saturated = self.saturated + 1 if run.cause is Cause.SATURATED else 0
        _tell(run)
        if run.cause is not Cause.PAGE_CRASH:
            await self.write([run])
        if run.outcome is Outcome.FAILED:
            again = await self._confirm(turn, trace=not _may_count_again(run, turn.order))
            if run.cause is Cause.PAGE_CRASH:
                run = _settle_crash(run, again)
                await self.write([run])
            if again:
                await self.write([again])

    async def _confirm(self, turn: _Turn, *, trace: bool) -> Run | None:
        """Run again at once, with a trace as evidence; only if the next slot stays free."""
        order, free_ms = turn.order, self._free_ms(turn.order.id.slot_ms)
        if free_ms <= order.journey.timeout_ms:
            return None
        again = replace(
            order,
            id=order.id._replace(attempt=2),
            trace=trace and order.journey.needs_browser,
            start_delay_us=0,
            patience_s=(free_ms - order.journey.timeout_ms) / 1000,
        )
        try:
            with about(attempt=2):
                run = await turn.pool.run(again)
                _tell(run)
                return run
        except NoCapacity:
            return None

    def _free_ms(self, slot_ms: int) -> int:
        """Until the slot after this one is due; none of it when there is to be no other run."""
        if self.closed:
            return 0
        next_ms = self.schedule.first_at(max(slot_ms + 1, self.schedule.from_ms))
        return next_ms - self.clock.now_ms()

    def _order(self, slot_ms: int) -> Order:
        lateness_ms = max(0, self.clock.now_ms() - slot_ms)
        return Order(
            id=self._id(slot_ms),
            journey=self.journey,
            start_delay_us=lateness_ms * 1000,
            patience_s=max(0, self.journey.every_ms // 2 - lateness_ms) / 1000,
        )

    def _id(self, slot_ms: int) -> RunId:
        return RunId(self.journey.name, self.schedule.region, slot_ms, 1, Kind.SCHEDULED)


def _tell(run: Run) -> None:
    """One line about a run that ended, and where more is; its texts were redacted by the pool."""
    told = {"run": run.id.key, "outcome": str(run.outcome), "duration_ms": run.duration_us // 1000}
    told |= {"cause": str(run.cause)} if run.cause else {}
    told |= {"artefacts": ",".join(run.artefacts)} if run.artefacts else {}
    level = logging.INFO if run.outcome is Outcome.PASSED else logging.WARNING
    step = f" in step {run.step!r}" if run.step else ""
    log.log(level, "%s%s%s", run.outcome, step, f": {run.message}" if run.message else "",
            extra=beside(**told))  # fmt: skip


def lost_run(run_id: RunId, started_ms: int, finished_ms: int, message: str) -> Run:
    """The record of a run that this agent lost sight of: our fault, no verdict."""
    return Run(
        id=run_id,
        outcome=Outcome.INCONCLUSIVE,
        cause=Cause.WORKER,
        message=message,
        started_ms=started_ms,
        finished_ms=finished_ms,
        duration_us=0,
    )


def _may_count_again(run: Run, order: Order) -> bool:
    """Whether it is the second attempt whose time may count: then it is made as a first is."""
    return run.cause is Cause.PAGE_CRASH or order.journey.timed_again


def _settle_crash(run: Run, again: Run | None) -> Run:
    """A page that crashes its renderer twice is the target's fault; once may be ours."""
    if again and again.cause is Cause.PAGE_CRASH:
        return run
    message = "the page crashed once and not again" if again else run.message
    return replace(
        run,
        outcome=Outcome.INCONCLUSIVE,
        cause=Cause.BROWSER,
        message=message,
        held=settled(Outcome.INCONCLUSIVE, run.held),
    )
