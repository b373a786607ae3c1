"""Pages that take a while to make: for some seconds everybody is shown the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

#: A page is made anew after so long, or after ten times what it took, whichever is longer.
LASTS_S: Final = 3.0
_RESTS: Final = 10
#: So many are kept before all are forgotten.
_MOST: Final = 100


@dataclass(slots=True)
class _Place:
    """Where a page is kept; who makes it holds the lock, and others wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    html: str | None = None
    until_s: float = 0.0


@dataclass(slots=True)
class Kept:
    """Pages by name."""

    #: Makes one; None: there is none of that name.
    make: Callable[[str], str | None]
    clock: Callable[[], float] = time.monotonic
    _places: dict[str, _Place] = field(default_factory=dict)

    def page(self, name: str) -> str | None:
        """A page as it was some seconds ago or is now; None: there is none of that name."""
        if len(self._places) >= _MOST and name not in self._places:
            self._places = {}
        place = self._places.setdefault(name, _Place())
        with place.lock:
            begun_s = self.clock()
            if place.html is None or begun_s >= place.until_s:
                place.html = self.make(name)
                now_s = self.clock()
                place.until_s = now_s + max(LASTS_S, _RESTS * (now_s - begun_s))
            return place.html
