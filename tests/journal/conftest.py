"""What journal tests share: records, and the journal of a test, opened as often as wanted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prober.journal.journal import Journal
from prober.journal.tally import Rule
from prober.journal.view import View
from prober.model import (
    Cause,
    Gap,
    Kind,
    Outcome,
    Run,
    RunId,
    Schedule,
    SlotReason,
    SlotState,
    Step,
)
from prober.slo.window import Span

#: 2026-01-01 UTC.
NEW_YEAR_MS = 1_767_225_600_000
EVERY_MS = 60_000
#: Opens a journal while no file may grow, as on a full disk, and says what came of it.
OPEN_WITHOUT_ROOM = """
import resource, signal, sys
from pathlib import Path
from prober.errors import JournalError
from prober.journal.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    print("opened", Journal.open(Path(sys.argv[1])).set_aside)
except JournalError as error:
    print(type(error).__name__, error)
"""
CAUSES = {Outcome.FAILED: Cause.ASSERTION, Outcome.INCONCLUSIVE: Cause.BROWSER}


def open_without_room(path: Path, room: int) -> str:
    """What comes of opening a journal where no file may be longer."""
    command = [sys.executable, "-c", OPEN_WITHOUT_ROOM, str(path), str(room)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def build_run(n: int = 0, outcome: Outcome = Outcome.PASSED, **fields: Any) -> Run:
    """The run of slot n of checkout in eu-west-1, or as told otherwise."""
    slot_ms = fields.pop("slot_ms", NEW_YEAR_MS + n * EVERY_MS)
    identity = RunId(
        fields.pop("journey", "checkout"),
        fields.pop("region", "eu-west-1"),
        slot_ms,
        fields.pop("attempt", 1),
        fields.pop("kind", Kind.SCHEDULED),
    )
    took_us = fields.pop("took_us", 1_000_000)
    given = {
        "cause": CAUSES.get(outcome),
        "started_ms": slot_ms + 3,
        "finished_ms": slot_ms + 3 + took_us // 1000,
        "steps": (Step(name="pay", offset_us=0, duration_us=took_us, outcome=outcome),),
    }
    return Run(id=identity, outcome=outcome, duration_us=took_us, **given | fields)


def build_gap(n: int = 0, count: int = 1, **fields: Any) -> Gap:
    """`count` slots from slot n on, missed because the agent was down."""
    given: dict[str, Any] = {
        "journey": "checkout",
        "region": "eu-west-1",
        "first_ms": NEW_YEAR_MS + n * EVERY_MS,
        "last_ms": NEW_YEAR_MS + (n + count - 1) * EVERY_MS,
        "count": count,
        "state": SlotState.MISSED,
        "reason": SlotReason.DOWN,
    }
    return Gap(**given | fields)


def build_schedule(n: int = 0, every_ms: int = EVERY_MS, **fields: Any) -> Schedule:
    """A slot a minute from slot n on."""
    given: dict[str, Any] = {
        "journey": "checkout",
        "region": "eu-west-1",
        "from_ms": NEW_YEAR_MS + n * EVERY_MS,
        "every_ms": every_ms,
        "phase_ms": 0,
    }
    return Schedule(**given | fields)


@pytest.fixture
def run() -> Callable[..., Run]:
    """`run(n, outcome, …)`: the run of slot n."""
    return build_run


@pytest.fixture
def gap() -> Callable[..., Gap]:
    """`gap(n, count, …)`: slots that were not completed."""
    return build_gap


@pytest.fixture
def schedule() -> Callable[..., Schedule]:
    """`schedule(n, every_ms, …)`: which slots are due from slot n on."""
    return build_schedule


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Callable[..., Journal]]:
    """`journal(rules)`: this test's journal; called again, it is closed and opened anew."""
    opened: list[Journal] = []

    def reopen(rules: Iterable[Rule] = (), now_ms: int = NEW_YEAR_MS) -> Journal:
        while opened:
            opened.pop().close()
        opened.append(Journal.open(tmp_path / "journal.db", rules, now_ms))
        return opened[0]

    yield reopen
    for one in opened:
        one.close()


@pytest.fixture
def view(tmp_path: Path) -> Iterator[Callable[[], View]]:
    """`view()`: a new look at this test's journal."""
    opened: list[View] = []

    def look() -> View:
        opened.append(View.open(tmp_path / "journal.db"))
        return opened[-1]

    yield look
    for one in opened:
        one.close()


@pytest.fixture
def outcomes() -> Callable[..., tuple[int, int, int]]:
    """`outcomes(view, start_ms, end_ms)`: how many runs of checkout count, by outcome."""

    def count(look: View, start_ms: int = 0, end_ms: int = 2**60) -> tuple[int, int, int]:
        found = [0, 0, 0]
        for heap, n in look.sums.between("checkout", Span(start_ms, end_ms)).items():
            found[heap[2]] += n
        return found[0], found[1], found[2]

    return count
