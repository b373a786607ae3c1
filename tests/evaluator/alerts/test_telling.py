"""A running evaluator that tells people: killed, started again, and given other channels."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prober.evaluator.given import JOURNAL
from prober.journal.journal import Journal
from prober.model import Outcome, Record
from tests.evaluator.alerts.test_alerts import EVERY_MS, HOUR_MS
from tests.evaluator.conftest import write_contract
from tests.evaluator.hearing import Receiver

Until = Callable[..., Any]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    there = Receiver()
    yield there
    there.close()


def failing(run: Callable[..., Record], schedule: Callable[..., Record], data: Path) -> None:
    """A journal whose last twenty minutes failed in two regions."""
    now_ms = time.time_ns() // 1_000_000 // EVERY_MS * EVERY_MS
    data.mkdir()
    journal = Journal.open(data / JOURNAL)
    journal.write([schedule(EVERY_MS, region, now_ms - HOUR_MS) for region in ("eu", "us")])
    journal.write(
        run(now_ms - back * EVERY_MS, Outcome.FAILED, region=region)
        for region in ("eu", "us")
        for back in range(4)
    )
    journal.close()


def test_an_evaluator_that_is_killed_tells_nothing_again(
    evaluator: Callable[..., Any],
    receiver: Receiver,
    tmp_path: Path,
    run: Callable[..., Record],
    schedule: Callable[..., Record],
    until: Until,
) -> None:
    failing(run, schedule, tmp_path / "data")
    file = tmp_path / "channels.yaml"
    file.write_text(f"channels: {{oncall: [webhook: {receiver.url}]}}\ndefault: oncall\n")
    options = ("--channels", str(file), "--url", "https://prober.example/")
    judge = evaluator(None, options, target="99%", window="30d")
    until(lambda: receiver.heard)
    (message,) = receiver.messages
    assert {each["rule"] for each in message["alerts"]} >= {"page-fast"}
    assert message["links"]["slo"] == "https://prober.example/slo/checkout"
    assert "prober_notifications_waiting" in judge.http.get("/metrics").text
    judge.kill()
    judge.start()
    until(lambda: [group for group in judge.status()["alerts"] if group["alerts"]])
    assert [each["id"] for each in receiver.messages] == [message["id"]]

    file.write_text("channels: {oncall: [webhook: nowhere]}\n")
    judge.process.send_signal(signal.SIGHUP)
    until(lambda: "not a web address" in judge.status()["note"])
    assert judge.http.get("/readyz").json()["troubles"].keys() >= {"reload"}
    other = Receiver()
    file.write_text(
        f"channels: {{oncall: [webhook: {receiver.url}, {{webhook: {other.url}, name: other}}]}}\n"
        "default: oncall\n"
    )
    assert judge.http.post("/-/reload").json()["changed"] == ["channel oncall has other ways"]
    until(lambda: other.heard)
    assert other.messages[0]["alerts"][0]["rule"] == "page-fast"
    assert len(receiver.heard) == 1
    other.close()


@pytest.mark.long
def test_what_nobody_takes_is_shown(
    evaluator: Callable[..., Any],
    receiver: Receiver,
    tmp_path: Path,
    run: Callable[..., Record],
    schedule: Callable[..., Record],
    until: Until,
) -> None:
    failing(run, schedule, tmp_path / "data")
    receiver.status = 500
    file = tmp_path / "channels.yaml"
    file.write_text(f"channels: {{oncall: [webhook: {receiver.url}]}}\ndefault: oncall\n")
    judge = evaluator(None, ("--channels", str(file)), target="99%", window="30d")
    until(lambda: "Not told: oncall.webhook: " in judge.status()["note"])
    ready = judge.http.get("/readyz").json()
    assert "alerts wait, for " in ready["troubles"]["notifications"][0]
    assert 'prober_notifications_failing{prober_channel="oncall",prober_way="webhook"} 1' in (
        judge.http.get("/metrics").text
    )
    request = {"everything": True, "lasts": "1h", "by": "ann", "reason": "a new database"}
    judge.http.post("/api/v1/silence-add", json=request).raise_for_status()
    until(lambda: "silenced by ann (a new database)" in judge.status()["note"])
    (silence,) = judge.status()["silences"]
    assert (silence["by"], silence["reason"]) == ("ann", "a new database")


def test_a_route_to_nobody_ends_the_start(tmp_path: Path) -> None:
    contracts = write_contract(tmp_path / "contracts", more="  alerts: {routes: {page: oncal}}")
    (tmp_path / "channels.yaml").write_text("channels: {oncall: [webhook: http://127.0.0.1:1]}\n")
    done = subprocess.run(
        [sys.executable, "-m", "prober", "evaluator", "--contracts", str(contracts)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    said = "spec.alerts.routes.page: there is no channel oncal, did you mean oncall?"
    assert said in done.stderr
