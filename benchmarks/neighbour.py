"""What a hostile journey costs another one of the same agent, in the other's step times.

The example checkout runs alone in an agent, then beside each hostile journey, and again in the
next round: the ratio is taken within a round, so that what the machine met cancels out.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from math import comb
from pathlib import Path
from shutil import copy
from statistics import median
from typing import NamedTuple

from benchmarks.contest import wait_for_quiet
from benchmarks.punctual import read
from benchmarks.region import agent, write_region
from benchmarks.report import Figure, Result, Skipped
from benchmarks.settings import Settings
from benchmarks.terms import JOURNEYS
from prober.agent.agent import JOURNAL
from prober.model import Run

NAME = "neighbour"
VICTIM, _HOSTILE = "checkout", "hostile"
_EVERY_S = 10
#: Of the victim, in a row with one neighbour.
_IN_A_ROW = 5
_ALLOWED = 1.05
_CONFIDENCE = 0.95
_ALONE = "alone"


class Hostile(NamedTuple):
    """A journey that does its worst until it is ended."""

    name: str
    #: `http`: no browser, and so no place among browser runs; or `page`.
    needs: str
    code: str
    timeout_s: int
    every_s: int = _EVERY_S

    @property
    def source(self) -> str:
        """Its file."""
        return (
            "from prober import journey, step\n\n\n"
            f'@journey(every="{self.every_s}s", timeout="{self.timeout_s}s")\n'
            f"def {_HOSTILE}({self.needs}):\n"
            f'    with step("do its worst"):\n        {self.code}\n'
        )


#: One with a browser holds a place until it is ended, its evidence taken and its next browser
#: there: it comes seldom enough for the victim to have its turn.
HOSTILE = (
    Hostile("loops, over HTTP", "http", "while True: pass", _EVERY_S - 1),
    Hostile("loops, with a browser", "page", "while True: pass", 2, 3 * _EVERY_S),
    Hostile("takes 256 MB again and again", "http", "while True: b'x' * 2**28", _EVERY_S - 1),
    Hostile("has a page that spins", "page", 'page.evaluate("while (true);")', 2, 3 * _EVERY_S),
)


class Turn(NamedTuple):
    """What an agent put down while the victim had one neighbour, or none."""

    steps_s: Sequence[float]
    #: Of the neighbour.
    runs: int


def measure(settings: Settings, hostile: Sequence[Hostile] = HOSTILE) -> list[Result]:
    """The victim's step times alone and beside each hostile journey, and the ratios."""
    numbers = range(-(-settings.runs // _IN_A_ROW))
    rounds = [_round(settings, hostile, number) for number in numbers]
    alone_s = [taken for made in rounds for taken in made[_ALONE].steps_s]
    found: list[Result] = []
    if alone_s:
        found.append(Figure.of(NAME, f"{VICTIM} {_ALONE}: steps", "s", alone_s))
    for each in hostile:
        found += _beside(each.name, rounds)
    return found


def _round(settings: Settings, hostile: Sequence[Hostile], number: int) -> Mapping[str, Turn]:
    """One turn each; another one begins in each round, for the first finds the machine cold."""
    turns: dict[str, Hostile | None] = {_ALONE: None, **{each.name: each for each in hostile}}
    names, made = list(turns), {}
    first = number % len(names)
    for name in names[first:] + names[:first]:
        wait_for_quiet(settings.patience_s)
        made[name] = _turn(settings, turns[name])
    return made


def _turn(settings: Settings, neighbour: Hostile | None) -> Turn:
    """Have an agent run the victim a few times."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        journeys = home / "journeys"
        journeys.mkdir()
        copy(JOURNEYS / f"{VICTIM}.py", journeys)
        if neighbour:
            (journeys / f"{_HOSTILE}.py").write_text(neighbour.source)
        times = f"journeys: {{{VICTIM}: {{every: {_EVERY_S}s, timeout: {_EVERY_S - 1}s}}}}\n"
        # How long steps took is asked here, not whether that says something about the shop.
        region = write_region(home, settings.url, f"{times}saturation: off\n")
        with agent(settings, region, journeys):
            time.sleep((min(_IN_A_ROW, settings.runs) + 1) * _EVERY_S)
        runs = read(home / "data" / JOURNAL)
    steps_s = [run.duration_us / 1e6 for run in runs if run.id.journey == VICTIM and _ended(run)]
    return Turn(steps_s, sum(run.id.journey == _HOSTILE for run in runs))


def _ended(run: Run) -> bool:
    """Whether a run had all of its steps."""
    return run.outcome == "passed"


def _beside(name: str, rounds: Sequence[Mapping[str, Turn]]) -> Iterator[Result]:
    pairs = [made for made in rounds if made[name].steps_s and made[_ALONE].steps_s]
    if not pairs:
        why = f"no run of {VICTIM} had all its steps"
        yield Skipped(benchmark=NAME, name=f"{VICTIM} beside one that {name}", why=why)
        return
    beside_s = [taken for made in pairs for taken in made[name].steps_s]
    yield Figure.of(NAME, f"{VICTIM} beside one that {name}: steps", "s", beside_s)
    ratios = [median(made[name].steps_s) / median(made[_ALONE].steps_s) for made in pairs]
    low, high = interval(ratios)
    yield Figure.of(
        NAME,
        f"steps, beside one that {name} ÷ {_ALONE}",
        "×",
        ratios,
        target=f"at most {_ALLOWED}",
        note=f"median within {low:.3f} and {high:.3f}",
        held=median(ratios) <= _ALLOWED,
    )
    yield Figure.of(
        NAME, f"runs of the one that {name}", "", [sum(made[name].runs for made in rounds)]
    )


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Where the median lies with 95 % confidence, whatever the distribution; all of a few."""
    ordered, count = sorted(values), len(values)
    outside = 0
    beyond = 0.0  # the chance that the median lies outside of all but so many at either end
    while True:
        beyond += 2 * comb(count, outside) / 2**count
        if beyond > 1 - _CONFIDENCE:
            break
        outside += 1
    return ordered[max(0, outside - 1)], ordered[count - max(1, outside)]
