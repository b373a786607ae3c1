"""What a gate decision costs: CPU of the command from start to exit, with a warm evaluator."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.journals import CONTRACT, Plan, contract, fill
from benchmarks.processes import cpu_s, tree
from benchmarks.report import Figure, Result
from benchmarks.settings import Settings

NAME = "gate"
_AT_MOST = "at most 150"
#: A median of fewer says little.
_LEAST = 20
_VERDICTS = (0, 10, 20, 30)


class Cost(NamedTuple):
    """Of one decision, in ms."""

    cpu: float
    wall: float
    #: CPU of the evaluator meanwhile.
    theirs: float


def measure(settings: Settings) -> list[Result]:
    """Decisions about one SLO, one after another."""
    count = settings.journals[0]
    with tempfile.TemporaryDirectory() as directory, _evaluator(Path(directory), count) as found:
        url, pid = found
        _decide(url, pid)  # what is new to the evaluator it reads once
        costs = [_decide(url, pid) for _ in range(max(_LEAST, settings.runs))]
    return [
        Figure.of(NAME, "the command: CPU", "ms", [c.cpu for c in costs], target=_AT_MOST),
        Figure.of(NAME, "the command: wall", "ms", [c.wall for c in costs]),
        Figure.of(NAME, f"the evaluator: CPU, {count:,} runs", "ms", [c.theirs for c in costs]),
    ]


def _decide(url: str, pid: int) -> Cost:
    command = [shutil.which("prober", path=Path(sys.executable).parent) or "prober", "gate"]
    options = ["--slo", contract().name, "--change", "feature", "--url", url]
    used, theirs = resource.getrusage(resource.RUSAGE_CHILDREN), cpu_s(tree(pid))
    start = time.perf_counter()
    end = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    wall_ms = 1000 * (time.perf_counter() - start)
    if end.returncode not in _VERDICTS or "decision" not in end.stdout:
        raise RuntimeError(f"the gate did not decide: {end.stdout}{end.stderr}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    own_ms = 1000 * (now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)
    return Cost(own_ms, wall_ms, 1000 * (cpu_s(tree(pid)) - theirs))


@contextmanager
def _evaluator(directory: Path, count: int) -> Iterator[tuple[str, int]]:
    """A running evaluator over a month of runs: its address and its pid."""
    contracts, data = directory / "contracts", directory / "data"
    contracts.mkdir()
    shutil.copy(CONTRACT, contracts)
    now_ms = time.time_ns() // 1_000_000
    fill(data / "journal.db", Plan(count, now_ms), now_ms)
    with serving(contracts, data) as found:
        yield found


@contextmanager
def serving(contracts: Path, data: Path) -> Iterator[tuple[str, int]]:
    """A running evaluator: its address and its pid."""
    command = [sys.executable, "-m", "prober", "evaluator", "--listen", "127.0.0.1:0"]
    where = ["--contracts", str(contracts), "--data", str(data)]
    environ = {name: value for name, value in os.environ.items() if name != "PROBER_TOKEN"}
    with subprocess.Popen(
        [*command, *where], stdout=subprocess.PIPE, text=True, env=environ
    ) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            if not (found := re.search(r"http://[\d.:]+\d", line)):
                raise RuntimeError(f"the evaluator is not ready: {line}")
            yield found[0], process.pid
        finally:
            process.terminate()
            process.communicate()
