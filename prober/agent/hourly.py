"""What is done once an hour, in a thread, for as long as an agent lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from prober.errors import JournalError

EVERY_S = 3600.0
log = logging.getLogger(__name__)


async def hourly(
    chores: Callable[[], Iterable[Callable[[], object]]], every_s: float = EVERY_S
) -> None:
    """Do some chores for ever; whatever is in the way of one, the others are done.

    Args:
        chores: asked for anew each time.
        every_s: how long to wait after the last one.
    """
    # Always the same thread: a look at every page takes 2 MB of each that ever made one.
    thread = ThreadPoolExecutor(1, "hourly")
    try:
        while True:
            for chore in chores():
                await _do(chore, thread)
            await asyncio.sleep(every_s)
    finally:
        thread.shutdown(wait=False)


async def _do(chore: Callable[[], object], thread: ThreadPoolExecutor) -> None:
    try:
        await asyncio.get_running_loop().run_in_executor(thread, chore)
    except JournalError as error:
        log.error("the journal could not be kept, trying again in an hour: %s", error)
    except Exception:  # the others and the next hour must come
        log.exception("what is kept could not be looked through, trying again in an hour")
