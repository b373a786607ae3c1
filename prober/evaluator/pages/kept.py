"""Pages that take a while to make: for some seconds everybody is shown the same."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

#: A page is made anew after so long, or after ten times what it took, whichever is longer.
LASTS_S: Final = 3.0
_RESTS: Final = 10
#: One that is due is shown until it is so old, while it is made anew; who comes later waits.
SHOWN_S: Final = 30.0
#: So many are kept before all are forgotten.
_MOST: Final = 100
log = logging.getLogger(__name__)


class Look(NamedTuple):
    """What somebody is shown."""

    #: None: there is none of that name.
    html: str | None
    #: Whether it is due to be made anew, see `Kept.renew`.
    due: bool = False


class _Page(NamedTuple):
    html: str | None
    #: It is due then, and not shown any more then.
    due_s: float
    over_s: float


_NONE: Final = _Page(None, -math.inf, -math.inf)


@dataclass(slots=True)
class _Place:
    """Where a page is kept; who makes it holds the lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    page: _Page = _NONE


@dataclass(slots=True)
class Kept:
    """Pages by name."""

    #: Makes one; None: there is none of that name.
    make: Callable[[str], str | None]
    clock: Callable[[], float] = time.monotonic
    _places: dict[str, _Place] = field(default_factory=dict)
    _renewing: set[str] = field(default_factory=set)
    #: Makings anew take turns: however many pages are due, they take one thread.
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def look(self, name: str) -> Look:
        """A page as it was some seconds ago or is now."""
        if len(self._places) >= _MOST and name not in self._places:
            self._places = {}
        place = self._places.setdefault(name, _Place())
        if self.clock() >= place.page.over_s:
            with place.lock:  # who comes while it is made waits for it
                if self.clock() >= place.page.due_s:
                    place.page = self._made(name)
        page = place.page
        return Look(page.html, page.html is not None and self.clock() >= page.due_s)

    async def renew(self, name: str) -> None:
        """Make a page anew that is due, unless somebody does; an error is logged."""
        if name in self._renewing:
            return
        self._renewing.add(name)
        try:
            async with self._turn:
                await asyncio.to_thread(self._renew, name)
        except Exception:  # who looked has a page, and the next one tries again
            log.exception("the page about %s could not be made anew", name)
        finally:
            self._renewing.discard(name)

    def _renew(self, name: str) -> None:
        place = self._places.get(name)
        if place and place.lock.acquire(blocking=False):
            try:
                if self.clock() >= place.page.due_s:
                    place.page = self._made(name)
            finally:
                place.lock.release()

    def _made(self, name: str) -> _Page:
        begun_s = self.clock()
        html = self.make(name)
        if html is None:
            return _NONE
        due_s = _due_s(begun_s, self.clock())
        return _Page(html, due_s, max(due_s, begun_s + SHOWN_S))


@dataclass(slots=True)
class KeptArchive:
    """All pages in one archive, which takes the longest: one thread at most makes it."""

    make: Callable[[], bytes]
    clock: Callable[[], float] = time.monotonic
    _archive: bytes = b""
    _due_s: float = -math.inf
    #: Who comes while it is made waits here, without a thread, and has the same.
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self) -> bytes:
        """It as it was some seconds ago or is now."""
        async with self._turn:
            begun_s = self.clock()
            if begun_s >= self._due_s:
                self._archive = await asyncio.to_thread(self.make)
                self._due_s = _due_s(begun_s, self.clock())
            return self._archive


def _due_s(begun_s: float, made_s: float) -> float:
    """When to make anew what took so long."""
    return made_s + max(LASTS_S, _RESTS * (made_s - begun_s))
