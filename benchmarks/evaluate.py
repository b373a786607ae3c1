"""How long judging takes on journals of many runs, while more of them arrive."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks import fleet, slo_generator
from benchmarks.contest import wait_for_quiet
from benchmarks.journals import Plan, contract, fill
from benchmarks.report import Figure, Result, Skipped
from benchmarks.settings import Settings
from prober.evaluator.judging.evaluate import evaluate
from prober.evaluator.sources.journal import JournalSource
from prober.journal.view import View
from prober.units import DAY_MS

NAME = "evaluate"
PER_SECOND = 100
#: It is late in a quarter there: a window is as long as it gets.
END_MS = int(datetime(2026, 9, 30, 21, 17, 23, tzinfo=UTC).timestamp()) * 1000
QUARTER_MS = 92 * DAY_MS
_CONTRACTS = 20
_TARGETED = 432_000
#: On disk, journal and its log together, with room to spare.
BYTES_A_RUN = 1500
#: Processes, or views that have seen nothing yet.
_COLD = 5
_BETWEEN_S = 0.05


class Filled(NamedTuple):
    """A journal that is being written."""

    name: str
    path: Path
    total: int
    #: How much later it is there.
    ahead_ms: int
    opening_s: float

    def figure(self, what: str, unit: str, values: list[float], target: str = "") -> Figure:
        """Something measured with it."""
        return Figure.of(NAME, f"{self.name}: {what}", unit, values, target=target)


def measure(settings: Settings) -> list[Result]:
    """One contract on journals of several sizes, a fleet on the largest, and the peer."""
    found: list[Result] = []
    for total in settings.journals:
        with _filled(settings, Plan(total, END_MS), f"{total:,} runs", 0) as journal:
            found += _judge(settings, journal) if isinstance(journal, Filled) else [journal]
    most = max(settings.journals)
    plan = Plan(most, END_MS, fleet.names(_CONTRACTS), QUARTER_MS)
    name = f"{_CONTRACTS} contracts, {most:,} runs"
    with _filled(settings, plan, name, _CONTRACTS) as journal:
        found += _ask(settings, journal) if isinstance(journal, Filled) else [journal]
    return [*found, _peer(settings)]


def _judge(settings: Settings, journal: Filled) -> Iterator[Figure]:
    """One contract over a month."""
    yield journal.figure("size", "MB", [journal.path.stat().st_size / 1e6])
    yield journal.figure("opening to write", "s", [journal.opening_s])
    cold_ms = [_cold_ms(journal) for _ in range(min(_COLD, settings.runs))]
    warm_ms = _warm_ms(journal, settings.runs)
    target = "at most 100" if journal.total == _TARGETED else ""
    yield journal.figure("first judgement", "ms", cold_ms)
    yield journal.figure("judgement", "ms", warm_ms, target)


def _cold_ms(journal: Filled) -> float:
    view = View.open(journal.path)
    took_ms = _took_ms(view, journal)
    view.close()
    return took_ms


def _warm_ms(journal: Filled, times: int) -> list[float]:
    view = View.open(journal.path)
    _took_ms(view, journal)
    found = []
    for _ in range(times):
        time.sleep(_BETWEEN_S)
        found.append(_took_ms(view, journal))
    view.close()
    return found


def _took_ms(view: View, journal: Filled) -> float:
    judged, source = contract(), JournalSource(view)
    start = time.perf_counter()
    with source.at_one_moment():
        evaluation = evaluate(judged, source, time.time_ns() // 1_000_000 + journal.ahead_ms)
    took_ms = 1000 * (time.perf_counter() - start)
    assert all(result.judgement.counts.good for result in evaluation.results)
    return took_ms


def _ask(settings: Settings, journal: Filled) -> Iterator[Figure]:
    """A status of a fleet: its first in a process of its own, and later ones."""
    costs = [_status(journal, 0) for _ in range(min(_COLD, settings.runs))]
    last = _status(journal, settings.runs)
    yield journal.figure("imports", "ms", [cost.imports_ms for cost in costs])
    yield journal.figure("reading contracts", "ms", [cost.contracts_ms for cost in costs])
    yield journal.figure("first status", "ms", [cost.cold_ms for cost in costs], "at most 1000")
    yield journal.figure("status", "ms", last.warm_ms, "at most 100")
    yield journal.figure("memory", "MB", [last.peak_mb], "at most 200")


def _status(journal: Filled, times: int) -> fleet.Cost:
    numbers = map(str, (journal.ahead_ms, _CONTRACTS, times))
    command = [sys.executable, "-m", "benchmarks.fleet", str(journal.path), *numbers]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return fleet.Cost(**json.loads(done.stdout))


def _peer(settings: Settings) -> Result:
    name = "slo-generator: one SLO from counts it is handed, from process start"
    if why := slo_generator.missing():
        return Skipped(benchmark=NAME, name=name, why=why)
    failed = _TARGETED // 200
    with tempfile.TemporaryDirectory() as directory:
        took_ms = [
            slo_generator.judge(Path(directory), _TARGETED - failed, failed)
            for _ in range(min(_COLD, settings.runs))
        ]
    return Figure.of(NAME, name, "ms", took_ms)


@contextmanager
def _filled(settings: Settings, plan: Plan, name: str, number: int) -> Iterator[Filled | Skipped]:
    """A plan's journal, which another process writes; it is removed afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        if shutil.disk_usage(directory).free < plan.total * BYTES_A_RUN:
            why = f"it takes {plan.total * BYTES_A_RUN / 1e9:.1f} GB of disk, there is less"
            yield Skipped(benchmark=NAME, name=name, why=why)
            return
        path = Path(directory, "journal.db")
        fill(path, plan, plan.end_ms, number)
        ahead_ms, start = plan.end_ms - time.time_ns() // 1_000_000, time.perf_counter()
        with _ingesting(path, ahead_ms, number):
            opening_s = time.perf_counter() - start
            wait_for_quiet(settings.patience_s)
            yield Filled(name, path, plan.total, ahead_ms, opening_s)


@contextmanager
def _ingesting(path: Path, ahead_ms: int, number: int) -> Iterator[None]:
    numbers = map(str, (PER_SECOND, ahead_ms, number))
    command = [sys.executable, "-m", "benchmarks.journals", str(path), *numbers]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            yield
        finally:
            process.terminate()
