"""How much each client may ask for: buckets that fill up again, and places for what is going on.

Only so many clients are remembered. A bucket that nobody draws from is full, so a client that is
forgotten has at worst a full one again.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

#: Of each kind of bucket.
CLIENTS: Final = 10_000
#: No address is longer; a proxy may say anything.
_ADDRESS: Final = 64


@dataclass(frozen=True, slots=True)
class Rate:
    """How much there may be."""

    #: At once, after a while without any.
    burst: int
    #: On and on.
    per_s: float

    def times(self, factor: int) -> Rate:
        """So many times as much."""
        return Rate(self.burst * factor, self.per_s * factor)


#: Pages, badges, metrics: whatever is asked for by GET.
PAGES: Final = Rate(1000, 200)
#: Verbs of the API, of each scope.
VERBS: Final = Rate(120, 5)
#: Bytes of telemetry as sent. Requests are not counted: a fleet may sit behind one address.
BYTES: Final = Rate(512 << 20, 16 << 20)
#: Tokens that are none.
FAILURES: Final = Rate(20, 1 / 6)


@dataclass(slots=True)
class Buckets:
    """What is left to each client; for one thread."""

    rate: Rate
    most: int = CLIENTS
    clock: Callable[[], float] = time.monotonic
    #: What was left, and when; the client that drew last is the last.
    _left: OrderedDict[Hashable, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait_s(self, client: Hashable) -> float:
        """How long until there is something left; 0: there is."""
        return max(0.0, (1 - self._now(client)) / self.rate.per_s)

    def draw(self, client: Hashable, amount: int = 1) -> None:
        """Take something out, more than there is if it has been spent already."""
        self._left[client] = (self._now(client) - amount, self.clock())
        self._left.move_to_end(client)
        if len(self._left) > self.most:
            self._left.popitem(last=False)

    def _now(self, client: Hashable) -> float:
        left, at_s = self._left.get(client, (self.rate.burst, 0.0))
        return min(self.rate.burst, left + (self.clock() - at_s) * self.rate.per_s)


@dataclass(slots=True)
class Room:
    """So many may be in it at once, and so many of one client."""

    most: int = 64
    most_each: int = 32
    _inside: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def place(self, client: str) -> Iterator[None]:
        """One in it.

        Raises:
            HTTPException: 429, the client has too many in it; 503, it is full.
        """
        if self._inside[client] >= self.most_each:
            raise later(429, "too many requests of this address are going on, send one later", 1)
        if self._inside.total() >= self.most:
            raise later(503, "too many requests are going on, send it again", 1)
        self._inside[client] += 1
        try:
            yield
        finally:
            self._inside[client] -= 1
            self._inside += Counter()  # whoever has none in it is forgotten


def later(status: int, why: str, wait_s: float) -> HTTPException:
    """The refusal of what may be asked for again."""
    return HTTPException(status, why, {"Retry-After": str(max(1, math.ceil(wait_s)))})


def client_of(asked: HTTPConnection) -> str:
    """Whose buckets are drawn from: the address, of which one network of IPv6 is one client.

    Behind a proxy it is what the proxy says, where the server was told to trust it.
    """
    host = asked.client.host[:_ADDRESS] if asked.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
