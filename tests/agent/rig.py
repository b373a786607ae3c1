"""An agent's slots without its browsers: real journal, real lanes, a clock that a test turns."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from prober.agent.clock import Clock, Step
from prober.agent.lane import Lane
from prober.agent.lanes import Lanes
from prober.agent.ledger import Ledger
from prober.agent.pen import Pen
from prober.agent.watch import Order
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.journey import Journey
from prober.model import TARGET_CAUSES, Cause, Gap, Outcome, Record, Run, RunId, Schedule

REGION = "eu-west-1"
NEW_YEAR_MS = 1_767_225_600_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
YEAR_MS = 365 * DAY_MS


def make_journey(name: str = "checkout", every_ms: int = 60_000, **changes: Any) -> Journey:
    """A journey that needs no browser."""
    given: dict[str, Any] = {
        "file": f"/journeys/{name}.py",
        "line": 1,
        "timeout_ms": every_ms // 3,
        "max_duration_ms": None,
        "secrets": (),
        "browser": "headless-shell",
        "parameters": ("http",),
        "summary": "",
        "hash": "0",
    }
    return Journey(name=name, every_ms=every_ms, **given | changes)


def make_run(order: Order, outcome: Outcome = Outcome.PASSED, **changes: Any) -> Run:
    """What the pool makes of an order."""
    causes = {Outcome.FAILED: Cause.ASSERTION, Outcome.INCONCLUSIVE: Cause.BROWSER}
    given: dict[str, Any] = {
        "cause": causes.get(outcome),
        "started_ms": order.id.slot_ms,
        "finished_ms": order.id.slot_ms + 5,
        "start_delay_us": order.start_delay_us,
        "duration_us": 5000,
    }
    return Run(id=order.id, outcome=outcome, **given | changes)


@dataclass
class Time:
    """Two clocks; only the wall clock can be set."""

    wall_ms: int = NEW_YEAR_MS
    monotonic_ms: int = 1_000_000

    def clock(self) -> Clock:
        """What an agent that starts now goes by."""
        return Clock(lambda: self.wall_ms * 1_000_000, lambda: self.monotonic_ms * 1_000_000)

    def passes(self, ms: int) -> None:
        self.wall_ms += ms
        self.monotonic_ms += ms


@dataclass
class Script:
    """Stands in for the pool: a run ends at once, or when told to, in the way it is told."""

    #: What the next runs come to; passed when there is nothing.
    answers: deque[Outcome | Cause | Exception] = field(default_factory=deque)
    orders: list[Order] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False

    async def run(self, order: Order) -> Run:
        self.orders.append(order)
        await self.free.wait()
        answer = self.answers.popleft() if self.answers else Outcome.PASSED
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Cause):
            outcome = Outcome.FAILED if answer in TARGET_CAUSES else Outcome.INCONCLUSIVE
            return make_run(order, outcome, cause=answer, held={"cart": True, "total": False})
        kept = () if answer is Outcome.PASSED else ("AbCdEfGhIjKlMnOp/screenshot.png",)
        return make_run(order, answer, artefacts=kept)


@dataclass
class _Where:
    """All that lanes ask of a region."""

    position: Fraction
    names: set[str]

    def paused(self, journey: str) -> bool:
        return journey in self.names


class Rig:
    """What the agent wires together, turned by hand."""

    def __init__(self, path: Path, time: Time | None = None, *journeys: Journey) -> None:
        self.path = path
        self.time = time or Time()
        self.journeys = list(journeys) or [make_journey()]
        self.paused: set[str] = set()
        self.script = Script()
        self.script.free.set()
        self.position = Fraction(0)

    async def start(self) -> None:
        """Open the journal and take up where the agent before left off."""
        self.clock = self.time.clock()
        self.journal = Journal.open(self.path, now_ms=self.time.wall_ms)
        self.view = View.open(self.path)
        self.pen = Pen(self.journal, lambda: None)
        ledger = Ledger(REGION, self.position, self.journal, self.view, self.clock, self.pen.write)
        self.all_lanes = Lanes(ledger, self.clock, self.pen.write, self._claim)
        await self.all_lanes.take_up(*self._definition())
        await self.look()

    async def change(self, *journeys: Journey) -> None:
        """Go on by other files."""
        self.journeys = list(journeys)
        await self.all_lanes.change(*self._definition())

    async def _claim(self, run: RunId) -> None:
        await self.pen.claim(run, self.clock.now_ms())

    def _definition(self) -> Any:
        """As the agent gives it: a region, journeys, and what runs them."""
        return _Where(self.position, self.paused), self.journeys, self.script

    @property
    def lanes(self) -> dict[str, Lane]:
        """Those of the journeys there are."""
        return self.all_lanes.here

    async def look(self) -> Step:
        """One turn of the agent: follow the wall clock, then look at every ledger."""
        step = self.clock.follow()
        if step is Step.RESTARTED:
            await self.all_lanes.restart()
        await self.all_lanes.look()
        await self.settle()
        return step

    async def settle(self) -> None:
        """Let runs that may end do so."""
        running = self.all_lanes.running
        if running and self.script.free.is_set():
            await asyncio.wait(running, timeout=30)
        elif running:
            await asyncio.sleep(0)

    async def passes(self, ms: int) -> Step:
        """Time goes by, then a turn."""
        self.time.passes(ms)
        return await self.look()

    async def kill(self) -> None:
        """End as if killed: runs leave no record."""
        running = self.all_lanes.running
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self.view.close()
        self.journal.close()

    async def restart(self) -> None:
        """Killed, and started at once."""
        await self.kill()
        await self.start()

    @property
    def lane(self) -> Lane:
        """The only lane."""
        (lane,) = self.lanes.values()
        return lane

    def records(self) -> list[Record]:
        """All that was written, in order."""
        outbox = self.journal.outbox
        return [entry.record for entry in outbox.entries(0, outbox.newest(), 10**7)]

    def runs(self) -> list[Run]:
        return [record for record in self.records() if isinstance(record, Run)]

    def gaps(self) -> list[Gap]:
        return [record for record in self.records() if isinstance(record, Gap)]

    def schedules(self, journey: str = "checkout") -> list[Schedule]:
        """Those that hold, oldest first."""
        (series,) = [series for series in self.view.series() if series.journey == journey]
        return self.view.schedules(series)

    def due(self, journey: str = "checkout") -> int:
        """How many slots were due from the beginning until now."""
        schedules = self.schedules(journey)
        ends = [*(schedule.from_ms for schedule in schedules[1:]), self.clock.now_ms() + 1]
        return sum(s.count(s.from_ms, end) for s, end in zip(schedules, ends, strict=True))

    def states(self, journey: str = "checkout") -> int:
        """How many slots ended in a state, by the records."""
        return sum(count for _, _, count in spans(self.records(), journey))


def spans(records: Iterable[Record], journey: str) -> list[tuple[int, int, int]]:
    """The slots of a journey that have a state, as (first, last, how many), in order."""
    found = []
    for record in records:
        if isinstance(record, Run) and record.counts and record.id.journey == journey:
            found.append((record.id.slot_ms, record.id.slot_ms, 1))
        elif isinstance(record, Gap) and record.journey == journey:
            found.append((record.first_ms, record.last_ms, record.count))
    return sorted(found)


def assert_no_slot_twice(records: Iterable[Record], journey: str) -> None:
    """No two records speak of the same slot."""
    found = spans(records, journey)
    for (_, last_ms, _), (first_ms, _, _) in pairwise(found):
        assert last_ms < first_ms, "a slot has two states"
