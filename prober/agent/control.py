"""Control checks: whether a failure may be the fault of this region's own network.

A dead network looks like a dead target. So hosts that have nothing to do with the target are
asked now and then, and once more when a run fails in a way that a dead network brings about.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import httpx

from prober.agent.reference import Reference, Reply, why
from prober.agent.road import Road
from prober.agent.verdict import Doubt, Verdict
from prober.lazy import lazy
from prober.model import Cause

log = logging.getLogger(__name__)

#: Looks that are remembered: those of any run that goes on, even at one a second.
_KEPT = 1000
#: What a `Date` cut to seconds can be wrong by, and the way there and back.
OFFSET_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """What is asked, and how often."""

    #: Scheme and host of the target.
    target: str
    references: tuple[str, ...] = ()
    every_s: float = 30.0
    timeout_s: float = 3.0
    user_agent: str = "Prober"


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at one time, by the monotonic clock in seconds."""

    began_s: float
    ended_s: float
    replies: tuple[Reply, ...]
    #: Why this region's own network is in doubt, None when it is not.
    trouble: str | None

    @property
    def ahead_s(self) -> int | None:
        """By how many seconds this machine's clock is ahead of the references', their median.

        They tell whole seconds, so it is within one; None when none of them told.
        """
        told = [reply.ahead_s for reply in self.replies if reply.ahead_s is not None]
        return round(median(told)) if told else None


class Control:
    """Looks at this region's own network, on a schedule and when asked."""

    def __init__(self, settings: ControlSettings, before: Control | None = None) -> None:
        """Nothing is asked yet.

        Args:
            settings: what is asked.
            before: whose place it takes; what that counted is counted on.

        Raises:
            InputError: there is a proxy that cannot be used.
        """
        self._settings = settings
        self._road = Road(settings.target, settings.timeout_s)
        headers = {"user-agent": settings.user_agent}
        self._references = [
            Reference(url, settings.timeout_s, lambda: self._trust, headers)
            for url in settings.references
        ]
        self._looks: deque[Look] = deque(maxlen=_KEPT)
        self._task: asyncio.Task[None] | None = None
        #: Looks by what they came to: `failed` of those that found trouble.
        self.counted: Counter[str] = before.counted if before else Counter()

    @property
    def newest(self) -> Look | None:
        """The last look that ended."""
        return self._looks[-1] if self._looks else None

    def start(self) -> None:
        """Look now and then from now on, in the running event loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_looking())

    async def stop(self) -> None:
        """Look no more."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def doubts(self, verdict: Verdict, since_s: float) -> tuple[Doubt, ...]:
        """What speaks against a verdict that was just come to.

        Asks only when a network of ours could have brought the verdict about, and heeds what
        was found meanwhile too: a network that is back by now may have been gone.

        Args:
            verdict: by what the run saw.
            since_s: when the run began, by the monotonic clock.
        """
        if not Doubt(Cause.EGRESS, "").excuses(verdict):
            return ()
        asked = await self.look()
        troubled = [look for look in self._since(since_s) if look.trouble]
        if not troubled:
            return ()
        last = troubled[-1]
        ago = "" if last is asked else f" {asked.began_s - last.ended_s:.0f} s before"
        return (
            Doubt(Cause.EGRESS, f"this region's own network was in doubt{ago}: {last.trouble}"),
        )

    async def look(self) -> Look:
        """Ask everybody, at the same time and for one timeout; raises nothing."""
        began_s = time.monotonic()
        asking = asyncio.gather(*(reference.ask() for reference in self._references))
        replies, trouble = await asyncio.gather(asking, self._road_trouble())
        trouble = _silence(replies) or trouble
        look = Look(began_s, time.monotonic(), tuple(replies), trouble)
        self._tell(look)
        self._looks.append(look)
        return look

    async def _road_trouble(self) -> str | None:
        """What can be known without references; with them, only what they cannot tell."""
        try:
            if not self._references:
                return await self._road.trouble()
            if any(reference.by_name for reference in self._references):
                return None  # asking them has asked the resolver
            return await self._road.resolver_trouble()
        except Exception as error:  # noqa: BLE001  # what cannot be found out proves nothing
            log.warning("this region's own network could not be looked at: %s", why(error))
            return None

    def _since(self, since_s: float) -> Iterable[Look]:
        """Looks during a run, and the last one before it: what that found may have lasted."""
        before = [look for look in self._looks if look.ended_s < since_s]
        return [*before[-1:], *(look for look in self._looks if look.ended_s >= since_s)]

    async def _keep_looking(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._settings.every_s)

    def _tell(self, look: Look) -> None:
        """Count it, and log what is not as it was."""
        before = self.newest
        was = before.trouble if before else None
        if look.trouble:
            self.counted["failed"] += 1
        if look.trouble and not was:
            log.warning("this region's own network is in doubt: %s", look.trouble)
        elif was and not look.trouble:
            log.warning("this region's own network is well again")
        if _is_off(look) and not (before and _is_off(before)):
            log.warning("this machine's clock is %+d s off that of its references", look.ahead_s)

    @lazy
    def _trust(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()


def _is_off(look: Look) -> bool:
    return look.ahead_s is not None and abs(look.ahead_s) > OFFSET_S


def _silence(replies: Sequence[Reply]) -> str | None:
    """Why unrelated hosts that do not answer are no coincidence; None when they may be."""
    silent = [reply for reply in replies if reply.silence]
    if not silent:
        return None
    which = "; ".join(f"{reply.reference}: {reply.silence}" for reply in silent)
    if 2 * len(silent) >= len(replies):
        return f"{len(silent)} of {len(replies)} reference targets gave no answer ({which})"
    named = [reply.named for reply in replies if reply.named is not None]
    if named and not any(named):
        return f"no name of a reference target was found ({which})"
    return None
