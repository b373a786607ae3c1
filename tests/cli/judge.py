"""A real evaluator with one SLO in each state, and the real command asking it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx

from prober.journal.outbox import Entry
from prober.model import Cause, Kind, Outcome, Record, Run, RunId, Schedule
from prober.telemetry import encode

TOKEN = "correct-horse"
COMMIT = "3f2c1ab90d3f2c1ab90d3f2c1ab90d3f2c1ab90d"
MINUTE_MS = 60_000
#: By SLO: every so manieth run of a window of 100 fails, of which a tenth may; 0: none.
EVERY = {"search": 0, "browse": 30, "login": 16, "account": 12, "checkout": 2}
STATES = {
    "search": "FULL",
    "browse": "CAUTION",
    "login": "WARNING",
    "account": "CRITICAL",
    "checkout": "EXHAUSTED",
    "signup": "UNKNOWN",  # it never ran
}
CONTRACT = """\
apiVersion: prober/v1
kind: SLO
metadata: {{name: {name}}}
spec:
  journey: {name}
  owners: {{product: pm, sre: sre}}
  rationale: complaints start below
  objectives:
    - {{name: availability, sli: success, target: "90%"}}
  windows:
    - {{name: rolling, duration: 100m}}
  data: {{min_runs: 10, max_staleness: 1h}}
  policy: seed-5
"""


def records(now_ms: int) -> list[Record]:
    """A run a minute; some lie in the future, so that the window is full whenever it is asked."""
    newest_ms = now_ms - now_ms % MINUTE_MS + 10 * MINUTE_MS
    found: list[Record] = []
    for journey, every in EVERY.items():
        slots = [newest_ms - n * MINUTE_MS for n in range(130)]
        found.append(
            Schedule(
                journey=journey,
                region="eu-west-1",
                from_ms=slots[-1],
                every_ms=MINUTE_MS,
                phase_ms=0,
            )
        )
        for n, slot_ms in enumerate(slots):
            failed = every and n % every == 0
            found.append(
                Run(
                    id=RunId(journey, "eu-west-1", slot_ms, 1, Kind.SCHEDULED),
                    outcome=Outcome.FAILED if failed else Outcome.PASSED,
                    cause=Cause.ASSERTION if failed else None,
                    started_ms=slot_ms,
                    finished_ms=slot_ms,
                    duration_us=1,
                )
            )
    return found


class Judge:
    """The evaluator, and the terminal of somebody who may write."""

    def __init__(self, directory: Path) -> None:
        self.contracts, self.data = directory / "contracts", directory / "data"
        self.contracts.mkdir()
        for name in STATES:
            (self.contracts / f"{name}.slo.yaml").write_text(CONTRACT.format(name=name))
        self.environ = os.environ | {"PROBER_TOKEN": TOKEN, "NO_COLOR": "1"}
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "prober", "evaluator", "--listen", "127.0.0.1:0"),
                *("--contracts", str(self.contracts), "--data", str(self.data)),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env=self.environ,
        )
        assert self.process.stdout
        found = re.search(r"http://[\d.:]+\d", self.process.stdout.readline())
        assert found
        self.url = found[0]
        self.environ["PROBER_URL"] = self.url
        self._fill()

    def prober(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """The command's end."""
        return subprocess.run(
            [sys.executable, "-m", "prober", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=self.environ | environ,
        )

    def gate(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """The end of `prober gate` for a feature, unless told otherwise."""
        change = () if "--change" in arguments else ("--change", "feature")
        return self.prober("gate", *change, *arguments, **environ)

    def close(self) -> None:
        """End the evaluator."""
        self.process.terminate()
        self.process.wait(60)
        assert self.process.stdout
        self.process.stdout.close()

    def _fill(self) -> None:
        entries = [
            Entry(n, 1, record) for n, record in enumerate(records(time.time_ns() // 1_000_000), 1)
        ]
        httpx.post(
            f"{self.url}/v1/logs",
            content=encode.logs(entries, {}),
            headers={
                "Content-Type": "application/x-protobuf",
                "Authorization": f"Bearer {TOKEN}",
            },
            timeout=60,
            trust_env=False,
        ).raise_for_status()
