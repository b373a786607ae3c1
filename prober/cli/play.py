"""Runs by hand: a pool for as long as a command needs it, and one run after another in it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prober.model import Cause

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from prober.agent.pool import Pool, PoolSettings
    from prober.agent.watch import Order
    from prober.journey import Journey
    from prober.model import Run


@asynccontextmanager
async def pool_of(settings: PoolSettings) -> AsyncIterator[Pool]:
    """A pool whose runs Ctrl-C and SIGTERM cancel; nothing is left of it afterwards.

    What its runs left at the target is said.
    """
    import asyncio
    import signal

    from prober.agent import process
    from prober.agent.effects import Remembered
    from prober.agent.pool import Pool

    process.adopt_orphans()
    book = Remembered()
    pool = Pool(settings, book=book)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, pool.cancel)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, pool.cancel)
    try:
        yield pool
    finally:
        await pool.stop()
        book.tell()


async def play(
    pool: Pool, order: Order, listener: Callable[[dict[str, Any]], None] = lambda event: None
) -> Run:
    """One run; it is `saturated` when no worker or place comes free for it."""
    from prober.agent.allowance import NoCapacity
    from prober.agent.lane import lost_run

    try:
        return await pool.run(order, listener)
    except NoCapacity as error:
        slot_ms = order.id.slot_ms
        return replace(lost_run(order.id, slot_ms, slot_ms, str(error)), cause=Cause.SATURATED)


def order_of(journey: Journey, region: str, **more: Any) -> Order:
    """What asks for a run now; `more` are fields of the order."""
    import time

    from prober.agent.watch import Order
    from prober.model import Kind, RunId

    now_ms = time.time_ns() // 1_000_000
    return Order(id=RunId(journey.name, region, now_ms, 1, Kind.MANUAL), journey=journey, **more)
