"""How long a start waits for its journal: `python -m benchmarks.opening 10000000`.

Half a kilobyte of disk for each run, twice that for the backup, and a minute for each million.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from benchmarks.journals import Plan, fill
from prober.agent.clock import Clock
from prober.agent.ledger import Ledger
from prober.agent.pen import Pen
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.units import DAY_MS

#: Rows are kept for 93 days.
WINDOW_MS = 90 * DAY_MS


def measure(folder: Path, runs: int, say: Callable[[str], None]) -> float:
    """Fill a journal and open it in all the ways there are; how many seconds an agent waits."""
    path, now_ms = folder / "journal.db", time.time_ns() // 1_000_000
    fill(path, Plan(runs, now_ms, window_ms=WINDOW_MS), now_ms)
    size = path.stat().st_size
    say(f"{runs:,} runs, {size / 1e9:.2f} GB")
    forget(path)
    waits_s = start(path)
    say(f"an agent opens it and takes its ledger up in {waits_s:.2f} s, nothing of it in memory")
    began_s = time.monotonic()
    book = Journal.open(path, whole=True)
    say(f"an evaluator opens it and reads it whole in {time.monotonic() - began_s:.1f} s")
    began_s = time.monotonic()
    taken = book.keep_safe(now_ms)
    took_s = time.monotonic() - began_s
    say(f"it is looked over and backed up in {took_s:.0f} s" if taken else "no room for a backup")
    book.close()
    return waits_s


def start(path: Path) -> float:
    """Do what an agent does with its journal before its first slot; seconds."""
    began_s = time.monotonic()
    book = Journal.open(path)
    view = View.open(path)
    ledger = Ledger("region-1", Fraction(0), book, view, Clock(), Pen(book, lambda: None).write)
    asyncio.run(ledger.take_up([]))
    took_s = time.monotonic() - began_s
    view.close()
    book.close()
    return took_s


def forget(path: Path) -> None:
    """Let the machine forget what it has of a file in memory, where it can."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), int(sys.argv[1]), lambda line: print(line, flush=True))
