"""How long a start waits for its journal: `python -m benchmarks.opening 10000000`.

The agent is started as it is anywhere, and is over with its start when a browser's first run is.

Half a kilobyte of disk for each run, twice that for the backup, and a minute for each million.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from benchmarks.journals import REGIONS, Plan, fill
from benchmarks.region import agent, write_region
from benchmarks.settings import Settings
from benchmarks.shop import open_shop
from benchmarks.terms import JOURNEYS
from prober.agent.agent import JOURNAL
from prober.agent.clock import Clock
from prober.agent.installed import find
from prober.agent.ledger import Ledger
from prober.agent.pen import Pen
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.units import DAY_MS

#: Rows are kept for 93 days.
WINDOW_MS = 90 * DAY_MS
_LOOK_S = 0.05
#: The agent's, one of those in the journal.
REGION = REGIONS[1]
_OFTEN = "only: [login]\njourneys: {login: {every: 3s, timeout: 2900ms}}\n"


@dataclass(frozen=True, slots=True)
class Waits:
    """How many seconds an agent waits."""

    #: For its journal, and for what its ledger has to know.
    journal_s: float
    #: From its start to the end of its first run.
    first_run_s: float


def measure(folder: Path, runs: int, say: Callable[[str], None]) -> Waits:
    """Fill a journal and open it in all the ways there are."""
    path, now_ms = folder / "data" / JOURNAL, time.time_ns() // 1_000_000
    fill(path, Plan(runs, now_ms, window_ms=WINDOW_MS), now_ms)
    size = path.stat().st_size
    say(f"{runs:,} runs, {size / 1e9:.2f} GB")
    forget(path)
    journal_s = start(path)
    say(f"an agent opens it and takes its ledger up in {journal_s:.2f} s, nothing of it in memory")
    forget(path)
    first_run_s = run(folder)
    say(f"an agent ends its first run of a browser {first_run_s:.1f} s after its start")
    began_s = time.monotonic()
    book = Journal.open(path, whole=True)
    say(f"an evaluator opens it and reads it whole in {time.monotonic() - began_s:.1f} s")
    began_s = time.monotonic()
    taken = book.keep_safe(now_ms)
    took_s = time.monotonic() - began_s
    say(f"it is looked over and backed up in {took_s:.0f} s" if taken else "no room for a backup")
    book.close()
    return Waits(journal_s, first_run_s)


def start(path: Path) -> float:
    """Do what an agent does with its journal before its first slot; seconds."""
    began_s = time.monotonic()
    book = Journal.open(path)
    view = View.open(path)
    ledger = Ledger(REGION, Fraction(0), book, view, Clock(), Pen(book, lambda: None).write)
    asyncio.run(ledger.take_up([]))
    took_s = time.monotonic() - began_s
    view.close()
    book.close()
    return took_s


def run(folder: Path) -> float:
    """Start an agent on the journal, and wait for its first run; seconds."""
    with open_shop() as (url, _):
        file = write_region(folder, url, _OFTEN, REGION)
        settings = Settings(url=url, browser=find("headless-shell"), runs=1)
        began_s = time.monotonic()
        with agent(settings, file, JOURNEYS):
            view = View.open(folder / "data" / JOURNAL)
            while not any(
                view.recent(each.id, 2**60, 1) for each in view.series() if each.journey == "login"
            ):
                time.sleep(_LOOK_S)
            took_s = time.monotonic() - began_s
            view.close()
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
