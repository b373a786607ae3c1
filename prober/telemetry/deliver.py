"""Delivery: every destination gets every record once, and the newest totals, for ever trying.

One task a destination and signal, one request in flight. Nothing here ends a task but a stop:
what goes wrong is logged, counted, and tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Final

from prober import conventions as names
from prober.destination import Destination, Signal
from prober.errors import JournalError
from prober.journal.journal import Journal
from prober.journal.tally import Increment
from prober.model import canonical
from prober.telemetry import encode, lookup
from prober.telemetry.queues import Queue, RecordQueue, SnapshotQueue
from prober.telemetry.reply import Reply, Verdict
from prober.telemetry.resource import Resource
from prober.telemetry.snapshots import Snapshots
from prober.telemetry.timing import Timing
from prober.telemetry.totals import Reading
from prober.telemetry.transport import Sender, sender

logger = logging.getLogger(__name__)
#: Failures that may be counted any time; the others begin at their first.
_COMMON_ERRORS: Final = ("network", "timeout")
_AT_ONCE: Final = 0.0


def wall_ms() -> int:
    """Now, in ms since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Health:
    """How a destination does with a signal."""

    destination: str
    signal: Signal
    #: Records or payloads that it has not acknowledged, and how old the oldest of them is.
    waiting: int
    age_s: float
    quarantined: int
    #: What it had against the last request, None when nothing.
    last_error: str | None
    #: How long ago it last acknowledged a request; None: not since this process began.
    last_success_s: float | None

    def readings(self, region: str) -> list[Reading]:
        """The same as gauges."""
        attributes = _attributes(region, self.destination, self.signal)
        return [
            Reading(names.EXPORT_BACKLOG, attributes, self.waiting),
            Reading(names.EXPORT_AGE, attributes, self.age_s),
            Reading(names.EXPORT_QUARANTINED, attributes, self.quarantined),
        ]


