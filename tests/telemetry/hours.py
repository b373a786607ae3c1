"""A clock that passes only while everybody waits: a week is over in minutes, and nobody is late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(eq=False)
class _Waiting:
    until_ms: int
    event: asyncio.Event
    due: asyncio.Future[None]


@dataclass(eq=False)
class Hours:
    """The one fake: what is waited for, sent and written is real."""

    ms: int
    #: Called whenever time has passed, before anybody goes on.
    passed: Callable[[], None] = lambda: None
    #: How many wait besides each other; time passes when all of them do.
    parties: int = 0
    _waiting: list[_Waiting] = field(default_factory=list)

    def now_ms(self) -> int:
        return self.ms

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """What `Timing.wait` asks for."""
        due = asyncio.get_running_loop().create_future()
        mine = _Waiting(self.ms + round(seconds * 1000), event, due)
        ringing = asyncio.create_task(event.wait())
        self._waiting.append(mine)
        self._pass()
        try:
            await asyncio.wait({ringing, due}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.remove(mine)
            ringing.cancel()
        return event.is_set()

    def _pass(self) -> None:
        called = any(each.event.is_set() or each.due.done() for each in self._waiting)
        if called or len(self._waiting) < self.parties:
            return
        self.ms = max(self.ms, min(each.until_ms for each in self._waiting))
        self.passed()
        for each in self._waiting:
            if each.until_ms <= self.ms and not each.due.done():
                each.due.set_result(None)
