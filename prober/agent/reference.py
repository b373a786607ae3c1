"""A reference target: a host that has nothing to do with the target, asked whether it is there."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx

from prober.agent.question import Question
from prober.agent.verdict import FROM_BETWEEN
from prober.errors import InputError, ProberError, Problem
from prober.telemetry import proxy

#: Said by a proxy that a request in plain text was given to and that got no further.
_FROM_PROXY = frozenset({502, 503, 504})
_PORTS = {"http": 80, "https": 443}


class Unheard(ProberError):
    """Somebody answered, and it was not the reference."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of asking a reference."""

    reference: str
    #: Whether its name has an address; None: nobody here had to look for one.
    named: bool | None
    #: Why it did not answer, None when it did.
    silence: str | None = None
    #: By how much this machine's clock is ahead of the reference's, when it told the time.
    ahead_s: float | None = None


class Reference:
    """One reference target; any answer at all says that it is there."""

    def __init__(
        self,
        url: str,
        timeout_s: float,
        trust: Callable[[], ssl.SSLContext],
        headers: Mapping[str, str],
    ) -> None:
        """Nothing is asked yet.

        Args:
            url: `https://…`, `http://…` or `tcp://host:port`.
            timeout_s: for everything, the look-up of its name too.
            trust: whose certificates are believed.
            headers: that web requests have.

        Raises:
            InputError: there is a proxy that cannot be used.
        """
        self.url, self._timeout_s, self._trust, self._headers = url, timeout_s, trust, headers
        where = urlsplit(url)
        self._host = where.hostname or ""
        self._proxy = _usable(proxy.through(url)) if where.scheme in _PORTS else None
        #: Whether the region's resolver is asked for it.
        self.by_name = not self._proxy and not is_address(self._host)
        self._lookup = Question(partial(look_up, self._host))
        connect = partial(_connect, where, timeout_s)
        self._contact: Question[float | None] = Question(
            connect if where.scheme == "tcp" else self._ask
        )
        self._client: httpx.Client | None = None

    async def ask(self) -> Reply:
        """Ask, and wait for an answer no longer than its timeout; raises nothing."""
        ends_s = time.monotonic() + self._timeout_s
        named = None
        try:
            if self.by_name:
                named = False
                await self._lookup.answer(self._timeout_s)
                named = True
            ahead_s = await self._contact.answer(max(0.0, ends_s - time.monotonic()))
        except Exception as error:  # noqa: BLE001  # whatever it was, there is no answer
            return Reply(self.url, named, why(error))
        return Reply(self.url, named, ahead_s=ahead_s)

    def _ask(self) -> float | None:
        if self._client is None:
            self._client = httpx.Client(
                headers=dict(self._headers),
                timeout=self._timeout_s,
                verify=self._trust(),
                proxy=self._proxy,
                trust_env=False,
                limits=httpx.Limits(max_keepalive_connections=0),  # an old road proves nothing
            )
        sent_s = time.time()
        reply = self._client.head(self.url)
        got_s = time.time()
        plain = self._proxy and self.url.startswith("http://")
        if reply.status_code in FROM_BETWEEN | (_FROM_PROXY if plain else frozenset()):
            raise Unheard(f"{reply.status_code} on the way")
        return _ahead_s(reply.headers, sent_s, got_s)


def look_up(host: str) -> list[tuple[Any, ...]]:
    """The addresses of a host, each as a UDP socket takes it; raises socket.gaierror."""
    found = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)
    return [address for *_, address in found]


def connect(host: str, port: int, timeout_s: float) -> None:
    """Connect and hang up; raises OSError."""
    socket.create_connection((host, port), timeout_s).close()


def is_address(host: str) -> bool:
    """Whether a host is written as an address, for which nobody is asked."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def why(error: BaseException) -> str:
    """Why there was no answer, in words that hold nothing but its kind."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "no answer in time"
    while deeper := error.__cause__ or error.__context__:
        error = deeper
    if isinstance(error, socket.gaierror):
        return "no such name" if denies(error) else "its name got no answer"
    if isinstance(error, Unheard):
        return str(error)
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno)
    return type(error).__name__


def denies(error: socket.gaierror) -> bool:
    """Whether a resolver answered that there is nothing of this name, and so is alive."""
    return error.errno in (socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_FAIL)


def _usable(through: str | None) -> str | None:
    """A proxy, unless it speaks what only another library could."""
    if through and urlsplit(through).scheme not in _PORTS:
        what = "reference targets cannot be asked through this proxy"
        mend = "write http:// or https:// and a host, or NO_PROXY"
        raise InputError([Problem("the environment", 0, "HTTPS_PROXY or its like", what, mend)])
    return through


def _connect(where: SplitResult, timeout_s: float) -> None:
    connect(where.hostname or "", where.port or 0, timeout_s)


def _ahead_s(headers: httpx.Headers, sent_s: float, got_s: float) -> float | None:
    """Our clock less the reference's; a `Date` is cut to seconds, so half of one is added.

    A reply out of a cache is as old as its `Age` says.
    """
    try:
        told_s = parsedate_to_datetime(headers["date"]).timestamp() + int(headers.get("age", "0"))
    except (KeyError, ValueError):
        return None
    return (sent_s + got_s) / 2 - (told_s + 0.5)
