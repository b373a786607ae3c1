"""What one destination has yet to get of one signal, read from the journal.

A queue hands out the request at its head until it is told what became of it. Boundaries of a
batch are in the journal before it is sent, so that it is sent again with the same bytes after
a crash. Every method touches the disk: call them in a thread.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, MutableSequence, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ScopeMetrics

from prober.destination import Signal
from prober.journal.journal import Journal
from prober.journal.outbox import Cursor, Entry
from prober.telemetry.reply import Reply, Verdict

MOST_RECORDS: Final = 512
MOST_BYTES: Final = 1_000_000


class Backlog(NamedTuple):
    """What a destination has not acknowledged."""

    waiting: int
    #: When the oldest of it was written, in ms; None when there is nothing.
    oldest_ms: int | None
    quarantined: int


class Queue(Protocol):
    """Requests of one signal for one destination, first in, first out."""

    def begin(self) -> None:
        """Take a place in the journal; a new destination gets its cursor."""

    def head(self) -> bytes | None:
        """The request to send next, or None: everything is acknowledged."""

    def accepted(self) -> bool:
        """The head arrived. True: go on at once."""

    def narrowed(self, reply: Reply) -> bool:
        """The head was refused for its size or content: less of it next. True: go on at once."""

    def recall(self) -> None:
        """Try what was quarantined again, when there is nothing else to do."""

    def backlog(self) -> Backlog:
        """How much is waiting."""


@dataclass(slots=True)
class RecordQueue:
    """Records as logs or traces, in batches."""

    journal: Journal
    destination: str
    signal: Signal
    encode: Callable[[Sequence[Entry]], bytes]
    now_ms: Callable[[], int]
    #: How many records a batch may have: fewer while a bad one is being isolated.
    _most: int = MOST_RECORDS
    #: How many bytes: less once a batch was refused for its size.
    _most_bytes: int = MOST_BYTES
    #: The batch that `head` handed out, or the recalled record.
    _sent: list[Entry] = field(default_factory=list)
    _recalled: list[int] = field(default_factory=list)
    _recalling: bool = False

    def begin(self) -> None:
        """Hold a new destination's place at the journal's beginning."""
        self._move(*self._cursor())

    def head(self) -> bytes | None:
        """The next batch; the next recalled record when there is none."""
        self._recalling = False
        while batch := self._batch():
            self._sent = batch
            if body := self.encode(batch):
                return body
            self._acknowledge()  # a batch without runs has no spans
        return self._next_recalled()

    def accepted(self) -> bool:
        """The batch arrived: move on; a recalled record leaves quarantine."""
        if self._recalling:
            self.journal.outbox.release(self.destination, self.signal, self._recalled.pop(0))
        else:
            self._acknowledge()
            self._most = min(MOST_RECORDS, self._most * 2)
        return True

    def narrowed(self, reply: Reply) -> bool:
        """Halve the batch; a record that is refused alone is quarantined."""
        if self._recalling:
            self._recalled.pop(0)
        elif len(self._sent) > 1:
            self._halve(reply)
        else:
            self._quarantine(reply)
            return False  # without a pause, one that refuses everything would be stormed
        return True

    def recall(self) -> None:
        """Try what was quarantined again, one by one, after everything else."""
        quarantined = self.journal.outbox.quarantined(self.destination, self.signal)
        self._recalled = [seq for seq, _, _ in quarantined]

    def backlog(self) -> Backlog:
        """How many records are waiting."""
        acked = self._cursor().acked
        return Backlog(
            max(0, self.journal.outbox.newest() - acked),
            self.journal.outbox.written_after(acked),
            len(self.journal.outbox.quarantined(self.destination, self.signal)),
        )

    def _batch(self) -> list[Entry]:
        """The batch in flight before a crash or a refusal, as it was; otherwise a new one."""
        acked, inflight = self._cursor()
        if inflight > acked:
            if batch := self.journal.outbox.entries(acked, inflight, MOST_RECORDS):
                return batch
            self._move(inflight, inflight)  # pruned meanwhile
            acked = inflight
        batch = self._fitting(
            self.journal.outbox.entries(acked, self.journal.outbox.newest(), self._most)
        )
        if batch:
            self._move(acked, batch[-1].seq)
        return batch

    def _fitting(self, entries: list[Entry]) -> list[Entry]:
        """As many as fit in a request, at least one."""
        room = self._most_bytes
        for index, entry in enumerate(entries):
            room -= _size(entry)
            if room < 0 and index:
                return entries[:index]
        return entries

    def _halve(self, reply: Reply) -> None:
        if reply.verdict is Verdict.SPLIT:
            self._most_bytes = min(self._most_bytes, sum(map(_size, self._sent)) // 2)
        half = len(self._sent) // 2
        self._most = half if reply.verdict is Verdict.BAD else self._most
        self._move(self._cursor().acked, self._sent[half - 1].seq)

    def _quarantine(self, reply: Reply) -> None:
        seq, why = self._sent[0].seq, reply.complaint or ""
        self.journal.outbox.quarantine(self.destination, self.signal, seq, self.now_ms(), why)
        self._acknowledge()

    def _acknowledge(self) -> None:
        seq = self._sent[-1].seq
        self._move(seq, seq)

    def _next_recalled(self) -> bytes | None:
        while self._recalled:
            entry = self.journal.outbox.entry(self._recalled[0])
            if entry:
                self._recalling = True
                return self.encode([entry])
            self.journal.outbox.release(self.destination, self.signal, self._recalled.pop(0))
        return None

    def _cursor(self) -> Cursor:
        return self.journal.outbox.cursor(self.destination, self.signal)

    def _move(self, acked: int, inflight: int) -> None:
        self.journal.outbox.move(self.destination, self.signal, Cursor(acked, inflight))


@dataclass(slots=True)
class SnapshotQueue:
    """Frozen metric payloads, each sent whole unless the destination refuses it."""

    journal: Journal
    destination: str
    #: The payload at the head, in the parts that are still to be sent.
    _parts: list[bytes] = field(default_factory=list)
    #: Parts that cannot be made smaller and were refused.
    _refused: list[bytes] = field(default_factory=list)
    _id: int = 0
    #: Whether any part of the payload at the head arrived.
    _arrived: bool = False
    #: Nothing of the payload before arrived: it was too old, and so may the next ones be.
    _hopeless: bool = False

    def begin(self) -> None:
        """Let a new destination begin at the newest payload: it carries the totals."""
        cursor = self._cursor()
        taken = self.journal.outbox.snapshots()
        if cursor == (0, 0) and taken:
            before = taken[-1][0] - 1
            cursor = Cursor(before, before)
        self._move(*cursor)

    def head(self) -> bytes | None:
        """The next payload, or the next part of one that was refused as a whole."""
        if not self._parts:
            acked = self._cursor().acked
            found = self.journal.outbox.snapshot(acked)
            if found is None:
                return None
            self._id, self._arrived, self._refused = found[0], False, []
            self._move(acked, self._id)
            self._parts = [gzip.decompress(found[2])]
        return self._parts[0]

    def accepted(self) -> bool:
        """The part arrived."""
        self._parts.pop(0)
        self._arrived, self._hopeless = True, False
        return self._finished()

    def narrowed(self, reply: Reply) -> bool:
        """Halve the part: by points for its size, by metrics for its content."""
        refused = self._parts.pop(0)
        halve = halve_points if reply.verdict is Verdict.SPLIT else halve_metrics
        if halves := None if self._hopeless and self._superseded() else halve(refused):
            self._parts[:0] = halves
        else:
            self._refused.append(refused)
        return self._finished()

    def recall(self) -> None:
        """Nothing is quarantined: the newest payload carries the totals of all before."""

    def backlog(self) -> Backlog:
        """How many payloads are waiting."""
        acked = self._cursor().acked
        waiting = [taken_ms for id_, taken_ms, _ in self.journal.outbox.snapshots() if id_ > acked]
        return Backlog(len(waiting), waiting[0] if waiting else None, 0)

    def _finished(self) -> bool:
        """Acknowledge the payload when every part is through; False: wait, then try again.

        What was refused is given up only when a newer payload stands behind it.
        """
        if self._parts:
            return True
        if self._refused and not self._superseded():
            self._parts, self._refused = self._refused, []
            return False
        self._refused, self._hopeless = [], not self._arrived
        self._move(self._id, self._id)
        return True

    def _superseded(self) -> bool:
        return self.journal.outbox.snapshot(self._id) is not None

    def _cursor(self) -> Cursor:
        return self.journal.outbox.cursor(self.destination, "metrics")

    def _move(self, acked: int, inflight: int) -> None:
        self.journal.outbox.move(self.destination, "metrics", Cursor(acked, inflight))


def halve_metrics(body: bytes) -> tuple[bytes, bytes] | None:
    """Two requests with half of the metrics each, or None: there is only one."""
    sizes = [len(_points(metric)) for metric in _scope(_parsed(body)).metrics]
    if len(sizes) < 2:
        return None
    return _cut(body, sum(sizes[: len(sizes) // 2]))


def halve_points(body: bytes) -> tuple[bytes, bytes] | None:
    """Two requests with half of the points each, or None: there is only one."""
    points = sum(len(_points(metric)) for metric in _scope(_parsed(body)).metrics)
    return _cut(body, points // 2) if points > 1 else None


def _size(entry: Entry) -> int:
    return len(entry.record.to_json())


def _parsed(body: bytes) -> ExportMetricsServiceRequest:
    return ExportMetricsServiceRequest.FromString(body)


def _scope(request: ExportMetricsServiceRequest) -> ScopeMetrics:
    """What our payloads have one of."""
    return request.resource_metrics[0].scope_metrics[0]


def _points(metric: Metric) -> MutableSequence[Any]:
    data: MutableSequence[Any] = getattr(metric, metric.WhichOneof("data") or "gauge").data_points
    return data


def _cut(body: bytes, at: int) -> tuple[bytes, bytes]:
    """The request's first points, and the rest of them."""
    return _slice(body, 0, at), _slice(body, at, sys.maxsize)


def _slice(body: bytes, start: int, end: int) -> bytes:
    """The request with the points from `start` to before `end`, and no empty metric."""
    request = _parsed(body)
    metrics, before = _scope(request).metrics, 0
    for metric in list(metrics):
        points = _points(metric)
        kept = points[max(0, start - before) : max(0, end - before)]
        before += len(points)
        del points[:]
        points.extend(kept)
        if not kept:
            metrics.remove(metric)
    return request.SerializeToString(deterministic=True)
