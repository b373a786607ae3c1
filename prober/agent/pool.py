"""The pool: the workers of one agent, and what they may do at once.

Nothing here runs a journey's code or Playwright. A worker is given work and time; whatever
it does, the record is written, and when the time is up it is gone with all it started.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from prober.agent import process
from prober.agent.accounts import Accounts, Lease
from prober.agent.allowance import Allowance, NoCapacity
from prober.agent.code import Code
from prober.agent.control import Control, ControlSettings
from prober.agent.effects import Book, OfRun, Remembered
from prober.agent.hand import Hand, now
from prober.agent.scrub import scrub
from prober.agent.strain import Usual
from prober.agent.vault import Unread, Vault
from prober.agent.watch import (
    STAGE_S,
    WITHHELD,
    Listener,
    Order,
    Surroundings,
    Watch,
    unstarted,
)
from prober.model import Outcome, Run

log = logging.getLogger(__name__)

_RETRY_S = 5
Got = TypeVar("Got")
Place = contextlib.AbstractAsyncContextManager[None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """When a worker is replaced, the replacement warmed first."""

    runs: int = 50
    age_s: float = 3600
    memory_bytes: int = 1_500_000_000
    slow_close_us: int = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """How a pool works."""

    #: How browsers start, as `agent.browser.BrowserSettings` takes it.
    browser: Mapping[str, Any]
    around: Surroundings
    control: ControlSettings
    #: Browser runs side by side.
    places: int
    renewal: Renewal = Renewal()
    #: Where the lock files of the machine's allowance and of accounts are; None: where all
    #: agents look.
    allowance: Path | None = None
    #: What workers load copies of; None: they load journeys from where they lie.
    code: Code | None = None


def _accounts(settings: PoolSettings, vault: Vault) -> Accounts:
    locks = settings.allowance and settings.allowance / "accounts"
    return Accounts(settings.around.accounts, vault, settings.control.target, locks)


class Pool:
    """Workers of one agent, and what they may do at once."""

    def __init__(
        self, settings: PoolSettings, before: Pool | None = None, book: Book | None = None
    ) -> None:
        """No worker is started yet.

        Args:
            settings: how it works.
            before: the one whose place it takes; what that counted is counted on.
            book: where effects stand; None: where they did, or in memory.

        Raises:
            ProberError: the code that workers are to load is not there any more, or a proxy cannot
                be used.
        """
        self.settings = settings
        self.vault: Vault = Vault(settings.around.secrets, before.vault if before else None)
        self._redactor = self.vault.redactor
        self.book: Book = book or (before.book if before else Remembered())
        self.allowance = Allowance(settings.places, settings.allowance)
        self._accounts = _accounts(settings, self.vault)
        self.control: Control = Control(settings.control, before.control if before else None)
        #: How long a page of our own takes in browsers that are well.
        self.reference: Usual = before.reference if before else Usual()
        self._root = process.make_temporary_root()
        self._around = self._with_code(settings.around)
        self._idle: defaultdict[bool, asyncio.Queue[Hand]] = defaultdict(asyncio.Queue)
        self._sizes = {True: 0, False: 0}
        self._live: set[Hand] = set()
        self._tending: set[asyncio.Task[None]] = set()
        self._cancelled = asyncio.Event()
        self._number = 0
        #: Version of the browser of the newest run that had one.
        self.browser: str = before.browser if before else ""
        self.renewed: Counter[str] = before.renewed if before else Counter()
        #: Files of evidence that were not kept, for a secret could be in them.
        self.withheld: Counter[str] = before.withheld if before else Counter()

    @property
    def live(self) -> int:
        """Worker processes alive."""
        return len(self._live)

    @property
    def unfit(self) -> bool:
        """Whether a worker could not have a browser ready."""
        return any(hand.spent for hand in self._live)

    @property
    def killed(self) -> int:
        """Workers that had to be ended from outside."""
        return self.renewed["killed"]

    @property
    def cancelled(self) -> bool:
        """Whether it was told to end the runs that go on."""
        return self._cancelled.is_set()

    async def warm(self, *, browser: bool) -> None:
        """Have the workers of one sort ready: with a browser, or for HTTP journeys only."""
        self.control.start()
        while self._sizes[browser] < self.settings.places:
            self._sizes[browser] += 1
            try:
                self._idle[browser].put_nowait(await self._hire(browser))
            except OSError:
                self._sizes[browser] -= 1
                raise

    async def run(self, order: Order, listener: Listener = lambda event: None) -> Run:
        """Make a run and compose its record, whatever happens.

        Raises:
            NoCapacity: no account, no worker or no place came free within the order's patience, or
                before runs were cancelled.
        """
        browser = order.journey.needs_browser
        await self.warm(browser=browser)
        waited, ends = time.perf_counter(), time.perf_counter() + order.patience_s
        try:
            values = await self._unless_cancelled(self.vault.read(order.journey.secrets))
            lease, effects = await self._unless_cancelled(self._lease(order, ends))
        except Unread as missing:
            return unstarted(order, self._around, missing)
        try:
            hand, place = await self._room(browser, ends)
        except BaseException:
            lease.release()
            raise
        queue_us = round((time.perf_counter() - waited) * 1e6)
        watch = self._watch(hand, order, values | lease.values, listener, queue_us, effects)
        scrubbing: asyncio.Task[Run] | None = None
        try:
            run = await watch.run()
            scrubbing = asyncio.create_task(asyncio.to_thread(self._scrubbed, run))
        finally:
            tending = self._tend(hand, browser, watch, lease)
            task = asyncio.create_task(_hold(place, tending, scrubbing))
            self._tending.add(task)
            task.add_done_callback(self._tending.discard)
        self.browser = run.regime.get("browser", self.browser)
        run = await asyncio.shield(scrubbing)  # its thread goes on, whoever is cancelled
        self.withheld["files"] += len(run.evidence.get(WITHHELD, ()))
        return run

    async def _lease(self, order: Order, ends: float) -> tuple[Lease, OfRun]:
        """What a run signs in with, and what it takes back of runs that did so with the same."""
        due = await self.book.due(order.id)
        within_s = max(0.0, ends - time.perf_counter())
        wanted = due[0].accounts if due else None
        lease = await self._accounts.lease(order.journey.accounts, within_s, wanted)
        left = [effect for effect in due if lease.fits(effect.accounts)]
        return lease, OfRun(self.book, order.id, lease.digests, left, self._redactor)

    async def _room(self, browser: bool, ends: float) -> tuple[Hand, Place]:
        """A worker, and a place for it."""
        left_s = ends - time.perf_counter()
        hand = await self._unless_cancelled(self._borrow(browser, left_s))
        try:
            place = self._place(browser, ends - time.perf_counter())
            await self._unless_cancelled(place.__aenter__())
        except BaseException:  # whatever it is, the worker is free
            self._idle[browser].put_nowait(hand)
            raise
        return hand, place

    def _watch(
        self,
        hand: Hand,
        order: Order,
        values: Mapping[str, str],
        listener: Listener,
        queue_us: int,
        effects: OfRun,
    ) -> Watch:
        hushed, around = self._hushed(listener), self._around
        return Watch(
            hand,
            order,
            around,
            values,
            self._cancelled,
            hushed,
            queue_us,
            self.control,
            self.reference,
            effects,
        )

    def cancel(self) -> None:
        """End the runs that are going on; their records say `cancelled`."""
        self._cancelled.set()

    async def stop(self) -> None:
        """End every worker and remove every temporary file."""
        self.cancel()
        await self.control.stop()
        await asyncio.gather(*self._tending, return_exceptions=True)
        await asyncio.gather(*(hand.stop() for hand in self._live), return_exceptions=True)
        self._live.clear()
        await asyncio.to_thread(process.sweep, 0, self._root)

    def _with_code(self, around: Surroundings) -> Surroundings:
        """With the journeys' files as they were checked, whatever happens to them."""
        if self.settings.code is None:
            return around
        try:
            copies = self.settings.code.copy_to(self._root / "journeys")
        except BaseException:  # nobody stops a pool that was never made
            process.sweep(0, self._root)
            raise
        return replace(around, copies=copies)

    def _scrubbed(self, run: Run) -> Run:
        """Without secrets in it and its traces; a trace in which they could be is not kept."""
        reasons = {
            name: scrub(self._around.evidence / name, self._redactor)
            for name in run.artefacts
            if name.endswith(".zip")
        }
        withheld = {name: why for name, why in reasons.items() if why}
        if not withheld:
            return self._redactor.run(run)
        said = [f"{Path(name).name}: {why}" for name, why in withheld.items()]
        before = run.evidence.get(WITHHELD, ())
        kept = tuple(name for name in run.artefacts if name not in withheld)
        evidence = {**run.evidence, WITHHELD: (*before, *said)}
        return self._redactor.run(replace(run, artefacts=kept, evidence=evidence))

    def _hushed(self, listener: Listener) -> Listener:
        """A listener that hears names of steps without secrets."""

        def tell(event: dict[str, Any]) -> None:
            named = {"name": self._redactor.text(event["name"])} if "name" in event else {}
            listener(event | named)

        return tell

    async def _borrow(self, browser: bool, patience_s: float) -> Hand:
        try:
            async with asyncio.timeout(patience_s):
                return await self._idle[browser].get()
        except TimeoutError as error:
            raise NoCapacity from error

    async def _unless_cancelled(self, waiting: Coroutine[Any, Any, Got]) -> Got:
        """What is waited for, or NoCapacity when runs are cancelled first."""
        got = asyncio.ensure_future(waiting)
        cancel = asyncio.ensure_future(self._cancelled.wait())
        try:
            await asyncio.wait({got, cancel}, return_when=asyncio.FIRST_COMPLETED)
            if got.done():
                return got.result()
            raise NoCapacity
        finally:
            cancel.cancel()
            got.cancel()

    def _place(self, browser: bool, within_s: float) -> Place:
        """A place to enter; an HTTP journey, which costs next to nothing, needs none."""
        return self.allowance.place(max(0.0, within_s)) if browser else contextlib.nullcontext()

    async def _tend(self, hand: Hand, browser: bool, watch: Watch, lease: Lease) -> None:
        """Stage the next run, or replace a worker that is spent."""
        try:
            if not watch.lost:  # else its browser may be signed in until it is killed
                lease.release()
            why = watch.lost or self._spent(hand, watch)
            if self._cancelled.is_set() and watch.lost:
                await self._retire(hand, kill=True)  # nothing runs any more: no other for it
            elif self._cancelled.is_set():
                pass  # `stop` ends it
            elif why:
                self.renewed[why] += 1
                hand = await self._replace(hand, browser, kill=watch.lost is not None)
            elif browser:
                await self._stage(hand)
            process.reap()  # what a closed browser left to us
            self._idle[browser].put_nowait(hand)
        except Exception:
            log.exception("worker %d is given up, another takes its place", hand.pid)
            self._sizes[browser] -= 1
            with contextlib.suppress(Exception):
                await self._retire(hand, kill=True)
        finally:
            lease.release()

    async def _replace(self, hand: Hand, browser: bool, *, kill: bool) -> Hand:
        """Another worker for one that is spent, warmed before the old one goes."""
        if kill:
            await self._retire(hand, kill=True)
        while True:
            try:
                fresh = await self._hire(browser)
                break
            except OSError as error:  # no process or no disk to be had now; runs wait meanwhile
                log.error("cannot start a worker, trying again in %d s: %s", _RETRY_S, error)
                await asyncio.sleep(_RETRY_S)
        if not kill:
            await self._retire(hand, kill=False)
        return fresh

    def _spent(self, hand: Hand, watch: Watch) -> str | None:
        """Why a worker should not make another run."""
        limits = self.settings.renewal
        if hand.spent:
            return hand.spent
        if self._around.isolation == "process" or hand.runs >= limits.runs:
            return "runs"
        if time.monotonic() - hand.born > limits.age_s:
            return "age"
        if watch.close_us > limits.slow_close_us:
            return "slow_close"
        if watch.outcome is Outcome.INCONCLUSIVE:
            return "inconclusive"
        # Reading shared memory of a dozen processes costs milliseconds; not after every run.
        if hand.runs % 10 == 9 and process.resident_bytes(hand.pid) > limits.memory_bytes:
            return "memory"
        return None

    async def _hire(self, browser: bool) -> Hand:
        self._number += 1
        temporary = self._root / f"worker-{self._number}"
        temporary.mkdir(mode=0o700, parents=True)
        hand = Hand(temporary, self._redactor)
        await hand.start(self.settings.browser)
        self._live.add(hand)
        await hand.expect({"ready"}, now() + STAGE_S)
        if browser:
            await self._stage(hand)
        return hand

    async def _stage(self, hand: Hand) -> None:
        """Have its browser ready; a failure shows when the next run needs it."""
        hand.tell({"do": "stage"})
        event = await hand.expect({"staged", "unstaged"}, now() + STAGE_S)
        if event is None or event["at"] == "unstaged":
            log.warning("worker %d: no browser: %s", hand.pid, (event or {}).get("message"))
            hand.spent = "died" if event is None else "unstaged"

    async def _retire(self, hand: Hand, *, kill: bool) -> None:
        self._live.discard(hand)
        await (hand.kill() if kill else hand.stop())


async def _hold(
    place: Place, tending: Awaitable[None], scrubbing: asyncio.Task[Run] | None
) -> None:
    """Keep a place until the next run is staged and what this one left is scrubbed.

    So no neighbour's measurement meets a browser starting, or a trace being searched.
    """
    try:
        await tending
        if scrubbing:
            await asyncio.wait({scrubbing})
    finally:
        await place.__aexit__(None, None, None)
