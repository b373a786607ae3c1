"""An evaluator whose journal is damaged: it never judges from it, and goes on from its backup."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from prober.journal.journal import Journal
from prober.journal.view import View
from tests.journal.conftest import build_run, build_schedule

PAGE = 4096
RUNS = 400
Evaluators = Callable[..., Any]


def make(path: Path) -> None:
    """A journal with a backup; of some hours, a while ago."""
    book = Journal.open(path)
    now_ms = time.time_ns() // 1_000_000
    first_ms = now_ms - now_ms % 60_000 - 2 * RUNS * 60_000
    book.write([build_schedule(from_ms=first_ms)], now_ms)
    book.write((build_run(slot_ms=first_ms + n * 60_000) for n in range(RUNS)), now_ms)
    assert book.keep_safe(now_ms)
    book.close()


def counted(path: Path) -> int:
    look = View.open(path)
    (series,) = look.series()
    found = len(look.runs(series.id, 0, 2**60, 10**6))
    look.close()
    return found


def answer(judge: Any) -> int | None:
    """The status of a reply; None: it has ended, for its chores met the damage as well."""
    try:
        return int(judge.http.get("/api/v1/status").status_code)
    except httpx.TransportError:
        return None


def see_that_it_goes_on(judge: Any, path: Path) -> None:
    page = judge.http.get("/").text
    assert "The journal was damaged and set aside as" in page
    assert "backup" in page
    assert counted(path) == RUNS, "and its runs are there"
    metrics = judge.http.get("/metrics").text
    assert "prober_journal_set_aside 1" in metrics
    assert "prober_journal_backup_age_seconds " in metrics


def test_a_digit_that_changed_while_it_was_down_is_met_at_the_start(
    evaluator: Evaluators, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "journal.db"
    make(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    see_that_it_goes_on(evaluator(), path)


def test_damage_that_it_meets_ends_it_and_the_next_one_goes_on(
    evaluator: Evaluators, tmp_path: Path, until: Callable[..., Any]
) -> None:
    path = tmp_path / "data" / "journal.db"
    make(path)
    judge = evaluator()
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(PAGE)
        file.write(b"\xff" * (size - PAGE))

    until(lambda: answer(judge) != 200)
    assert judge.process.wait(60) == 2
    said = judge.process.stdout.read()
    assert "start the evaluator again" in said
    judge.http.close()
    judge.close()
    judge.start()
    see_that_it_goes_on(judge, path)
