"""A team as a complainant would have one: contracts, a journal up to now, and the real command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from prober.evaluator.audit import AUDIT, AuditLog
from prober.evaluator.board import Board, Status
from prober.evaluator.desk.desk import Desk
from prober.evaluator.given import JOURNAL
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.verbs import VERBS
from prober.journal.journal import Journal
from prober.journal.tally import rules_of
from prober.journal.view import View
from prober.model import Outcome, Record
from prober.slo.format import load_contracts
from prober.slo.moment import iso
from tests.conftest import ROOT
from tests.evaluator.conftest import build_contract, build_run, build_schedule

MINUTE_MS = 60_000
FIVE_MS = 5 * MINUTE_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
#: Two nights, by slots of five minutes before now.
NIGHTS = frozenset({*range(12, 24), *range(12 + 288, 24 + 288)})


class Team:
    """Its contracts and its journal; every run is one of checkout."""

    def __init__(self, directory: Path) -> None:
        self.contracts, self.data = directory / "contracts", directory / "data"
        self.now_ms = time.time_ns() // 1_000_000
        self.contracts.mkdir()
        self.data.mkdir()

    def promises(
        self, name: str = "checkout", swap: tuple[str, str] = ("", ""), more: str = "", **told: str
    ) -> None:
        """Write a contract with the built-in policy; `swap`: another text for one in it."""
        text = build_contract(name=name, more=f"{more}\n  policy: seed-5", **told).replace(*swap)
        (self.contracts / f"{name}.slo.yaml").write_text(text)

    def lives(self, *records: Iterable[Record]) -> None:
        """Write records into the journal."""
        rules = rules_of(load_contracts(self.contracts))
        book = Journal.open(self.data / JOURNAL, rules, now_ms=1)
        for each in records:
            book.write(list(each), now_ms=1)
        book.close()

    def prober(self, *words: str, code: int = 0) -> str:
        """What the real command prints about the journal; it ends with that code."""
        where = ("--journal", str(self.data), "--contracts", str(self.contracts))
        return prober(*words, *where, code=code)

    def asks(self, verb: str, now_ms: int, **request: Any) -> dict[str, Any]:
        """What the desk answers, which the commands ask, at a moment."""
        with self._desk(now_ms) as (desk, _):
            return desk.answer(verb, request)

    def status(self, now_ms: int) -> Status:
        """What `prober status` and the page show, at a moment."""
        with self._desk(now_ms) as (desk, view):
            board = Board(desk.contracts, view, clock=desk.clock, exclusions=desk.exclusions)
            return board.status()

    def stands(self, now_ms: int) -> list[dict[str, Any]]:
        """The results in it, by the names of contracts; none of its numbers is NaN or infinite."""
        text = json.dumps(self.status(now_ms).to_dict(), allow_nan=False)
        return by_name(json.loads(text))

    @contextmanager
    def _desk(self, now_ms: int) -> Iterator[tuple[Desk, View]]:
        with closing(View.open(self.data / JOURNAL)) as view:
            desk = Desk(
                contracts=load_contracts(self.contracts),
                source=JournalSource(view),
                audit=AuditLog.open(self.data / AUDIT),
                verbs=VERBS,
                clock=lambda: now_ms,
            )
            yield desk, view


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[str, str], str]:
    """`refused(old, new)`: what `prober check` says about the example login, one text replaced."""
    for name in ("journeys", "regions"):
        shutil.copytree(ROOT / name, tmp_path / name)

    def check(old: str, new: str) -> str:
        contract = tmp_path / "journeys" / "login.slo.yaml"
        assert old in contract.read_text()
        contract.write_text(contract.read_text().replace(old, new))
        done = _run(["check"], cwd=tmp_path)
        assert done.returncode == 2, done.stdout
        return done.stderr

    return check


def prober(*words: str, code: int = 0) -> str:
    """What the real command prints; it ends with that code."""
    done = _run(words)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def by_name(status: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The results in a status, by the names of contracts."""
    slos = sorted(status["slos"], key=lambda slo: str(slo["name"]))
    return [result for slo in slos for result in slo["results"]]


def exact(value: Mapping[str, str]) -> Fraction:
    """A number in an answer."""
    return Fraction(value["exact"])


def past(
    until_ms: int,
    every_ms: int,
    span_ms: int,
    *regions: str,
    bad: Collection[int] = (),
    none: Collection[int] = (),
    of: Callable[[int, Outcome, str], Iterable[Record]] | None = None,
) -> Iterator[Record]:
    """A schedule of some regions, and its runs up to a moment.

    Args:
        until_ms: the moment.
        every_ms: from slot to slot.
        span_ms: how far back.
        regions: which; one when none is named.
        bad: which slots failed in every region, counted back from 1, the newest.
        none: which never ran.
        of: what was recorded of a slot, given an outcome and the region; None: one run.
    """
    newest_ms, number = newest(until_ms, every_ms), span_ms // every_ms
    for region in regions or ("eu-west-1",):
        yield build_schedule(every_ms, region, newest_ms - (number - 1) * every_ms)
        for n in range(1, number + 1):
            outcome = Outcome.FAILED if n in bad else Outcome.PASSED
            if n not in none:
                yield from (of or _one_run)(newest_ms - (n - 1) * every_ms, outcome, region)


def nights(team: Team) -> dict[str, str]:
    """An exclusion of both of `NIGHTS`, by its options."""
    newest_ms = newest(team.now_ms, FIVE_MS)
    start_ms, end_ms = (newest_ms - (n - 1) * FIVE_MS for n in (max(NIGHTS), max(NIGHTS) - 12))
    return {
        "start": iso(start_ms),
        "end": iso(end_ms),
        "category": "scheduled_maintenance",
        "reason": "the database moved",
        "requested_by": "ada",
        "approved_by": "bob",
        "repeat": "FREQ=DAILY;COUNT=2",
    }


def newest(until_ms: int, every_ms: int) -> int:
    """The last slot before a moment."""
    return (until_ms - 1) // every_ms * every_ms


def _one_run(slot_ms: int, outcome: Outcome, region: str) -> list[Record]:
    return [build_run(slot_ms, outcome, region=region)]


def _run(words: Iterable[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prober", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env=os.environ | {"NO_COLOR": "1"},
    )
