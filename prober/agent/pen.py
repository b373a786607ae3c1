"""The pen: writes records to the journal, and keeps those that the disk does not take."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from prober.errors import JournalError
from prober.journal.journal import Journal
from prober.model import Record, RunId

log = logging.getLogger(__name__)

#: Records kept in memory while the disk takes none.
MOST_WAITING = 10_000
#: Records in a transaction: trying a full disk again must not cost as much as writing all.
_AT_ONCE = 100


@dataclass(slots=True)
class Pen:
    """Writes in the order it is told to; a full disk delays records and stops nobody."""

    journal: Journal
    #: Called when the journal grew.
    grew: Callable[[], None]
    #: Records that were given up since the agent began.
    lost: int = 0
    _waiting: list[Record] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def waiting(self) -> int:
        """Records that are kept in memory until the disk takes them."""
        return len(self._waiting)

    async def write(self, records: Iterable[Record] = ()) -> None:
        """Write records and those that wait, or keep them until the next call."""
        # Whoever asked may be cancelled; what was handed in is written or kept all the same.
        await asyncio.shield(self._write(tuple(records)))

    async def claim(self, run: RunId, now_ms: int) -> None:
        """Note that a run begins, unless the disk is full.

        A claim says that every slot before it is accounted for. While records wait that would
        not be true: if the agent died now, their slots would have no state.
        """
        async with self._turn:
            if self._waiting:
                return
            try:
                await asyncio.to_thread(self.journal.claim, run, now_ms)
            except JournalError as error:
                log.error("%s: a run begins unclaimed: %s", run.journey, error)

    async def _write(self, records: tuple[Record, ...]) -> None:
        async with self._turn:
            self._waiting += records
            before = self.waiting
            try:
                while self._waiting:
                    await asyncio.to_thread(self._put, self._waiting[:_AT_ONCE])
                    del self._waiting[:_AT_ONCE]
            except JournalError as error:
                over = max(0, self.waiting - MOST_WAITING)
                self.lost += over
                del self._waiting[:over]
                log.error("%d records wait for the disk: %s", self.waiting, error)
        if self.waiting < before:
            self.grew()

    def _put(self, records: list[Record]) -> None:
        try:
            self.journal.write(records)
        except JournalError:
            raise
        except Exception:
            log.exception("a record cannot be written, writing one by one")
            for record in records:
                self._put_alone(record)

    def _put_alone(self, record: Record) -> None:
        """A record that the journal chokes on must not cost the ones beside it."""
        try:
            self.journal.write([record])
        except JournalError:
            raise
        except Exception:
            log.exception("given up: %s", record)
            self.lost += 1
