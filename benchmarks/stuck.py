"""How soon journeys that do not stop are gone, with all that they started: seen from outside.

A real agent runs two of them, one over HTTP and one with a browser. Each says when it began and
which process it is, starts another in a session of its own, and goes on for ever.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.punctual import read
from benchmarks.region import agent, write_region
from benchmarks.report import Figure, Result
from benchmarks.settings import Settings
from prober.agent.agent import JOURNAL
from prober.model import Cause, Run

NAME = "stuck"
#: Runs of each journey for every one that is asked for.
_EACH = 2
_EVERY_S = 6
#: After its deadline, as it is promised.
_ALLOWED_S = 2.0
_LOOK_S = 0.005
#: Until files of one that was ended are gone as well.
_SETTLED_S = 3.0
_PATIENCE_S = 60.0
_SOURCE = """\
import json
import os
import time

from prober import journey, step


@journey(every="{every_s}s", timeout="{timeout_s}s")
def {name}({needs}):
    began_s = time.monotonic()
    with step("open"):
        {code}
    with step("stick"):
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
            os._exit(0)
        with open({marks!r}, "a") as marks:
            marks.write(json.dumps(["{name}", began_s, os.getpid(), os.environ["HOME"]]) + "\\n")
        while True:
            time.sleep(0.01)
"""


class Stuck(NamedTuple):
    """A journey that does not stop."""

    name: str
    #: `http`: no browser; or `page`.
    needs: str
    code: str
    timeout_s: int

    def source(self, marks: Path) -> str:
        """Its file; each of its runs puts a line down in the other."""
        return _SOURCE.format(**self._asdict(), every_s=_EVERY_S, marks=str(marks))


STUCK = (
    Stuck("over_http", "http", 'http.get("/")', 2),
    Stuck("with_a_browser", "page", 'page.goto("/")', 3),
)


@dataclass(slots=True)
class Going:
    """A run that sticks, and its processes."""

    name: str
    deadline_s: float
    home: Path
    processes: Sequence[psutil.Process]
    #: After its deadline, when none of them was there any more, as a zombie neither.
    late_s: float = 0.0

    @classmethod
    def of(cls, line: str) -> Going:
        """The one that put a line down."""
        name, began_s, pid, home = json.loads(line)
        (timeout_s,) = (each.timeout_s for each in STUCK if each.name == name)
        worker = psutil.Process(pid)
        processes = [worker, *worker.children(recursive=True)]
        return cls(name, began_s + timeout_s, Path(home), processes)

    def over(self) -> bool:
        """Whether all of it is gone; then it is known how late."""
        self.late_s = time.monotonic() - self.deadline_s
        return not any(each.is_running() for each in self.processes)


class Seen(NamedTuple):
    """What was seen of an agent's runs that stick."""

    ended: Sequence[Going]
    #: As its journal has them.
    runs: Sequence[Run]
    #: Directories and processes that were there when they should not be.
    left: int


def measure(settings: Settings) -> list[Result]:
    """How long after its deadline all of a run is gone, and what is left in the end."""
    with tempfile.TemporaryDirectory() as directory:
        seen = _watch(settings, Path(directory), _EACH * settings.runs)
    return [*_late(seen.ended), *_told(seen)]


def _watch(settings: Settings, home: Path, count: int) -> Seen:
    journeys, marks = home / "journeys", home / "marks"
    journeys.mkdir()
    marks.touch()
    for each in STUCK:
        (journeys / f"{each.name}.py").write_text(each.source(marks))
    with agent(settings, write_region(home, settings.url), journeys) as pid:
        ended = list(_endings(marks, count))
        time.sleep(_SETTLED_S)
        left = sum(each.home.exists() for each in ended)
        homes = {str(each.home) for each in ended}
        family = psutil.Process(pid).children(recursive=True)
        left += sum(_home(each) in homes for each in family)
    left += sum(each.is_running() for each in family)
    return Seen(ended, read(home / "data" / JOURNAL), left)


def _home(process: psutil.Process) -> str | None:
    """The directory of the worker that a process came from; None: it has none, or is gone."""
    with suppress(psutil.Error):
        return process.environ().get("HOME")
    return None


def _endings(marks: Path, count: int) -> Iterator[Going]:
    """The first runs of each journey, as they end."""
    wanted = Counter({each.name: count for each in STUCK})
    going: list[Going] = []
    gives_up_s = time.monotonic() + _PATIENCE_S
    with marks.open() as lines:
        while wanted.total():
            going += map(Going.of, lines)
            for each in [each for each in going if each.over()]:
                gives_up_s = time.monotonic() + _PATIENCE_S
                going.remove(each)
                if wanted[each.name]:
                    wanted[each.name] -= 1
                    yield each
            if time.monotonic() > gives_up_s:
                raise RuntimeError(f"no run was ended for {_PATIENCE_S:.0f} s")
            time.sleep(_LOOK_S)


def _late(ended: Sequence[Going]) -> Iterator[Figure]:
    for stuck in STUCK:
        late_s = [each.late_s for each in ended if each.name == stuck.name]
        yield Figure.of(
            NAME,
            f"{stuck.name}: from the deadline until all of it is gone",
            "s",
            late_s,
            target=f"each at most {_ALLOWED_S:g}",
            note=f"the longest {max(late_s):.2f}",
            held=max(late_s) <= _ALLOWED_S,
        )


def _told(seen: Seen) -> Iterator[Figure]:
    others = [run for run in seen.runs if run.cause is not Cause.SCRIPT or run.step != "stick"]
    missing = max(0, len(seen.ended) - len(seen.runs))
    for name, number, note in (
        ("processes and directories left", seen.left, f"of {len(seen.ended)} runs"),
        ("records that are missing", missing, f"of {len(seen.ended)} runs"),
        ("records that say something else", len(others), f"of {len(seen.runs)}"),
    ):
        yield Figure.of(NAME, name, "", [number], target="none", note=note, held=not number)
