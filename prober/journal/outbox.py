"""The outbox: what delivery reads of the journal, and how far each destination is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from prober.journal.body import unpack
from prober.journal.store import Store
from prober.model import Record


class Entry(NamedTuple):
    """A record as it stands in the journal."""

    seq: int
    written_ms: int
    record: Record


class Cursor(NamedTuple):
    """How far a destination is: `inflight` ends the batch that was last sent."""

    acked: int
    inflight: int


@dataclass(slots=True)
class Outbox:
    """Records in order, frozen metric payloads, cursors and quarantine, by destination."""

    store: Store
    #: By destination and signal, whose cursors are kept; None: nobody has said so yet.
    _retained: set[tuple[str, str]] | None = field(default=None, init=False)

    # Records

    def newest(self) -> int:
        """How many records were ever written: the newest one's sequence number."""
        return int(self.store.value("newest_seq"))

    def entries(self, after: int, upto: int, limit: int) -> list[Entry]:
        """Records in the order they were written, from `after` (not in it) to `upto`."""
        rows = self.store.all("list_records", after=after, upto=upto, limit=limit)
        return [_entry(*row) for row in rows]

    def entry(self, seq: int) -> Entry | None:
        """One record, or None when it was pruned."""
        row = self.store.one("get_record", seq=seq)
        return _entry(*row) if row else None

    def written_after(self, seq: int) -> int | None:
        """When the oldest record after a sequence number was written, in ms."""
        found = self.store.value("oldest_after", after=seq)
        return None if found is None else int(found)

    # Cursors

    def cursor(self, destination: str, signal: str) -> Cursor:
        """How far a destination is with a signal; 0 when it is new."""
        row = self.store.one("get_cursor", destination=destination, signal=signal)
        return Cursor(*row) if row else Cursor(0, 0)

    def move(self, destination: str, signal: str, cursor: Cursor) -> None:
        """Move a cursor.

        One that is retained no longer stays away: of a delivery that was stopped, a thread that
        nobody waited for would bring it back, and what it stands before would never be pruned.
        """
        with self.store.transaction():
            if self._retained is not None and (destination, signal) not in self._retained:
                return
            self.store.change(
                "set_cursor", destination=destination, signal=signal, **cursor._asdict()
            )

    def retain(self, destinations: Iterable[tuple[str, str]]) -> None:
        """Forget the cursors of destinations that are no longer configured."""
        self._retained = keep = set(destinations)
        with self.store.transaction():
            for destination, signal, _ in self.store.all("list_cursors"):
                if (destination, signal) not in keep:
                    self.store.change("drop_cursor", destination=destination, signal=signal)

    # Metric payloads

    def freeze(self, body: bytes, now_ms: int) -> int:
        """Keep a metric payload until every destination has it; its id."""
        with self.store.transaction():
            return int(self.store.value("add_snapshot", taken_ms=now_ms, body=body))

    def snapshot(self, after: int) -> tuple[int, int, bytes] | None:
        """The oldest payload after an id: (id, taken_ms, body)."""
        row = self.store.one("next_snapshot", after=after)
        return (row[0], row[1], row[2]) if row else None

    def snapshots(self) -> list[tuple[int, int, int]]:
        """Every kept payload as (id, taken_ms, bytes), oldest first."""
        return [(row[0], row[1], row[2]) for row in self.store.all("list_snapshots")]

    def forget_snapshots(self, upto: int) -> None:
        """Drop payloads that every destination has."""
        with self.store.transaction():
            self.store.change("drop_snapshots", upto=upto)

    def thin_snapshots(self, ids: Iterable[int]) -> None:
        """Drop single payloads: cumulative points lose resolution by it, never counts."""
        with self.store.transaction():
            for snapshot in ids:
                self.store.change("drop_snapshot", id=snapshot)

    # Quarantine

    def quarantine(self, destination: str, signal: str, seq: int, now_ms: int, why: str) -> None:
        """Set one record aside for a destination that refuses it alone."""
        with self.store.transaction():
            self.store.change(
                "add_quarantine",
                destination=destination,
                signal=signal,
                seq=seq,
                since_ms=now_ms,
                reason=why,
            )

    def quarantined(self, destination: str, signal: str) -> list[tuple[int, int, str]]:
        """Records set aside for a destination as (seq, since_ms, reason)."""
        rows = self.store.all("list_quarantine", destination=destination, signal=signal)
        return [(row[0], row[1], row[2]) for row in rows]

    def release(self, destination: str, signal: str, seq: int) -> None:
        """Take a record out of quarantine: it was accepted after all."""
        with self.store.transaction():
            self.store.change("drop_quarantine", destination=destination, signal=signal, seq=seq)


def _entry(seq: int, kind: str, written_ms: int, body: bytes) -> Entry:
    return Entry(seq, written_ms, unpack(kind, body))
