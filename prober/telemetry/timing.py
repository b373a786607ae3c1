"""How patient delivery is, and how it waits."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether an event is set before the time is over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient delivery is."""

    #: First pause after a refusal; it doubles up to the longest.
    first_s: float = 1.0
    longest_s: float = 60.0
    #: How often the journal is looked at when nobody says that it grew.
    poll_s: float = 1.0
    #: How often quarantined records are tried again.
    recall_s: float = 3600.0
    #: The longest pause that a destination may ask for: some ask for centuries.
    longest_asked_s: float = 3600.0
    #: Which share of a pause is waited, from above 0 to 1.
    jitter: Callable[[], float] = lambda: 1 - random.random()
    #: How time passes: until an event, or so many seconds.
    wait: Callable[[asyncio.Event, float], Awaitable[bool]] = set_within

    def pause_s(self, failures: int, asked_s: float = 0.0) -> float:
        """How long to wait after so many failures in a row: full jitter, or what was asked for."""
        own_s = self.jitter() * min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return max(own_s, min(asked_s, self.longest_asked_s))
