"""What becomes of runs when other work takes the machine: with twice as many burners as cores.

The example journeys run often against a shop that is well. Nothing may be laid to it: no run
fails, and no run that counts is beyond a threshold of its contract. Then the same without
burners, where nearly every run has to count.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.punctual import read
from benchmarks.region import agent, write_region
from benchmarks.report import Figure, Result
from benchmarks.settings import Settings
from benchmarks.terms import JOURNEYS
from prober.agent.agent import JOURNAL
from prober.journal.tally import Rule, rules_of
from prober.model import Cause, Outcome, Run
from prober.slo.format import load_contracts

NAME = "loaded"
#: Burners for each core.
LOAD = 2
#: Set aside though nobody else was there, in percent of runs.
_AT_MOST = 0.5
BURN = "while True: pass"
#: As often as one place allows when everything takes three times as long.
_EVERY_S = {"checkout": 20, "login": 20, "account_api": 5}
_TIMES = ", ".join(
    f"{name}: {{every: {every_s}s, timeout: {every_s - 1}s}}" for name, every_s in _EVERY_S.items()
)


@dataclass(frozen=True, slots=True)
class Part:
    """What an agent put down in one part of the benchmark."""

    name: str
    runs: Sequence[Run]

    @property
    def set_aside(self) -> list[Run]:
        """Runs that a busy machine falsified, as the agent says."""
        return [run for run in self.runs if run.cause is Cause.SATURATED]

    def valid(self, journey: str) -> list[Run]:
        """Runs of a journey that count."""
        mine = [run for run in self.runs if run.id.journey == journey]
        return [run for run in mine if run.outcome is not Outcome.INCONCLUSIVE]


def measure(settings: Settings) -> list[Result]:
    """Both parts, and how much slower runs were that counted under load."""
    cores = os.cpu_count() or 1
    with burning(LOAD * cores):
        busy = Part(f"{LOAD * cores} burners", _runs(settings))
    alone = Part("alone", _runs(settings))
    found: list[Result] = [*_outcomes(busy, None), *_outcomes(alone, _AT_MOST)]
    return [*found, *_slower(busy, alone)]


@contextlib.contextmanager
def burning(count: int) -> Iterator[None]:
    """So many processes that never rest, each in a session of its own as other services are."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            command = [sys.executable, "-c", BURN]
            burner = stack.enter_context(subprocess.Popen(command, start_new_session=True))
            stack.callback(burner.kill)
        yield


def _runs(settings: Settings) -> list[Run]:
    """What an agent put down in the time it was given."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        region = write_region(home, settings.url, f"journeys: {{{_TIMES}}}\n")
        with agent(settings, region, JOURNEYS):
            time.sleep(settings.soak_s)
        return read(home / "data" / JOURNAL)


def _outcomes(part: Part, at_most: float | None) -> Iterator[Figure]:
    """What became of the runs."""
    count = len(part.runs)
    causes = Counter(f"{run.outcome} {run.cause or ''}".strip() for run in part.runs)
    said = ", ".join(f"{n} {outcome}" for outcome, n in causes.most_common())
    yield _figure(part, "runs", "", count, note=said)
    failed = [run for run in part.runs if run.outcome is Outcome.FAILED]
    why = failed[0].message or "" if failed else ""
    yield _figure(part, "failed", "", len(failed), "0", held=not failed, note=why)
    beyond = [run for run in part.runs if any(_breaks(rule, run) for rule in _rules())]
    yield _figure(part, "beyond a threshold", "", len(beyond), "0", held=not beyond)
    share = 100 * len(part.set_aside) / count
    target = f"below {at_most:g}" if at_most else ""
    yield _figure(part, "set aside", "%", share, target, held=not at_most or share < at_most)
    lost = [100 * run.host["cpu_wait"] / run.host["watched"] for run in part.runs if run.host]
    yield Figure.of(NAME, f"{part.name}: time lost to others", "%", lost)
    lags = [1000 * run.host.get("loop_lag", 0.0) for run in part.runs]
    yield Figure.of(NAME, f"{part.name}: the event loop was late", "ms", lags)


def _figure(
    part: Part,
    name: str,
    unit: str,
    value: float,
    target: str = "",
    *,
    held: bool = True,
    note: str = "",
) -> Figure:
    values = [float(value)]
    return Figure.of(
        NAME, f"{part.name}: {name}", unit, values, target=target, note=note, held=held
    )


def _rules() -> list[Rule]:
    """The thresholds that the example contracts name."""
    contracts = load_contracts(JOURNEYS)
    return [rule for rule in rules_of(contracts) if rule.threshold_us is not None]


def _breaks(rule: Rule, run: Run) -> bool:
    """Whether a run that counts is slower than a contract allows."""
    return rule.journey == run.id.journey and rule.valid(run) and not rule.good(run)


def _slower(busy: Part, alone: Part) -> Iterator[Figure]:
    """How long runs took that counted, against the median of those alone."""
    for journey in _EVERY_S:
        usual = [run.duration_us for run in alone.valid(journey)]
        taken = [run.duration_us for run in busy.valid(journey)]
        for part, durations in ((alone, usual), (busy, taken)):
            if durations and usual:
                ratios = [each / median(usual) for each in durations]
                yield Figure.of(NAME, f"{part.name}: {journey}, counted ÷ alone", "×", ratios)
