"""An office whose journey runs once an hour, and what reports say of its known failures.

The window holds 240 runs of ten days, and its budget is 24 of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from prober.evaluator.audit import Kind
from prober.model import Cause, Outcome, Record, Run, RunId, Schedule, Step
from prober.model import Kind as RunKind
from prober.slo.moment import iso, moment_ms
from tests.evaluator.office import NOW_MS, Office

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
#: Of yesterday, as seen from 2026-07-01T14:00:00Z.
MORNING = ("2026-06-30T10:00:00Z", "2026-06-30T11:00:00Z", "2026-06-30T12:00:00Z")
EARLIER = "2026-06-26T05:00:00Z"
CONTRACT = """\
apiVersion: prober/v1
kind: SLO
metadata: {{name: {name}, displayName: "{title}"}}
spec:
  journey: {name}
  owners: {{product: pm-payments, sre: sre-shop}}
  rationale: complaints start below
  objectives:
    - {{name: availability, sli: success, target: "90%"}}
  windows:
    - {{name: rolling, duration: 10d}}
{more}  data: {{min_runs: 10}}
  policy: seed-5
"""
IMPACT = "  business_impact: {journeys_per_hour: 100, value_per_journey: 2, currency: USD}\n"


def hourly_contract(name: str = "checkout", title: str = "", more: str = "") -> str:
    """The text of a contract; `more` stands after its windows."""
    return CONTRACT.format(name=name, title=title or name, more=more)


def hourly(
    bad: Iterable[str],
    *,
    first: str = "2026-06-01T14:00:00Z",
    last_ms: int = NOW_MS,
    journey: str = "checkout",
    step: str = "pay",
    message: str = "",
    every_ms: int = HOUR_MS,
) -> Iterator[Record]:
    """A run an hour from a moment on, with these of them failed."""
    failed, first_ms = set(map(moment_ms, bad)), moment_ms(first)
    yield Schedule(
        journey=journey,
        region="eu-west-1",
        from_ms=first_ms,
        every_ms=every_ms,
        phase_ms=first_ms % every_ms,
    )
    for slot_ms in range(first_ms, last_ms, every_ms):
        outcome = Outcome.FAILED if slot_ms in failed else Outcome.PASSED
        yield Run(
            id=RunId(journey, "eu-west-1", slot_ms, 1, RunKind.SCHEDULED),
            outcome=outcome,
            cause=Cause.ASSERTION if slot_ms in failed else None,
            step=step if slot_ms in failed else None,
            message=message or None if slot_ms in failed else None,
            started_ms=slot_ms,
            finished_ms=slot_ms + 1000,
            duration_us=1_000_000,
            responses={"2xx": 7},
            steps=(Step(name=step, offset_us=0, duration_us=1_000_000, outcome=outcome),),
        )


class Hours(Office):
    """The office."""

    def __init__(self, directory: Path, *contracts: str) -> None:
        directory.mkdir(exist_ok=True)
        super().__init__(directory, *(contracts or (hourly_contract(),)))

    def hours(self, bad: Iterable[str] = (*MORNING, EARLIER), **where: Any) -> Hours:
        """Let hours go by."""
        self.journal.write(list(hourly(bad, **where)), now_ms=self.now_ms)
        return self

    def report(self, kind: str, **request: Any) -> dict[str, Any]:
        """A report, which JSON can hold and which has no number that is none."""
        answer = self.ask("report", kind=kind, **request)
        text = json.dumps(answer, allow_nan=False)
        assert json.loads(text) == answer
        return answer

    def slo(self, kind: str, **request: Any) -> dict[str, Any]:
        """The only contract of a report."""
        (found,) = self.report(kind, **request)["slos"]
        assert isinstance(found, dict)
        return found

    def entered(self, state: str, at: str, consumed: str | None = None, **body: Any) -> None:
        """A state that was told."""
        given = {"slo": "checkout", "objective": "availability", "window": "rolling", "from": None}
        found = {**given, "to": state, "consumed": consumed, "reason": None, **body}
        self.desk.audit.append(Kind.STATE, found, moment_ms(at))


def exact(value: dict[str, str] | None) -> Fraction | None:
    """A fraction of an answer."""
    return None if value is None else Fraction(value["exact"])


def ago(ms: int) -> str:
    """A moment so long before now."""
    return iso(NOW_MS - ms)