@dataclass(slots=True)
class Delivery:
    """One signal on its way to one destination."""

    journal: Journal
    queue: Queue
    sender: Sender
    region: str
    destination: str
    signal: Signal
    timing: Timing = field(default_factory=Timing)
    now_ms: Callable[[], int] = wall_ms
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _begun: bool = False
    #: Refusals in a row that nothing but waiting could answer.
    _failures: int = 0
    _recall_at_s: float = 0.0
    _last_error: str | None = None
    #: Kinds of complaints that were logged since it was last down, or in the last hour.
    _logged: set[str] = field(default_factory=set)
    #: Whether the last reply was one to wait after.
    _down: bool = False
    _accepted_at_s: float | None = None

    async def run(self) -> None:
        """Deliver until told to stop, then what is left, until the first refusal."""
        while not self._stopping.is_set():
            await self._rest(await self._attempt())
        while await self._attempt() == _AT_ONCE:
            pass

    def wake(self) -> None:
        """Look at the journal now; a pause after a refusal is not cut short."""
        self._woken.set()

    def stop(self) -> None:
        """Let `run` come to its end."""
        self._stopping.set()
        self._woken.set()

    def health(self) -> Health:
        """How it does; touches the disk."""
        backlog, at_s = self.queue.backlog(), self._accepted_at_s
        age_ms = 0 if backlog.oldest_ms is None else max(0, self.now_ms() - backlog.oldest_ms)
        return Health(
            destination=self.destination,
            signal=self.signal,
            waiting=backlog.waiting,
            age_s=age_ms / 1000,
            quarantined=backlog.quarantined,
            last_error=self._last_error,
            last_success_s=None if at_s is None else time.monotonic() - at_s,
        )

    async def _attempt(self) -> float | None:
        """One step whatever happens: its pause in seconds, None when there is nothing to do."""
        try:
            return await self._step()
        except JournalError as error:  # a full disk is no riddle: one line, no traceback
            return self._failed(error, None)
        except Exception as error:  # noqa: BLE001  # nothing ends this task but a stop
            with contextlib.suppress(Exception):
                counted = [self._increment(names.EXPORT_ERRORS, 1, type(error).__name__)]
                await asyncio.to_thread(self.journal.add, counted)
            return self._failed(error, error)

    def _failed(self, error: Exception, traceback: Exception | None) -> float:
        kind = type(error).__name__
        if kind not in self._logged:
            where = f"{self.signal} to {self.destination}"
            logger.warning("%s: %s: %s, trying again", where, kind, error, exc_info=traceback)
            self._logged.add(kind)
        self._last_error = f"{kind}: {error}"
        self._failures += 1
        return self.timing.pause_s(self._failures)

    async def _step(self) -> float | None:
        self._woken.clear()
        body = await asyncio.to_thread(self._head)
        if body is None:
            return None
        reply = await self.sender.send(body)
        return await asyncio.to_thread(self._settle, reply)

    def _head(self) -> bytes | None:
        if not self._begun:
            self.queue.begin()
            self._count_zeros()
            self._begun = True
        if time.monotonic() >= self._recall_at_s:
            self.queue.recall()
            self._logged.clear()
            self._recall_at_s = time.monotonic() + self.timing.recall_s
        return self.queue.head()

    def _settle(self, reply: Reply) -> float:
        """Move the queue on by what the destination said; how long to wait."""
        self._note(reply)
        if reply.verdict is Verdict.ACCEPTED:
            at_once = self.queue.accepted()
            self._failures = 0
        else:
            at_once = reply.verdict is not Verdict.RETRY and self.queue.narrowed(reply)
        self.journal.add(self._counted(reply))
        if at_once:
            return _AT_ONCE
        self._failures += 1
        return self.timing.pause_s(self._failures, reply.retry_after_s)

    async def _rest(self, pause_s: float | None) -> None:
        if pause_s is None:
            await self.timing.wait(self._woken, self.timing.poll_s)
        elif pause_s:
            await self.timing.wait(self._stopping, pause_s)

    def _note(self, reply: Reply) -> None:
        """Remember what was said, and log it unless that kind of thing was logged already."""
        where, kind = f"{self.signal} to {self.destination}", reply.error_type or "rejected"
        if reply.verdict is Verdict.ACCEPTED:
            self._accepted_at_s = time.monotonic()
            if self._down:
                logger.info("%s: accepted again", where)
                self._logged.clear()
        if reply.complaint and kind not in self._logged:
            logger.warning("%s: %s: %s", where, reply.verdict, reply.complaint)
            self._logged.add(kind)
        self._last_error = reply.complaint
        self._down = reply.verdict is Verdict.RETRY

    def _counted(self, reply: Reply) -> list[Increment]:
        if reply.verdict is not Verdict.ACCEPTED:
            return [self._increment(names.EXPORT_ERRORS, 1, reply.error_type)]
        return [
            self._increment(names.EXPORT_ACCEPTED, 1),
            self._increment(names.EXPORT_REJECTED, reply.rejected),
        ]

    def _count_zeros(self) -> None:
        zeros = [self._increment(m, 0) for m in (names.EXPORT_ACCEPTED, names.EXPORT_REJECTED)]
        zeros += [self._increment(names.EXPORT_ERRORS, 0, kind) for kind in _COMMON_ERRORS]
        self.journal.add(zeros)

    def _increment(self, metric: names.Metric, value: int, error_type: str = "") -> Increment:
        attributes = _attributes(self.region, self.destination, self.signal)
        if error_type:
            attributes[names.ERROR_TYPE] = error_type
        return Increment(metric.name, canonical(attributes), value)


def deliveries(
    journal: Journal,
    destinations: Iterable[Destination],
    resource: Resource,
    region: str,
    timing: Timing | None = None,
    now_ms: Callable[[], int] = wall_ms,
) -> list[Delivery]:
    """A delivery for each signal of each destination.

    Raises:
        InputError: a destination's certificate or key cannot be read.
    """
    return [
        Delivery(
            journal,
            _queue(journal, destination.name, signal, resource, now_ms),
            sender(destination, signal),
            region,
            destination.name,
            signal,
            timing or Timing(),
            now_ms,
        )
        for destination in destinations
        for signal in destination.signals
    ]


