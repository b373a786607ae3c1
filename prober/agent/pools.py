"""The pool that makes new runs, and those before it, whose runs go on to their end."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection
from contextlib import AsyncExitStack, suppress

from prober.agent.allowance import NoCapacity
from prober.agent.control import Control
from prober.agent.effects import Book
from prober.agent.pool import Pool, PoolSettings
from prober.errors import ProberError
from prober.journey import Journey

log = logging.getLogger(__name__)

#: How long another pool waits for a place of its own to start browsers in, so that no
#: neighbour's measurement meets them.
_PLACE_S = 30.0


class Pools:
    """One pool after another; each ends when its last run is over."""

    def __init__(self, settings: PoolSettings, book: Book | None = None) -> None:
        """Raises ProberError when the code that workers are to load is not there any more."""
        self.current = Pool(settings, book=book)
        self._leaving: dict[Pool, asyncio.Task[None]] = {}

    @property
    def live(self) -> int:
        """Worker processes alive."""
        return sum(pool.live for pool in self._all())

    @property
    def killed(self) -> int:
        """Workers that had to be ended from outside, ever."""
        return self.current.killed

    @property
    def renewed(self) -> Counter[str]:
        """Workers that were replaced by why, ever."""
        return self.current.renewed

    @property
    def withheld(self) -> int:
        """Files of evidence that were not kept, for a secret could be in them, ever."""
        return self.current.withheld["files"]

    @property
    def control(self) -> Control:
        """What looks at this region's own network."""
        return self.current.control

    @property
    def browser(self) -> str:
        """Version of the browser of the newest run that had one."""
        return self.current.browser

    async def prepare(self, settings: PoolSettings, journeys: Collection[Journey]) -> Pool:
        """A pool that is ready to take the place of this one.

        Raises:
            ProberError: its code changed meanwhile, or no worker or browser starts.
        """
        pool = Pool(settings, self.current)
        try:
            async with AsyncExitStack() as stack:
                if any(journey.needs_browser for journey in journeys):
                    with suppress(NoCapacity):  # a busy machine may not stop a change for ever
                        await stack.enter_async_context(pool.allowance.place(_PLACE_S))
                await warm(pool, journeys)
            if pool.unfit:
                raise ProberError("no browser starts with these settings, the log says why")
        except OSError as error:
            await pool.stop()
            raise ProberError(f"no worker can be started: {error}") from error
        except BaseException:
            await pool.stop()
            raise
        return pool

    def succeed(self, pool: Pool, running: Collection[asyncio.Task[None]]) -> None:
        """Let another pool make new runs; this one ends when those that go on are over."""
        before, self.current = self.current, pool
        self._leaving[before] = asyncio.create_task(self._end(before, running))

    def cancel(self) -> None:
        """End the runs that are going on; their records say `cancelled`."""
        for pool in self._all():
            pool.cancel()

    async def stop(self) -> None:
        """End every worker and remove every temporary file."""
        self.cancel()
        for task in self._leaving.values():
            task.cancel()
        await asyncio.gather(*self._leaving.values(), return_exceptions=True)
        await asyncio.gather(*(pool.stop() for pool in self._all()))

    async def _end(self, pool: Pool, running: Collection[asyncio.Task[None]]) -> None:
        if running:
            await asyncio.wait(running)
        await pool.stop()
        del self._leaving[pool]

    def _all(self) -> list[Pool]:
        return [self.current, *self._leaving]


async def warm(pool: Pool, journeys: Collection[Journey]) -> None:
    """Have a worker ready for each sort of journey there is."""
    for browser in {journey.needs_browser for journey in journeys}:
        await pool.warm(browser=browser)
