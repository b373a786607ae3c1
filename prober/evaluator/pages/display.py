"""A page that many look at again and again: made ahead of them, once for all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

#: So often it is made anew, but at most a third of the time goes into it.
EVERY_S: Final = 1.0
_PAUSES: Final = 2
#: Who looked so long ago looks no longer: the page asks for itself every 3 s.
_WATCHED_S: Final = 10.0
#: What was made earlier is not shown any more.
_LASTS_S: Final = 10.0


@dataclass(slots=True)
class Display:
    """Keeps a page ready while somebody looks at it."""

    #: Makes it as things stand now; slow.
    make: Callable[[], str]
    clock: Callable[[], float] = time.monotonic
    _looked_s: float = -math.inf
    #: When it was begun, and the page.
    _ahead: tuple[float, str] | None = None

    def page(self) -> str | None:
        """The page as it was made ahead, at once; None: it has to be made now."""
        self._looked_s = now_s = self.clock()
        if self._ahead and now_s - self._ahead[0] < _LASTS_S:
            return self._ahead[1]
        return None

    def keep(self) -> float:
        """Make it ahead if somebody looks at it; in how many seconds to do so again.

        Raises whatever making it raises; then nothing is ready.
        """
        begun_s = self.clock()
        if begun_s - self._looked_s >= _WATCHED_S:
            self._ahead = None
            return EVERY_S
        try:
            self._ahead = begun_s, self.make()
        except BaseException:
            self._ahead = None
            raise
        return max(EVERY_S, _PAUSES * (self.clock() - begun_s))
