"""How many browser runs may go on at once on this machine, over all agents that share it.

Two runs side by side on two cores make each other 1.4 to 1.7 times slower: more than one
browser run per two cores measures the prober, not the target. The allowance is a set of
lock files; the kernel takes a lock back when its holder dies, however it dies.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from prober.errors import ProberError

_RETRY_S = 0.01


class NoCapacity(ProberError):
    """No place came free in time: other browser runs on this machine hold all of them."""


class Allowance:
    """A number of places, shared by every process of this user on this machine."""

    def __init__(self, places: int, directory: Path | None = None) -> None:
        root = directory or Path(tempfile.gettempdir()) / f"prober-allowance-{os.getuid()}"
        self._root = root
        self._files = [root / f"place-{number}" for number in range(places)]
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def place(self, within_s: float) -> AsyncIterator[None]:
        """Hold a place, first come first served within this process.

        Raises:
            NoCapacity: none came free within the time.
        """
        ends = time.monotonic() + within_s
        try:
            async with asyncio.timeout(within_s):
                await self._turn.acquire()
        except TimeoutError as error:
            raise NoCapacity from error
        try:
            descriptor = await self._wait(ends)
        finally:
            self._turn.release()
        try:
            yield
        finally:
            os.close(descriptor)

    async def _wait(self, ends: float) -> int:
        # Each time: whoever cleans up temporary directories may have taken it away.
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            for path in self._files:
                if (descriptor := hold(path)) is not None:
                    return descriptor
            if time.monotonic() > ends:
                raise NoCapacity
            await asyncio.sleep(_RETRY_S)


def hold(path: Path) -> int | None:
    """A descriptor that holds the lock on a file until it is closed; None while another does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.utime(descriptor)  # so that it does not look forgotten
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return descriptor
