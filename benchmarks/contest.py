"""Contestants measured in rounds, A B C A B C …, so that drift hits all alike.

Other work on the machine is told from ours: every run notes the share of all cores that
neither its own process tree nor the shop used, a round starts when the machine is quiet,
and of up to a third more rounds than are kept the calmest are.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks import processes
from benchmarks.report import Figure

#: Of all cores, taken by others: below it a machine is quiet.
QUIET = 0.10
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Entrant:
    """Somebody who takes part."""

    name: str
    #: Which of the contestants it is.
    way: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One run as measured from outside."""

    wall_s: float
    steps_s: Sequence[float]
    more: Mapping[str, float]
    #: Of the whole process tree, until it stood still.
    cpu_s: float
    cpu_by_kind: Mapping[str, float]
    #: Share of all cores that went to others meanwhile.
    foreign: float


Round = Mapping[str, Sample]


class Contestant:
    """A contestant's process, as the one who measures holds it."""

    def __init__(self, process: subprocess.Popen[str], others: Sequence[int]) -> None:
        self._process = process
        #: The shop, and the one who measures: neither ours nor foreign.
        self._others = others
        self._answer()

    def run(self) -> Sample:
        """Have one run made and measure it."""
        before, machine = self._used(), processes.machine()
        kinds = processes.cpu_by_kind(processes.tree(self._process.pid))
        helpers_s = self._helpers_s()
        self._tell("run")
        made = json.loads(self._answer())
        processes.settle(self._used)
        after, now = self._used(), processes.machine()
        now_kinds = processes.cpu_by_kind(processes.tree(self._process.pid))
        by_kind = {kind: used - kinds.get(kind, 0.0) for kind, used in now_kinds.items()}
        ours_s = after - before + self._helpers_s() - helpers_s
        total_s = max(now.total_s - machine.total_s, processes.SETTLED_S)
        foreign = max(0.0, (now.busy_s - machine.busy_s - ours_s) / total_s)
        return Sample(**made, cpu_s=after - before, cpu_by_kind=by_kind, foreign=foreign)

    def _used(self) -> float:
        return processes.cpu_s(processes.tree(self._process.pid))

    def _helpers_s(self) -> float:
        return sum(processes.cpu_s(processes.tree(pid)[:1]) for pid in self._others)

    def _tell(self, word: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def _answer(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}")
        return line


@contextmanager
def enter(entrant: Entrant, url: str, browser: str, others: Sequence[int]) -> Iterator[Contestant]:
    """A contestant that is warm; ended in good order."""
    words = [entrant.way, url, browser, json.dumps(dict(entrant.options))]
    command = [sys.executable, "-m", "benchmarks.contestants", *words]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Contestant(process, others)


def contest(
    entrants: Sequence[Entrant],
    url: str,
    browser: str,
    *,
    rounds: int,
    others: Sequence[int],
    patience_s: float = 30.0,
) -> list[Round]:
    """The calmest rounds of a contest, after one to warm up.

    Args:
        entrants: who takes part, in the order of a round.
        url: the shop's address.
        browser: the executable they all use.
        rounds: how many are kept.
        others: pids whose work is part of the measurement and nobody's.
        patience_s: how long to wait for a quiet machine before each round.
    """
    with ExitStack() as stack:
        ring = {
            entrant.name: stack.enter_context(enter(entrant, url, browser, others))
            for entrant in entrants
        }
        _round(ring)
        made: list[Round] = []
        while 3 * len(made) < 4 * rounds and sum(map(_calm, made)) < rounds:
            wait_for_quiet(patience_s)
            made.append(_round(ring))
            _progress(len(made), rounds)
    return sorted(made, key=_noise)[:rounds]


def wait_for_quiet(patience_s: float) -> None:
    """Wait until others leave the machine alone, or patience ends."""
    ends = time.monotonic() + patience_s
    while time.monotonic() < ends:
        before = processes.machine()
        time.sleep(2 * _LOOK_S)
        now = processes.machine()
        if now.busy_s - before.busy_s <= QUIET * (now.total_s - before.total_s):
            return


def noise(benchmark: str, rounds: Sequence[Round]) -> Figure:
    """How much of the machine others took, in percent of all cores."""
    shares = [100 * sample.foreign for made in rounds for sample in made.values()]
    return Figure.of(benchmark, "taken by others meanwhile", "%", shares)


def spread(rounds: Sequence[Round], name: str) -> Mapping[str, Sequence[float]]:
    """CPU seconds of each run by kind of process, the busiest kind first."""
    used = [made[name].cpu_by_kind for made in rounds]
    kinds = {kind for by_kind in used for kind in by_kind}
    found = {kind: [by_kind.get(kind, 0.0) for by_kind in used] for kind in kinds}
    return dict(sorted(found.items(), key=lambda item: -sum(item[1])))


def _round(ring: Mapping[str, Contestant]) -> Round:
    return {name: contestant.run() for name, contestant in ring.items()}


def _noise(made: Round) -> float:
    return max(sample.foreign for sample in made.values())


def _calm(made: Round) -> bool:
    return _noise(made) <= QUIET


def _progress(done: int, wanted: int) -> None:
    if sys.stderr.isatty():
        print(f"\r  round {done}, {wanted} calm ones wanted ", end="", file=sys.stderr, flush=True)