class Shipping:
    """Everything that leaves an agent: takes metric payloads and runs all deliveries."""

    def __init__(
        self,
        journal: Journal,
        destinations: Iterable[Destination],
        resource: Resource,
        region: str,
        *,
        metrics_interval_ms: int = 15_000,
        readings: Callable[[], Iterable[Reading]] = tuple,
        timing: Timing | None = None,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        """Nothing runs before `start`.

        `readings` is asked in a thread, at each payload, for what no journal row stands behind.

        Raises:
            InputError: a destination's certificate or key cannot be read.
        """
        self.deliveries = deliveries(journal, destinations, resource, region, timing, now_ms)
        self._journal, self._region, self._now_ms = journal, region, now_ms
        self._given, self._interval_ms = readings, metrics_interval_ms
        self._wait = (timing or Timing()).wait
        to_metrics = [each.destination for each in self.deliveries if each.signal == "metrics"]
        self._snapshots = Snapshots(journal, resource, self.readings, to_metrics)
        self._stopping = asyncio.Event()
        self._taking: asyncio.Task[None] | None = None
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Forget destinations that are no longer configured, and begin."""
        lookup.install()
        configured = [(each.destination, str(each.signal)) for each in self.deliveries]
        try:
            await asyncio.to_thread(self._journal.outbox.retain, configured)
        except JournalError:
            logger.exception("old destinations stay until the next start")
        if self._snapshots.destinations:
            self._taking = asyncio.create_task(self._take_snapshots())
        self._running = [asyncio.create_task(each.run()) for each in self.deliveries]

    async def freeze(self) -> None:
        """Take the totals as they are, so that counters which are new are seen at 0."""
        if self._snapshots.destinations:
            await self._take(self._snapshots.begin)
            await self._take(self._snapshots.take, self._now_ms())

    def wake(self) -> None:
        """Say that the journal grew; from the event loop's thread."""
        for delivery in self.deliveries:
            delivery.wake()

    async def health(self) -> list[Health]:
        """How every destination does with every signal."""
        return await asyncio.to_thread(lambda: [each.health() for each in self.deliveries])

    def readings(self) -> list[Reading]:
        """What was given to read, and delivery's own gauges; touches the disk."""
        own = [each.health().readings(self._region) for each in self.deliveries]
        return [*self._given(), *chain.from_iterable(own)]

    async def stop(self, within_s: float) -> None:
        """Take the last totals, try once more to deliver what is left, and end.

        What is not acknowledged within the time stays in the journal for the next start.
        """
        self._stopping.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._finish()
        tasks = [*self._running, *([self._taking] if self._taking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for delivery in self.deliveries:
            await delivery.sender.close()

    async def _finish(self) -> None:
        if self._taking:
            await self._taking
        for delivery in self.deliveries:
            delivery.stop()
        await asyncio.gather(*self._running)

    async def _take_snapshots(self) -> None:
        """Freeze the totals at every multiple of the interval, and once more at the end."""
        await self._take(self._snapshots.begin)
        while True:
            wait_ms = self._interval_ms - self._now_ms() % self._interval_ms
            if await self._wait(self._stopping, wait_ms / 1000):
                break
            await self._take(self._snapshots.take_aligned, self._now_ms(), self._interval_ms)
        await self._take(self._snapshots.take, self._now_ms())

    async def _take(self, action: Callable[..., None], *args: int) -> None:
        try:
            await asyncio.to_thread(action, *args)
        except Exception:
            logger.exception("no metric payload was taken, trying again at the next interval")
        self.wake()


def _queue(
    journal: Journal,
    destination: str,
    signal: Signal,
    resource: Resource,
    now_ms: Callable[[], int],
) -> Queue:
    if signal == "metrics":
        return SnapshotQueue(journal, destination)
    records = encode.logs if signal == "logs" else encode.traces
    return RecordQueue(journal, destination, signal, partial(records, resource=resource), now_ms)


def _attributes(region: str, destination: str, signal: Signal) -> dict[str, str]:
    return {names.REGION: region, names.DESTINATION: destination, names.SIGNAL: signal}
