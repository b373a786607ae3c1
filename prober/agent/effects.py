"""Effects of runs as the supervisor keeps them: noted before they are made, until taken back."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from prober.agent.clock import Clock
from prober.agent.redact import LONGEST, Redactor
from prober.errors import JournalError
from prober.journal.effects import Effect
from prober.journal.journal import Journal
from prober.logged import beside
from prober.model import RunId

log = logging.getLogger(__name__)

Tell = Callable[[Mapping[str, Any]], None]
_SECRET = "the reference holds a secret, which no journal may, use run_name() or a number"


class Book(Protocol):
    """Where effects stand until they are taken back."""

    async def note(
        self, run: RunId, action: str, reference: str, accounts: Mapping[str, str]
    ) -> int | None:
        """Take an effect down; its number, or None where that is not possible now."""

    async def undone(self, number: int) -> None:
        """It was taken back."""

    async def remained(self, number: int, why: str) -> None:
        """It could not be taken back."""

    async def due(self, run: RunId) -> list[Effect]:
        """What earlier runs of its journey left, and a run may try; the newest first."""


@dataclass(frozen=True, slots=True)
class Journalled:
    """In the agent's journal: they outlive this process.

    A full disk stops no run: what it does not take is said, and is taken back by its own run alone.
    """

    journal: Journal
    clock: Clock

    async def note(
        self, run: RunId, action: str, reference: str, accounts: Mapping[str, str]
    ) -> int | None:
        """Once this returns, it is on disk."""
        given = (run, action, reference, accounts)
        try:
            return await asyncio.to_thread(self.journal.effects.note, *given)
        except JournalError as error:
            what = f"{run.journey}: {action}({reference!r}) of {run.name}"
            log.error("%s is not in the journal: %s", what, error)
            return None

    async def undone(self, number: int) -> None:
        """Nothing is left to be known of it; a full disk has it tried again."""
        try:
            await asyncio.to_thread(self.journal.effects.undone, number)
        except JournalError as error:
            log.error("effect %d was taken back, and will be again: %s", number, error)

    async def remained(self, number: int, why: str) -> None:
        """It is tried again later; when that was often, it is told."""
        try:
            now_ms = self.clock.now_ms()
            orphan = await asyncio.to_thread(self.journal.effects.remained, number, why, now_ms)
        except JournalError as error:
            log.error("effect %d was not taken back, nor is that written: %s", number, error)
            return
        if orphan:
            said = f"is an orphan after {orphan.tries} tries, and is tried once a day"
            log.error("%s %s: %s", orphan, said, why, extra=beside(**orphan.run._asdict()))

    async def due(self, run: RunId) -> list[Effect]:
        """Nothing while the journal cannot be read."""
        try:
            now_ms = self.clock.now_ms()
            return await asyncio.to_thread(self.journal.effects.due, run, now_ms)
        except JournalError as error:
            log.error("%s: effects of earlier runs cannot be read: %s", run.journey, error)
            return []


@dataclass(frozen=True, slots=True)
class Remembered:
    """In memory, for runs by hand: they outlive a worker, not this process."""

    _open: dict[int, Effect] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def note(
        self, run: RunId, action: str, reference: str, accounts: Mapping[str, str]
    ) -> int | None:
        """It is remembered."""
        number = next(self._numbers)
        self._open[number] = Effect(number, run, action, reference, accounts, 0, None)
        return number

    async def undone(self, number: int) -> None:
        """It is forgotten."""
        self._open.pop(number, None)

    async def remained(self, number: int, why: str) -> None:
        """It is tried again by the next run."""
        if effect := self._open.get(number):
            self._open[number] = effect._replace(tries=effect.tries + 1, error=why)

    async def due(self, run: RunId) -> list[Effect]:
        """All of its journey there."""
        own = [each for each in self._open.values() if each.run[:2] == run[:2] and each.run != run]
        return own[::-1]

    def tell(self) -> None:
        """Say what is left, for nobody will take that back any more."""
        for effect in self._open.values():
            log.warning("left behind: %s%s", effect, f": {effect.error}" if effect.error else "")


class OfRun:
    """The effects of one run, and those of earlier ones that it is to take back."""

    def __init__(
        self,
        book: Book,
        run: RunId,
        accounts: Mapping[str, str],
        left: list[Effect],
        redactor: Redactor,
    ) -> None:
        """Nothing is noted yet.

        Args:
            book: where they stand.
            run: which makes them.
            accounts: what it signs in with: by pool, a digest of the login.
            left: of earlier runs, the newest first.
            redactor: knows what may not be written.
        """
        self._book, self._run, self._accounts = book, run, accounts
        self._redactor = redactor
        self._tasks: set[asyncio.Task[None]] = set()
        #: What a worker is told of earlier runs.
        self.left = [
            {"effect": each.id, "action": each.action, "reference": each.reference} for each in left
        ]

    def hear(self, event: Mapping[str, Any], tell: Tell) -> None:
        """What a worker says of effects; whether one stands is told it, as soon as that is so."""
        match event["at"]:
            case "effect":
                self._begin(self._note(event, tell))
            case "undone" if event["effect"] is not None:
                self._begin(self._book.undone(event["effect"]))
            case "remained" if event["effect"] is not None:
                why = self._redactor.text(event["message"])[:LONGEST]
                self._begin(self._book.remained(event["effect"], why))

    async def settled(self) -> None:
        """Wait until all that was heard is written."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _note(self, event: Mapping[str, Any], tell: Tell) -> None:
        action, reference = event["action"], event["reference"]
        answer: dict[str, Any] = {"do": "answer", "number": event["number"], "refused": _SECRET}
        if not self._redactor.spans(reference):
            answer["effect"] = await self._book.note(self._run, action, reference, self._accounts)
            answer["refused"] = None
        tell(answer)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:  # a fault of ours must not cost the run its record
        log.exception("what became of an effect is not written")
