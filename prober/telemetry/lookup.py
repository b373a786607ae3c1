"""Name lookups, each in a thread of its own that nobody waits for.

A resolver that hangs holds its thread for minutes, and a cancelled lookup does not end it. In
the event loop's own few threads three such lookups would stop the journal, and with it every
other destination; and the process could not end before the resolver gives up.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

Found = list[tuple[Any, ...]]


def install() -> None:
    """Let the running event loop look names up this way."""
    loop = asyncio.get_running_loop()
    loop.getaddrinfo = Lookups().getaddrinfo  # type: ignore[method-assign]  # the only way in


@dataclass(eq=False)
class Lookups:
    """Those that are going on: who asks again for the same name waits for the same answer."""

    _going_on: dict[tuple[Any, ...], asyncio.Future[Found]] = field(default_factory=dict)

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # the loop's own signature
        proto: int = 0,
        flags: int = 0,
    ) -> Found:
        """What `socket.getaddrinfo` finds.

        Raises:
            OSError: it finds nothing.
        """
        wanted = (host, port, family, type, proto, flags)
        if wanted not in self._going_on:
            self._going_on[wanted] = self._begin(wanted)
        return await asyncio.shield(self._going_on[wanted])

    def _begin(self, wanted: tuple[Any, ...]) -> asyncio.Future[Found]:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Found] = loop.create_future()

        def look() -> None:
            say: Callable[[], None]
            try:
                say = partial(found.set_result, socket.getaddrinfo(*wanted))
            except Exception as error:  # noqa: BLE001  # it is raised where it is awaited
                say = partial(found.set_exception, error)
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(say)

        def forget(over: asyncio.Future[Found]) -> None:
            del self._going_on[wanted]
            over.exception()  # so that one which nobody awaits any more is not complained of

        found.add_done_callback(forget)
        threading.Thread(target=look, name="lookup", daemon=True).start()
        return found
