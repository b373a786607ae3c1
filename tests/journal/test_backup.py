"""Backups: taken while it is written, each of one moment, and begun anew when they are used."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prober import conventions as names
from prober.errors import JournalCorrupt
from prober.evaluator.clerk.clerk import Clerk
from prober.journal import backup, keeper
from prober.journal.journal import Journal
from prober.journal.outbox import Cursor
from prober.journal.pruning import RAW_MS
from prober.journal.view import View
from prober.journal.wal import SIDES, beside
from prober.model import Outcome, Run
from tests.journal.conftest import NEW_YEAR_MS

HOUR_MS = 3_600_000
MakeRun = Callable[..., Run]


def backups(directory: Path) -> list[Path]:
    return sorted((directory / "backup").iterdir())


def runs(book: Journal) -> int:
    return sum(
        value
        for metric, attributes, value in book.counters()
        if metric == names.RUNS.name and names.OUTCOME in json.loads(attributes)
    )


def test_one_an_hour_is_taken_and_two_are_kept(tmp_path: Path, journal: Any, run: MakeRun) -> None:
    book = journal()
    taken = []
    for hour in range(4):
        book.write([run(hour)])
        taken.append(book.keep_safe(NEW_YEAR_MS + hour * HOUR_MS))
        assert book.keep_safe(NEW_YEAR_MS + hour * HOUR_MS + 60_000) is None, "that one is young"
    assert backups(tmp_path) == taken[-2:]
    now_ms = NEW_YEAR_MS + 4 * HOUR_MS
    assert backup.newest_ms(book.path, now_ms) == NEW_YEAR_MS + 3 * HOUR_MS


def test_a_clock_that_was_set_back_does_not_end_backups(journal: Any, run: MakeRun) -> None:
    book = journal()
    assert book.keep_safe(NEW_YEAR_MS + 1000 * HOUR_MS)
    assert book.keep_safe(NEW_YEAR_MS)


def test_a_backup_taken_while_it_is_written_is_of_one_moment(
    tmp_path: Path, journal: Any, run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "_FRAMES", 20)  # pages change in the file all the time
    monkeypatch.setattr(keeper, "SHEET", 4)
    monkeypatch.setattr(backup, "_BATCH", 10)
    monkeypatch.setattr(backup, "_PATIENCE_S", 100.0)  # the writer never rests, nor may the disk
    book = journal()
    book.write(run(n) for n in range(3000))
    stop, written = threading.Event(), []

    def write() -> None:
        for n in range(3000, 100_000):
            book.write([run(n, (Outcome.PASSED, Outcome.FAILED)[n % 2])])
            written.append(n)
            if stop.is_set():
                return

    writer = threading.Thread(target=write)
    writer.start()
    before = len(written)
    taken = book.keep_safe(NEW_YEAR_MS)
    stop.set()
    writer.join()
    assert len(written) > before, "writing went on"
    copy = tmp_path / "elsewhere" / "journal.db"
    copy.parent.mkdir()
    shutil.copy(taken, copy)
    with sqlite3.connect(f"file:{copy}?mode=ro", uri=True) as connection:
        (whole,) = connection.execute("PRAGMA integrity_check").fetchone()
        (records,) = connection.execute("SELECT count(*) FROM record").fetchone()
        (rows,) = connection.execute("SELECT count(*) FROM run").fetchone()
        (counted,) = connection.execute(
            "SELECT sum(value) FROM counter WHERE metric = ?", (names.RUNS.name,)
        ).fetchone()
        (summed,) = connection.execute("SELECT sum(n) FROM rollup WHERE level = 1").fetchone()
    connection.close()
    assert whole == "ok"
    assert records == rows == counted == summed, "rows, totals and sums of the same moment"
    assert records >= 3000 + before


def test_a_backup_taken_while_somebody_reads_holds_what_is_in_the_log(
    tmp_path: Path, journal: Any, run: MakeRun, until: Callable[..., Any]
) -> None:
    book = journal()
    book.write(run(n) for n in range(100))
    book.keeper.checkpoint()
    look = View.open(book.path)
    with look.at_one_moment():
        assert look.newest_seq() == 100
        book.write(run(n) for n in range(100, 200))  # stays in the log until the reader is through
        taken: list[Path] = []
        taking = threading.Thread(target=lambda: taken.append(book.keep_safe(NEW_YEAR_MS)))
        taking.start()
        until(lambda: (tmp_path / "backup" / "part").exists())
        until(lambda: (tmp_path / "backup" / "part").stat().st_size > 0)
    taking.join()
    look.close()
    copied = View.open(taken[0])
    assert copied.newest_seq() == 200
    assert len(copied.runs(1, 0, 2**60, 1000)) == 200
    copied.close()


def test_a_backup_copied_into_place_by_hand_begins_a_new_life(tmp_path: Path, run: MakeRun) -> None:
    book = Journal.open(tmp_path / "journal.db", now_ms=NEW_YEAR_MS)
    book.write(run(n) for n in range(50))
    book.outbox.freeze(b"frozen", NEW_YEAR_MS)
    book.outbox.move("main", "logs", Cursor(20, 30))
    taken = book.keep_safe(NEW_YEAR_MS + HOUR_MS)
    book.write(run(n) for n in range(50, 80))
    book.close()
    old = tmp_path / "old"
    old.mkdir()
    for file in tmp_path.glob("journal.*"):
        file.rename(old / file.name)
    shutil.copy(taken, tmp_path / "journal.db")
    book = Journal.open(tmp_path / "journal.db", now_ms=NEW_YEAR_MS + 2 * HOUR_MS)
    assert book.mishap is None, "nothing was damaged"
    assert book.birth_ms == NEW_YEAR_MS + 2 * HOUR_MS
    assert (runs(book), book.written, book.outbox.newest()) == (0, 0, 50)
    assert book.outbox.snapshots() == [], "what was counted in the life before is not sent again"
    assert book.outbox.cursor("main", "logs") == Cursor(20, 30), "records go on from there"
    book.write([run(60)])
    assert (runs(book), book.written) == (1, 1)
    book.close()
    again = Journal.open(tmp_path / "journal.db", now_ms=NEW_YEAR_MS + 3 * HOUR_MS)
    assert (again.birth_ms, runs(again)) == (NEW_YEAR_MS + 2 * HOUR_MS, 1), "it begins once"
    again.close()


def test_without_room_for_a_copy_pages_are_looked_over_all_the_same(
    tmp_path: Path, journal: Any, run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = journal()
    book.write(run(n) for n in range(50))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2**20))
    looked: list[float] = []
    monkeypatch.setattr(
        type(book.keeper), "look_over", lambda _, take=None, rest=0.0: looked.append(rest)
    )
    assert book.keep_safe(NEW_YEAR_MS) is None
    assert looked
    assert not any((tmp_path / "backup").iterdir())


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(OSError(28, "No space left on device"), id="while it is written"),
        pytest.param(sqlite3.OperationalError("database or disk is full"), id="at its end"),
    ],
)
def test_a_copy_that_a_full_disk_cut_short_leaves_nothing(
    tmp_path: Path,
    journal: Any,
    run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    book = journal()
    book.write(run(n) for n in range(50))
    kept = book.keep_safe(NEW_YEAR_MS)

    def refuse(part: Path, _: int) -> None:
        for suffix in SIDES:
            beside(part, suffix).write_bytes(b"begun")
        raise error

    book.write(run(n) for n in range(50, 60))
    with monkeypatch.context() as patch:
        patch.setattr(backup, "note_copy", refuse)
        assert book.keep_safe(NEW_YEAR_MS + HOUR_MS) is None
    assert backups(tmp_path) == [kept]
    assert book.keep_safe(NEW_YEAR_MS + HOUR_MS)


def test_what_an_end_in_the_middle_of_a_copy_left_is_not_rolled_into_the_next(
    tmp_path: Path, journal: Any, run: MakeRun
) -> None:
    book = journal()
    book.write(run(n) for n in range(300))
    part = tmp_path / "backup" / "part"
    book.keep_safe(NEW_YEAR_MS - HOUR_MS).rename(part)
    with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as copy:
        copy.executescript("PRAGMA cache_size = 1; BEGIN; DELETE FROM record; DELETE FROM run;")
        left = beside(part, "-journal").read_bytes()
    assert any(left[:8]), "its head is written: it would be rolled back"
    beside(part, "-journal").write_bytes(left)
    book.write(run(n) for n in range(300, 900))
    look = View.open(book.keep_safe(NEW_YEAR_MS))
    assert look.newest_seq() == 900
    look.store.check()
    look.close()


def test_backups_that_a_clock_far_ahead_has_named_give_way_to_true_ones(
    tmp_path: Path, journal: Any, run: MakeRun
) -> None:
    book = journal()
    ahead_ms = NEW_YEAR_MS + 10_000 * HOUR_MS
    for hour in range(2):
        book.write([run(hour)])
        assert book.keep_safe(ahead_ms + hour * HOUR_MS)
    taken = []
    for hour in range(3):
        book.write([run(10 + hour)])
        taken.append(book.keep_safe(NEW_YEAR_MS + hour * HOUR_MS))
        assert taken[-1].exists(), "the one just taken stays"
    assert backups(tmp_path) == taken[-2:]


def test_a_backup_that_a_clock_far_ahead_has_named_is_the_first_to_make_room(
    tmp_path: Path, journal: Any, run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = journal()
    book.write([run(0)])
    book.keep_safe(NEW_YEAR_MS + 10_000 * HOUR_MS)
    true = book.keep_safe(NEW_YEAR_MS)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2**20))
    assert book.keep_safe(NEW_YEAR_MS + HOUR_MS) is None
    assert backups(tmp_path) == [true]


def test_a_backup_that_a_clock_far_ahead_has_named_is_put_back_last(
    tmp_path: Path, run: MakeRun
) -> None:
    book = Journal.open(tmp_path / "journal.db", now_ms=NEW_YEAR_MS)
    book.write([run(0)])
    stale = book.keep_safe(NEW_YEAR_MS + 10_000 * HOUR_MS)
    book.write([run(1)])
    true = book.keep_safe(NEW_YEAR_MS)
    book.close()
    for wanted in (true, stale):
        (tmp_path / "journal.db").write_bytes(b"no database at all")
        book = Journal.open(tmp_path / "journal.db", now_ms=NEW_YEAR_MS + HOUR_MS)
        book.close()
        assert book.mishap
        assert book.mishap.backup == wanted
        wanted.unlink()


def test_old_rows_go_also_when_the_disk_refuses_to_be_looked_over(
    journal: Any, run: MakeRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    book = journal()
    late_ms = NEW_YEAR_MS + RAW_MS + 24 * HOUR_MS
    book.write([run(0), run(slot_ms=late_ms)])
    monkeypatch.setattr(type(book.keeper), "look_over", refuse)
    Clerk(book).keep(late_ms)
    assert [entry.record for entry in book.outbox.entries(0, 9, 9)] == [run(slot_ms=late_ms)]
    assert "disk I/O error" in caplog.text


def test_nothing_is_dropped_of_a_journal_that_was_found_damaged(
    journal: Any, run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(*_: object, **__: object) -> None:
        raise JournalCorrupt("page 3 is not what was written there")

    book = journal()
    late_ms = NEW_YEAR_MS + RAW_MS + 24 * HOUR_MS
    book.write([run(0), run(slot_ms=late_ms)])
    monkeypatch.setattr(type(book.keeper), "look_over", find)
    with pytest.raises(JournalCorrupt):
        Clerk(book).keep(late_ms)
    assert len(book.outbox.entries(0, 9, 9)) == 2


def test_a_backup_is_of_the_same_rows(
    tmp_path: Path, journal: Any, run: MakeRun, outcomes: Callable[..., tuple[int, int, int]]
) -> None:
    book = journal()
    book.write(run(n, list(Outcome)[n % 3]) for n in range(90))
    taken = book.keep_safe(NEW_YEAR_MS)
    look = View.open(taken)
    assert outcomes(look) == (30, 30, 30)
    look.close()
