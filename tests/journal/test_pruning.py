"""Dropping what is old: failures outlive successes, writers hardly wait, the file stays small."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from prober.errors import JournalClosing
from prober.journal import pruning
from prober.journal.journal import Journal
from prober.journal.pruning import RAW_MS, ROLLUPS_MS
from prober.journal.view import View
from prober.model import Outcome, Run
from prober.slo.window import Span
from tests.conftest import PATIENCE_S, wait_until
from tests.journal.conftest import NEW_YEAR_MS, build_run

DAY_MS = 86_400_000
MakeRun = Callable[..., Run]
#: Of runs that are 100 bytes in a row and some hundred in a body.
EVIDENCE = {"console": ("a line that somebody may want to read " * 8,)}


def kept(path: Path) -> list[Outcome]:
    look = View.open(path)
    found = [run.outcome for s in look.series() for run in look.runs(s.id, 0, 2**60, 10**6)]
    look.close()
    return found


def later(book: Journal, after_ms: int) -> int:
    """Prune so long after the first run, when one has failed just then; how many rows went."""
    now_ms = NEW_YEAR_MS + after_ms
    book.write([build_run(outcome=Outcome.FAILED, slot_ms=now_ms)], now_ms)
    return book.keep_small(now_ms)


def test_failures_outlive_successes(tmp_path: Path, journal: Any, run: MakeRun) -> None:
    book = journal()
    book.write(run(n, list(Outcome)[n % 3], evidence=EVIDENCE) for n in range(30))
    book.write([run(0, Outcome.FAILED, attempt=2, evidence=EVIDENCE)])
    assert later(book, RAW_MS + DAY_MS) == 20
    assert kept(book.path) == [Outcome.FAILED] * 12, "with what they saw"
    assert later(book, RAW_MS + 2 * DAY_MS) == 0
    assert len(book.outbox.entries(0, 100, 100)) == 13
    assert later(book, ROLLUPS_MS + 2 * DAY_MS) == 11
    assert kept(book.path) == [Outcome.FAILED] * 3, "those that came later"
    assert len(book.outbox.entries(0, 100, 100)) == 3


def test_a_journal_that_is_closed_is_not_pruned_on(
    tmp_path: Path, run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prober.journal.pruning._REST_S", PATIENCE_S)
    book = Journal.open(tmp_path / "journal.db")
    book.write(run(n) for n in range(3))
    with ThreadPoolExecutor(1) as thread:
        dropping = thread.submit(later, book, RAW_MS + DAY_MS)
        wait_until(lambda: len(kept(book.path)) == 1)
        book.close()
        with pytest.raises(JournalClosing):
            dropping.result()


def test_a_clock_that_is_ahead_of_every_run_drops_nothing(journal: Any, run: MakeRun) -> None:
    book = journal()
    book.write(run(n, list(Outcome)[n % 3]) for n in range(30))
    assert book.keep_small(NEW_YEAR_MS + 425 * DAY_MS) == 0
    assert len(kept(book.path)) == 30


def test_a_clock_that_is_ahead_while_runs_go_on_costs_the_oldest_day_a_pass(
    journal: Any, run: MakeRun
) -> None:
    book = journal()
    book.write(run(60 * hour) for hour in range(30 * 24))
    assert later(book, 425 * DAY_MS) == 24
    assert later(book, 425 * DAY_MS) == 24
    assert len(kept(book.path)) == 28 * 24 + 1


def test_a_long_rest_is_caught_up_with(journal: Any, run: MakeRun) -> None:
    book = journal()
    book.write(run(60 * hour) for hour in range(48))
    book.write(run(60 * hour, Outcome.FAILED) for hour in range(48, 60))
    book.write(run(60 * (24 * 60 + hour)) for hour in range(48))
    assert [later(book, 200 * DAY_MS) for _ in range(5)] == [24, 24, 24, 24, 0]
    assert len(kept(book.path)) == 12 + 1, "failures are no reason to stop"


def test_a_failure_that_was_kept_is_not_counted_again(journal: Any, run: MakeRun) -> None:
    book = journal()
    book.write([run(0, Outcome.FAILED), run(1)])
    later(book, RAW_MS + DAY_MS)
    before = book.counters()
    assert book.write([run(0, Outcome.FAILED)]).expired == 1
    assert book.counters() == before


def test_what_came_again_is_kept_as_long_as_its_run(journal: Any, run: MakeRun) -> None:
    def again() -> int:
        look = View.open(book.path)
        span = Span(NEW_YEAR_MS, NEW_YEAR_MS + DAY_MS)
        found = look.sums.arrivals("checkout", span, 0, None).get("duplicates", 0)
        look.close()
        return found

    book = journal()
    book.write([run(0, Outcome.FAILED), run(1)] * 3)
    assert again() == 4
    later(book, RAW_MS + DAY_MS)
    assert again() == 2, "those of the failure, which is kept"
    later(book, ROLLUPS_MS + 2 * DAY_MS)
    assert again() == 0


def test_writers_wait_for_a_step_and_not_for_all_of_it(
    journal: Any, run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "_CHUNK", 50)
    book: Journal = journal()
    book.write(run(n) for n in range(3000))
    between: list[int] = []
    pruned = threading.Event()

    def prune() -> None:
        book.prune(NEW_YEAR_MS + 10 * DAY_MS, 0)
        pruned.set()

    thread = threading.Thread(target=prune)
    thread.start()
    n = 10**6
    while not pruned.is_set():
        book.write([run(n)])
        between.append(n)
        n += 1
    thread.join()
    assert len(between) > 5, "they came in between"


def test_what_was_dropped_makes_room_for_what_comes(
    tmp_path: Path, journal: Any, run: MakeRun
) -> None:
    book = journal()
    sizes = []
    for day in range(40):
        first = day * 1440
        book.write(run(first + n, evidence=EVIDENCE) for n in range(150))
        now_ms = NEW_YEAR_MS + (day + 1) * DAY_MS
        book.prune(now_ms - 10 * DAY_MS, now_ms - 20 * DAY_MS)
        sizes.append(book.store.pages())
    assert max(sizes[30:]) <= 1.1 * max(sizes[12:20]), f"it grows: {sizes}"
