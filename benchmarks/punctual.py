"""How late a real agent starts its runs at about 70 % load, from its own journal."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.contest import Entrant, contest
from benchmarks.region import agent, write_region
from benchmarks.report import Figure, Result
from benchmarks.settings import Settings
from benchmarks.terms import JOURNEYS
from prober.agent.agent import JOURNAL
from prober.journal.view import View
from prober.model import Phase, Run

NAME = "punctual"
LOAD = 0.7
#: Journeys that share the machine in the second part.
_SHARING = 4
_AT_MOST = "p99 at most 250"
#: More slots than runs asked for: a p99 needs them.
_SLOTS = 4
_OURS = Entrant("Prober", "ours", {"isolation": "browser"})


def measure(settings: Settings, sharing: int = _SHARING) -> list[Result]:
    """Delays with one journey, and with several that share the machine's allowance."""
    cycle_s = _cycle_s(settings)
    found: list[Result] = [Figure.of(NAME, "a run until the next is staged", "s", [cycle_s])]
    for count, name in ((1, "one journey"), (sharing, f"{sharing} journeys")):
        every_ms = round(1000 * count * cycle_s / LOAD)
        found += _figures(name, _runs(settings, count, every_ms), every_ms)
    return found


def _cycle_s(settings: Settings) -> float:
    """How long a run keeps its place: what 100 % load is made of."""
    rounds = contest(
        [_OURS],
        settings.url,
        settings.browser,
        rounds=min(10, settings.runs),
        others=settings.others,
        patience_s=settings.patience_s,
    )
    return median(made[_OURS.name].more["cycle_s"] for made in rounds)


def _runs(settings: Settings, count: int, every_ms: int) -> list[Run]:
    """What an agent with so many journeys put down."""
    wanted = _SLOTS * settings.runs
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        names = _write_journeys(home / "journeys", count)
        times = f"{{every: {every_ms}ms, timeout: {every_ms - 100}ms}}"
        lines = ", ".join(f"{name}: {times}" for name in names)
        region = write_region(home, settings.url, f"journeys: {{{lines}}}\n")
        with agent(settings, region, home / "journeys"):
            time.sleep((wanted // count + 2) * every_ms / 1000)
        return read(home / "data" / JOURNAL)


def _write_journeys(directory: Path, count: int) -> list[str]:
    """The example checkout under several names."""
    directory.mkdir()
    names = [f"checkout_{number}" for number in range(count)]
    source = (JOURNEYS / "checkout.py").read_text()
    for name in names:
        (directory / f"{name}.py").write_text(source.replace("def checkout(", f"def {name}("))
    return names


def read(path: Path) -> list[Run]:
    """The runs of a journal that count."""
    view = View.open(path)
    try:
        runs = [view.runs(series.id, 0, 2**53, -1) for series in view.series()]
    finally:
        view.close()
    return [run for made in runs for run in made if run.counts]


def _figures(name: str, runs: Sequence[Run], every_ms: int) -> Iterator[Figure]:
    queues_ms = [run.phases[Phase.QUEUE] / 1000 for run in runs]
    delays_ms = [
        run.start_delay_us / 1000 - queue for run, queue in zip(runs, queues_ms, strict=True)
    ]
    first_steps_ms = [float(run.started_ms - run.id.slot_ms) for run in runs]
    note = f"each every {every_ms} ms"
    yield Figure.of(NAME, f"{name}: slot to order", "ms", delays_ms, target=_AT_MOST, note=note)
    yield Figure.of(NAME, f"{name}: queue", "ms", queues_ms)
    yield Figure.of(NAME, f"{name}: slot to first step", "ms", first_steps_ms)
    others = Counter(f"{run.outcome} ({run.cause})" for run in runs if run.cause)
    passed = 100 * (1 - others.total() / len(runs))
    told = ", ".join(f"{number} {outcome}" for outcome, number in others.most_common())
    yield Figure.of(NAME, f"{name}: passed", "%", [passed], note=told)
