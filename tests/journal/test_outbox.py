"""What delivery keeps in the journal: how far each destination is, and what waits for it."""

from __future__ import annotations

from collections.abc import Callable

from prober.journal.journal import Journal
from prober.journal.outbox import Cursor
from prober.model import Run

NOW_MS = 1_767_225_600_000
Open = Callable[..., Journal]
MakeRun = Callable[..., Run]


def test_records_come_in_the_order_they_were_written(journal: Open, run: MakeRun) -> None:
    outbox = journal().outbox
    assert outbox.newest() == 0
    assert outbox.written_after(0) is None
    book = journal()
    for n in (3, 1, 2):
        book.write([run(n)], now_ms=NOW_MS + n)
    outbox = book.outbox
    assert [entry.record for entry in outbox.entries(0, 9, 9)] == [run(3), run(1), run(2)]
    assert [entry.seq for entry in outbox.entries(1, 2, 9)] == [2]
    assert [entry.seq for entry in outbox.entries(0, 9, 2)] == [1, 2]
    assert outbox.written_after(1) == NOW_MS + 1
    found = outbox.entry(3)
    assert found
    assert found.record == run(2)
    assert outbox.entry(4) is None


def test_cursors_outlive_restarts_and_go_with_their_destination(journal: Open) -> None:
    outbox = journal().outbox
    assert outbox.cursor("main", "logs") == Cursor(0, 0)
    outbox.move("main", "logs", Cursor(3, 7))
    outbox.move("main", "traces", Cursor(1, 1))
    outbox.move("old", "logs", Cursor(2, 2))
    outbox = journal().outbox
    assert outbox.cursor("main", "logs") == Cursor(3, 7)
    outbox.retain([("main", "logs")])
    assert outbox.cursor("main", "logs") == Cursor(3, 7)
    assert outbox.cursor("main", "traces") == Cursor(0, 0)
    assert outbox.cursor("old", "logs") == Cursor(0, 0)


def test_a_destination_that_was_removed_does_not_get_its_cursor_back(
    journal: Open, run: MakeRun
) -> None:
    book = journal()
    book.write(run(n) for n in range(10))
    book.outbox.move("main", "logs", Cursor(10, 10))
    book.outbox.move("old", "logs", Cursor(2, 4))
    book.outbox.retain([("main", "logs")])
    book.outbox.move("old", "logs", Cursor(4, 4))  # by a thread that nobody waited for
    assert book.outbox.cursor("old", "logs") == Cursor(0, 0)
    assert book.prune(NOW_MS + 3_600_000, 0) == 10, "it holds back nothing"
    book.outbox.retain([("main", "logs"), ("old", "logs")])
    book.outbox.move("old", "logs", Cursor(0, 0))
    book.outbox.move("old", "logs", Cursor(5, 5))
    assert book.outbox.cursor("old", "logs") == Cursor(5, 5), "configured again, it begins anew"


def test_frozen_payloads_stay_byte_for_byte_until_forgotten(journal: Open) -> None:
    outbox = journal().outbox
    ids = [outbox.freeze(bytes([n]) * n, NOW_MS + n) for n in range(1, 6)]
    assert ids == sorted(ids)
    outbox = journal().outbox
    assert outbox.snapshot(0) == (ids[0], NOW_MS + 1, b"\x01")
    outbox.forget_snapshots(ids[1])
    outbox.thin_snapshots([ids[3]])
    assert outbox.snapshots() == [(ids[2], NOW_MS + 3, 3), (ids[4], NOW_MS + 5, 5)]
    outbox.forget_snapshots(ids[4])
    assert outbox.snapshot(0) is None
    assert outbox.freeze(b"", NOW_MS) > ids[4], "an id is never used again"


def test_quarantine_is_by_destination_and_keeps_its_first_reason(journal: Open) -> None:
    outbox = journal().outbox
    outbox.quarantine("main", "logs", 5, NOW_MS, "400 no")
    outbox.quarantine("main", "logs", 5, NOW_MS + 9, "400 still no")
    outbox.quarantine("other", "logs", 5, NOW_MS, "400")
    outbox = journal().outbox
    assert outbox.quarantined("main", "logs") == [(5, NOW_MS, "400 no")]
    outbox.release("main", "logs", 5)
    assert outbox.quarantined("main", "logs") == []
    assert outbox.quarantined("other", "logs") == [(5, NOW_MS, "400")]
