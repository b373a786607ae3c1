"""An agent's lane in a process of its own: makes a run whenever a line asks for one.

`python -m tests.faults.runner REGION.yaml JOURNEYS` answers each line of standard input,
`{"journey": …, "confirm": …}`, with the records of a slot as one line. A number of seconds in
`{"step_clock_s": …}` sets its wall clock, also while a run goes on.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from prober.agent import process
from prober.agent.clock import Clock
from prober.agent.lane import Lane
from prober.agent.pool import Pool
from prober.agent.setting import pool_settings
from prober.config import Region, load_region, resolve
from prober.discovery import describe
from prober.model import Record, Run, RunId, Schedule

HOUR_MS = 3_600_000
_real_ns = time.time_ns
_stepped_ns = 0


def wall_ns() -> int:
    """The wall clock as it was set: nobody sets that of the machine for a test."""
    return _real_ns() + _stepped_ns


class Runner:
    """Slots of one region, each made when it is asked for."""

    def __init__(self, region: Region, journeys: Path) -> None:
        self.region = region
        self.journeys = {each.name: each for each in resolve(region, describe(journeys))}
        settings = pool_settings(region, self.journeys.values())
        self.pool = Pool(replace(settings, allowance=region.data / "allowance"))

    async def slot(self, journey: str, *, confirm: bool) -> list[Run]:
        """The records of a slot that is due now: one, or two where a failure is confirmed."""
        clock, found = Clock(wall_ns), list[Run]()

        async def write(records: Iterable[Record]) -> None:
            found.extend(record for record in records if isinstance(record, Run))

        async def claim(_: RunId) -> None:
            return

        now_ms = clock.now_ms()
        lane = Lane(
            journey=replace(self.journeys[journey], every_ms=HOUR_MS),
            schedule=Schedule(
                journey=journey, region=self.region.name, from_ms=now_ms,
                every_ms=HOUR_MS, phase_ms=now_ms % HOUR_MS,
            ),
            next_ms=now_ms, paused=False, clock=clock, pool=self.pool, write=write, claim=claim,
        )  # fmt: skip
        await self.rest()
        await lane.look()
        if not confirm:
            await lane.close()
        if lane.running:
            await lane.running
        return found

    async def rest(self) -> None:
        """Until a worker is staged or replaced, as between slots."""
        while self.pool._tending:
            await asyncio.gather(*self.pool._tending, return_exceptions=True)


async def serve(region: Path, journeys: Path) -> None:
    """Answer until standard input ends."""
    global _stepped_ns  # as the clock of a machine
    process.adopt_orphans()
    time.time_ns = wall_ns
    runner = Runner(load_region(region), journeys)
    slots: set[asyncio.Task[None]] = set()
    loop = asyncio.get_running_loop()
    await runner.pool.warm(browser=True)
    tell({"ready": True})
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        if "step_clock_s" in order:
            _stepped_ns += round(order["step_clock_s"] * 1e9)
            continue
        slots.add(asyncio.create_task(answer(runner, order)))
    await asyncio.gather(*slots)
    await runner.pool.stop()


async def answer(runner: Runner, order: dict[str, Any]) -> None:
    """Make a slot and tell its records."""
    runs = await runner.slot(order["journey"], confirm=order["confirm"])
    tell({"runs": [json.loads(run.to_json()) for run in runs]})


def tell(said: dict[str, Any]) -> None:
    """One line."""
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
