"""A desk over a journal of its own, at a clock that stands where it is put.

The contract's window holds 100 runs, one a minute, and its budget is 10 of them: each failure
consumes a tenth.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prober.evaluator.audit import AUDIT, AuditLog
from prober.evaluator.desk.desk import Desk
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.verbs import VERBS
from prober.journal.journal import Journal
from prober.journal.tally import rules_of
from prober.journal.view import View
from prober.model import Cause, Kind, Outcome, Run, RunId, Schedule
from prober.slo.format import load_contracts

MINUTE_MS = 60_000
#: A whole minute; 14:00 UTC, which is not off-peak.
NOW_MS = 1_782_914_400_000
WINDOW = 100
CONTRACT = """\
apiVersion: prober/v1
kind: SLO
metadata: {{name: {name}}}
spec:
  journey: {journey}
  owners: {{product: pm, sre: sre}}
  rationale: complaints start below
  objectives:
    - {{name: availability, sli: success, target: "90%"}}
  windows:
    - {{name: rolling, duration: 100m}}
{more}  data: {{min_runs: 10}}
  policy: {policy}
"""


def contract(
    name: str = "checkout", journey: str = "checkout", policy: str = "seed-5", more: str = ""
) -> str:
    """The text of a contract."""
    return CONTRACT.format(name=name, journey=journey, policy=policy, more=more)


def lived(
    bad: Iterable[int],
    journey: str = "checkout",
    region: str = "eu-west-1",
    end_ms: int = NOW_MS,
    minutes: int = WINDOW,
) -> list[Run | Schedule]:
    """A run a minute up to a moment, and its schedule; `bad`: so many minutes before it."""
    failed = set(bad)
    begins_ms = end_ms - minutes * MINUTE_MS
    found: list[Run | Schedule] = [
        Schedule(journey=journey, region=region, from_ms=begins_ms, every_ms=MINUTE_MS, phase_ms=0)
    ]
    for ago in range(minutes, 0, -1):
        slot_ms = end_ms - ago * MINUTE_MS
        found.append(
            Run(
                id=RunId(journey, region, slot_ms, 1, Kind.SCHEDULED),
                outcome=Outcome.FAILED if ago in failed else Outcome.PASSED,
                cause=Cause.ASSERTION if ago in failed else None,
                started_ms=slot_ms,
                finished_ms=slot_ms + 1000,
                duration_us=1_000_000,
            )
        )
    return found


class Office:
    """The desk, its clock, and the journal behind it."""

    def __init__(self, directory: Path, *contracts: str, **files: str) -> None:
        self.directory = directory
        self.contracts = directory / "contracts"
        self.contracts.mkdir()
        self.now_ms = NOW_MS
        self.open(*contracts, **files)

    def open(self, *contracts: str, **files: str) -> None:
        """Begin with these contracts, and other files beside them."""
        for name, text in files.items():
            (self.contracts / f"{name}.yaml").write_text(text)
        for number, text in enumerate(contracts or (contract(),)):
            (self.contracts / f"{number}.slo.yaml").write_text(text)
        loaded = load_contracts(self.contracts)
        path = self.directory / "journal.db"
        self.journal, self.view = Journal.open(path, rules_of(loaded), now_ms=1), View.open(path)
        self.desk = Desk(
            contracts=loaded,
            source=JournalSource(self.view),
            audit=AuditLog.open(self.directory / AUDIT),
            verbs=VERBS,
            clock=lambda: self.now_ms,
        )

    def live(self, bad: Iterable[int] = (), **where: Any) -> None:
        """Let time pass; all of it is known now."""
        self.journal.write(lived(bad, **where), now_ms=self.now_ms)

    def ask(self, verb: str, **request: Any) -> dict[str, Any]:
        """What the desk answers."""
        return self.desk.answer(verb, request)

    def gate(self, **request: Any) -> dict[str, Any]:
        """What it says about a feature of checkout, unless told otherwise."""
        names = {} if "journey" in request else {"slo": ["checkout"]}
        return self.ask("gate", **{**names, "change": "feature", **request})

    def close(self) -> None:
        """Close the journal."""
        self.view.close()
        self.journal.close()
