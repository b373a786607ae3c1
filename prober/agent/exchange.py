"""What an exchange of an HTTP journey spends its time on, as httpx's connections report it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from prober.model import Exchange

#: By what httpcore calls them, whichever version of HTTP is spoken. Waiting is for the first line
#: of the answer, from when all that was asked is sent.
_PARTS: Final = {
    "connect_tcp": Exchange.CONNECT,
    "start_tls": Exchange.TLS,
    "receive_response_headers": Exchange.WAIT,
    "receive_response_body": Exchange.TRANSFER,
}


@dataclass(slots=True)
class Stopwatch:
    """Hears of one request and its redirects; give it as httpx's `trace` extension."""

    #: Told how long each part took, in seconds.
    tell: Callable[[Exchange, float], object]
    _began: float = 0.0
    #: Connecting begins with the lookup, which is a part of its own.
    _looked_up: float = field(default=0.0)

    def __call__(self, event: str, _info: Mapping[str, Any]) -> None:
        """Something began, was completed, or failed."""
        what, _, stage = event.rpartition(".")
        part = _PARTS.get(what.rpartition(".")[2])
        if part is None:
            return
        if stage == "started":
            self._began, self._looked_up = time.perf_counter(), 0.0
        else:
            self.tell(part, time.perf_counter() - self._began - self._looked_up)

    def looked_up(self, seconds: float) -> None:
        """A name was looked up."""
        self._looked_up += seconds
        self.tell(Exchange.DNS, seconds)
