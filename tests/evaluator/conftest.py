"""What evaluator tests share: runs, contracts, journals, and a real evaluator process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from prober.journal.journal import Journal
from prober.journal.outbox import Entry
from prober.journal.tally import Rule
from prober.model import Cause, Kind, Outcome, Record, Run, RunId, Schedule, Step
from prober.telemetry import encode

CONTRACT = """\
apiVersion: prober/v1
kind: SLO
metadata: {{name: {name}, displayName: Checkout completes}}
spec:
  description: Customers get their order
  journey: checkout
  owners: {{product: pm, sre: sre}}
  rationale: complaints start below
  objectives:
    - {{name: availability, sli: success, target: "{target}"}}
{more}
  windows:
    - {{name: rolling, duration: {window}}}
  data: {{min_runs: {min_runs}, min_coverage: "{min_coverage}", max_staleness: {max_staleness}}}
"""


def build_run(slot_ms: int, outcome: Outcome = Outcome.PASSED, **fields: Any) -> Run:
    """A run of checkout in eu-west-1, or as told otherwise."""
    identity = {
        "journey": fields.pop("journey", "checkout"),
        "region": fields.pop("region", "eu-west-1"),
        "attempt": fields.pop("attempt", 1),
        "kind": fields.pop("kind", Kind.SCHEDULED),
    }
    cause = {Outcome.FAILED: Cause.ASSERTION, Outcome.INCONCLUSIVE: Cause.BROWSER}.get(outcome)
    duration_us = fields.pop("duration_us", 1_000_000)
    given = {
        "started_ms": slot_ms,
        "finished_ms": slot_ms + duration_us // 1000,
        "cause": cause,
        "responses": {"2xx": 7},
        "steps": (Step(name="pay", offset_us=0, duration_us=duration_us, outcome=outcome),),
    } | fields
    return Run(
        id=RunId(slot_ms=slot_ms, **identity), outcome=outcome, duration_us=duration_us, **given
    )


def build_contract(**changes: str | int) -> str:
    """The text of a contract for checkout."""
    defaults: dict[str, str | int] = {
        "name": "checkout",
        "target": "90%",
        "more": "",
        "window": "1h",
        "min_runs": 1,
        "min_coverage": "0%",
        "max_staleness": "1h",
    }
    return CONTRACT.format(**defaults | changes)


def build_schedule(every_ms: int, region: str = "eu-west-1", from_ms: int = 0) -> Schedule:
    """Slots of checkout at whole multiples of a period."""
    return Schedule(
        journey="checkout", region=region, from_ms=from_ms, every_ms=every_ms, phase_ms=0
    )


@pytest.fixture
def run() -> Callable[..., Run]:
    """`run(slot_ms, outcome, …)`: a run of checkout in eu-west-1."""
    return build_run


@pytest.fixture
def schedule() -> Callable[..., Schedule]:
    """`schedule(every_ms, region, from_ms)`: slots at whole multiples of a period."""
    return build_schedule


@pytest.fixture
def contract_text() -> Callable[..., str]:
    """`contract_text(target=…, window=…, more=…)`: the text of a contract for checkout."""
    return build_contract


@pytest.fixture
def journal(tmp_path: Path) -> Callable[..., Path]:
    """`journal(records, rules)`: the path of a journal that holds them."""
    made: list[Path] = []

    def write(records: Iterable[Record], rules: Iterable[Rule] = ()) -> Path:
        path = tmp_path / f"journal-{len(made)}.db"
        made.append(path)
        book = Journal.open(path, rules, now_ms=1)
        book.write(records, now_ms=1)
        book.close()
        return path

    return write


class Evaluator:
    """A real evaluator process on a free port."""

    def __init__(
        self, contracts: Path, data: Path, environ: dict[str, str], options: tuple[str, ...] = ()
    ) -> None:
        self.contracts, self.data, self.environ = contracts, data, environ
        self.options = options
        self.start()

    def start(self) -> None:
        """Start it and wait for its ready line."""
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "prober", "evaluator"),
                *("--contracts", str(self.contracts), "--data", str(self.data)),
                *("--listen", "127.0.0.1:0", *self.options),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environ,
        )
        assert self.process.stdout
        self.ready = next((line for line in self.process.stdout if "is ready" in line), "")
        found = re.search(r"http://\S+?(?=:? )", self.ready)
        assert found, self.ready + self.process.stdout.read()
        self.url = found[0]
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def stop(self) -> int:
        """End it in order; its exit code."""
        self.process.terminate()
        self.http.close()
        return self.process.wait(60)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()
        self.http.close()
        assert self.process.stdout
        self.process.stdout.close()

    def close(self) -> None:
        """End it if it still runs, and leave nothing open."""
        if self.process.poll() is None:
            self.stop()
        assert self.process.stdout
        self.process.stdout.close()

    def status(self) -> dict[str, Any]:
        """What the API says."""
        reply: dict[str, Any] = self.http.get("/api/v1/status").raise_for_status().json()
        return reply


def write_contract(directory: Path, **changes: str | int) -> Path:
    """The directory, with a contract for checkout in it."""
    directory.mkdir(exist_ok=True)
    (directory / "checkout.slo.yaml").write_text(build_contract(**changes))
    return directory


def launch(
    directory: Path, token: str | None, options: tuple[str, ...] = (), **changes: str | int
) -> Evaluator:
    """A running evaluator that keeps everything below a directory."""
    environ = dict(os.environ) | ({"PROBER_TOKEN": token} if token else {})
    contracts = write_contract(directory / "contracts", **changes)
    return Evaluator(contracts, directory / "data", environ, options)


@pytest.fixture
def evaluator(tmp_path: Path) -> Iterator[Callable[..., Evaluator]]:
    """`evaluator(token, options, target=…)`: a running one with one contract for checkout."""
    with ExitStack() as running:

        def start(
            token: str | None = None, options: tuple[str, ...] = (), **changes: str | int
        ) -> Evaluator:
            judge = launch(tmp_path, token, options, **changes)
            running.callback(judge.close)
            return judge

        yield start


@pytest.fixture(scope="module")
def shared_evaluator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluator]:
    """A running evaluator for tests that leave nothing in it."""
    judge = launch(tmp_path_factory.mktemp("shared"), None)
    yield judge
    judge.close()


@pytest.fixture(scope="module")
def guarded_evaluator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluator]:
    """A running evaluator that asks writers for the token `correct-horse`."""
    judge = launch(tmp_path_factory.mktemp("guarded"), "correct-horse")
    yield judge
    judge.close()


def send(judge: Evaluator, records: Iterable[Record]) -> None:
    """Give it records as an agent does."""
    entries = [Entry(seq, 1, record) for seq, record in enumerate(records, 1)]
    headers = {"Content-Type": "application/x-protobuf"}
    judge.http.post(
        "/v1/logs", content=encode.logs(entries, {}), headers=headers
    ).raise_for_status()


@pytest.fixture
def last_minute(
    run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> Callable[..., list[Record]]:
    """`last_minute(bad, …)`: a run a second up to now, the newest `bad` of them failed."""

    def records(bad: int = 0, **fields: Any) -> list[Record]:
        now_ms = time.time_ns() // 1_000_000
        slots = [now_ms - now_ms % 1000 - n * 1000 for n in range(60)]
        failed = [run(slot_ms, Outcome.FAILED, **fields) for slot_ms in slots[:bad]]
        passed = [run(slot_ms) for slot_ms in slots[bad:]]
        return [schedule(1000), *failed, *passed]

    return records


@pytest.fixture(scope="module")
def browser(browser_path: str) -> Iterator[Browser]:
    """A real one, for all tests of a file."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox"], chromium_sandbox=False
        )
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which nothing may be blocked, missing or thrown."""
    context = browser.new_context()
    opened, trouble = context.new_page(), []
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    opened.on("console", lambda message: trouble.append(message.text))
    yield opened
    context.close()
    assert trouble == []
