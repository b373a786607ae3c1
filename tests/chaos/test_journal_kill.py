"""Acknowledged is committed: a writer is killed at any moment, and what it printed is there."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from prober import conventions as names
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.model import Run
from prober.slo.window import Span

pytestmark = pytest.mark.long

KILLS = 20
#: Takes up where the one before ended, as agents do: the last one may or may not be there.
WRITER = """
import sys
from pathlib import Path
from prober.journal.journal import Journal
from prober.model import Cause, Kind, Outcome, Run, RunId
book = Journal.open(Path(sys.argv[1]))
n = int(sys.argv[2])
while True:
    outcome = (Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE)[n % 3]
    identity = RunId("checkout", "r", n * 60_000, 1, Kind.SCHEDULED)
    book.claim(identity, n * 60_000)
    run = Run(id=identity, outcome=outcome, cause=None if n % 3 == 0 else Cause.ASSERTION,
              started_ms=n, finished_ms=n, duration_us=n)
    book.write([run])
    print(n, flush=True)
    n += 1
"""


def write_until_killed(path: Path, first: int, after_s: float, program: str = WRITER) -> list[int]:
    """What a writer acknowledged before it was killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path), str(first)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    said = [process.stdout.readline()]
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    said += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    return [int(line) for line in said if line.endswith("\n")]


def test_no_acknowledged_run_is_lost_or_counted_twice_by_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    chance = random.Random(4711)
    acknowledged: list[int] = []
    for _ in range(KILLS):
        # Begin with the last acknowledged one: a repeat must not count again.
        first = acknowledged[-1] if acknowledged else 0
        acknowledged += write_until_killed(path, first, chance.uniform(0, 0.15))

    book = Journal.open(path)
    assert book.mishap is None
    records = [entry.record for entry in book.outbox.entries(0, book.outbox.newest(), 10**7)]
    ids = [record.id for record in records if isinstance(record, Run)]
    assert len(set(ids)) == len(ids), "none twice"
    slots = {run_id.slot_ms // 60_000 for run_id in ids}
    assert set(acknowledged) <= slots, "none lost"
    assert len(slots) - len(set(acknowledged)) <= KILLS, "at most one a kill was not yet said"
    totals: Counter[str] = Counter()
    for metric, attributes, value in book.counters():
        totals[metric] += value if names.SLOT_STATE not in json.loads(attributes) else 0
        totals["slots"] += value if metric == names.SLOTS.name else 0
    assert totals[names.RUNS.name] == totals["slots"] == len(slots)
    view = View.open(path)
    assert view.sums.between("checkout", Span(0, 2**60)).total() == len(slots)
    assert {claim.slot_ms for claim in book.claims()} <= {(max(slots) + 1) * 60_000}
    view.close()
    book.close()


#: Empties its log, looks over and backs up as often as it can, while it writes.
BUSY_WRITER = """
import sys, threading
from pathlib import Path
from prober.journal import backup, keeper
from prober.journal.journal import Journal
from prober.model import Kind, Outcome, Run, RunId
keeper._FRAMES, backup.EVERY_MS, backup._REST = 30, 2, 0.0
book = Journal.open(Path(sys.argv[1]))
n = int(sys.argv[2])
def back_up():
    now_ms = n * 1000
    while True:
        now_ms += 1000
        book.keep_safe(now_ms)
threading.Thread(target=back_up, daemon=True).start()
while True:
    identity = RunId("checkout", "r", n * 60_000, 1, Kind.SCHEDULED)
    run = Run(id=identity, outcome=Outcome.PASSED, cause=None,
              started_ms=n, finished_ms=n, duration_us=n)
    book.write([run])
    print(n, flush=True)
    n += 1
"""


def test_no_kill_makes_a_sound_journal_look_damaged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    chance = random.Random(42)
    acknowledged: list[int] = []
    for _ in range(KILLS):
        first = acknowledged[-1] if acknowledged else 0
        acknowledged += write_until_killed(path, first, chance.uniform(0, 0.15), BUSY_WRITER)
        assert not path.with_name("journal.damaged").exists()
    book = Journal.open(path)
    assert book.mishap is None
    assert list(path.parent.glob("*.corrupt-*")) == []
    assert {run.id.slot_ms // 60_000 for run in runs_of(book)} >= set(acknowledged)
    book.keeper.look_over()
    book.close()
    for taken in (tmp_path / "backup").glob("journal-*"):
        (tmp_path / taken.stem).mkdir()
        copy = shutil.copy(taken, tmp_path / taken.stem / "journal.db")
        of_it = Journal.open(Path(copy))
        of_it.store.check()
        assert of_it.mishap is None
        of_it.close()


def runs_of(book: Journal) -> list[Run]:
    records = [entry.record for entry in book.outbox.entries(0, book.outbox.newest(), 10**7)]
    return [record for record in records if isinstance(record, Run)]
