"""SIGTERM: no run begins, those that go on end or are cancelled, and the agent ends in time."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from prober.model import Cause, Outcome
from tests.agent.whole import PATIENT, Agent, Target
from tests.conftest import lives

Until = Callable[..., Any]
LIMIT_S = 30.0
#: What it asks is answered, and it goes on for ever; the next slot is not far.
HANGING = """
    import time

    from prober import journey, step

    @journey(every="26s", timeout="25s")
    def ping(http) -> None:
        with step("ping"):
            assert http.get("/").status_code == 200
            time.sleep(3600)
"""
#: The same in a browser.
WATCHING = """
    from playwright.sync_api import Page

    from prober import journey, step

    @journey(every="26s", timeout="25s")
    def ping(page: Page) -> None:
        with step("ping"):
            page.goto("/")
            page.get_by_text("never there").click(timeout=3_600_000)
"""


@pytest.mark.long
@pytest.mark.parametrize("agent", [PATIENT], ids=["patient"], indirect=True)
def test_a_run_that_can_end_in_time_does_and_none_begins(
    agent: Agent, target: Target, until: Until
) -> None:
    assert agent.process
    target.answers.clear()
    until(lambda: agent.state()["running"] == ["ping"], 60)
    agent.process.send_signal(signal.SIGTERM)
    until(lambda: agent.state().get("status") == 503, 60)
    health = agent.ask("/healthz")
    assert health
    assert health.status_code == 200, "it ends, and is alive"
    asked = agent.reload()
    assert asked.status_code == 409
    assert agent.process.wait(60) == 0
    assert {run.cause for run in agent.runs()} <= {None, Cause.TIMEOUT}
    assert len({run.id.slot_ms for run in agent.runs() if run.cause}) == 1, "no run began"
    assert "Traceback" not in agent.log.read_text()


def test_told_to_end_before_it_is_ready_it_ends(
    tmp_path: Path, target: Target, free_port: Callable[[], int], until: Until
) -> None:
    browser = tmp_path / "browser"
    browser.write_text("#!/bin/sh\nexec sleep 3600\n")
    browser.chmod(0o755)
    agent = Agent(tmp_path, target, free_port(), PROBER_BROWSER=str(browser))
    agent.write("ping.py", "from prober import journey\n\n@journey()\ndef ping(page):\n    page\n")
    agent.start()
    state = until(agent.state, 60)
    assert state["troubles"]["agent"] == ["no slot is run: it begins, or it ends"]
    assert agent.process
    agent.process.send_signal(signal.SIGTERM)
    began_s = time.monotonic()
    assert agent.process.wait(60) == 0
    assert time.monotonic() - began_s < LIMIT_S
    agent.http.close()


def test_told_to_end_while_files_are_read_it_ends(agent: Agent, until: Until) -> None:
    agent.write("slow.py", "import time\n\ntime.sleep(50)\n")
    assert agent.process
    agent.process.send_signal(signal.SIGHUP)
    until(lambda: any("prober.discovery" in words for words in below(agent)), 60)
    agent.process.send_signal(signal.SIGTERM)
    began_s = time.monotonic()
    assert agent.process.wait(60) == 0
    assert time.monotonic() - began_s < LIMIT_S
    assert {run.cause for run in agent.runs()} <= {None, Cause.TIMEOUT, Cause.CANCELLED}


def below(agent: Agent) -> list[list[str]]:
    """The command lines of the processes that an agent started."""
    assert agent.process
    found = []
    for process in psutil.Process(agent.process.pid).children():
        with contextlib.suppress(psutil.Error):
            found.append(process.cmdline())
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    "journey",
    [HANGING, pytest.param(WATCHING, marks=pytest.mark.browser)],
    ids=["of HTTP", "of a browser"],
)
def test_a_journey_that_hangs_and_a_destination_that_is_silent_keep_it_no_longer_than_30_s(
    tmp_path: Path, target: Target, free_port: Callable[[], int], until: Until, journey: str
) -> None:
    agent = Agent(tmp_path, target, free_port())
    agent.write("ping.py", journey)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections wait for ever
        port = silent.getsockname()[1]
        agent.region(
            f"otlp: [{{name: silent, endpoint: 'http://127.0.0.1:{port}', timeout: 10m}}]\n"
            "metrics_interval: 1s\n"
        )
        agent.start()
        until(agent.ready, 60)
        until(lambda: agent.state()["running"] == ["ping"], 60)
        assert agent.process
        family = psutil.Process(agent.process.pid).children(recursive=True)
        agent.process.send_signal(signal.SIGTERM)
        began_s = time.monotonic()
        answers = []
        while agent.process.poll() is None:
            try:
                answers.append(agent.http.get("/healthz").status_code)
            except httpx.TransportError:
                break
            time.sleep(0.2)
        assert agent.process.wait(60) == 0
        took_s = time.monotonic() - began_s
    assert took_s < LIMIT_S
    assert set(answers) == {200}, "nobody kills what ends in order"
    (run,) = agent.runs()
    assert (run.outcome, run.cause) == (Outcome.INCONCLUSIVE, Cause.CANCELLED)
    assert "does not end" not in agent.log.read_text()
    assert family
    assert not any(map(lives, family))
    agent.http.close()
