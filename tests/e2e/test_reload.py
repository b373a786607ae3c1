"""One SIGHUP for everything on a machine, and what a real browser makes of a change."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest

from prober.journal.view import View
from prober.model import Outcome, Run
from tests.conftest import Shop
from tests.e2e.conftest import Place, Process

Until = Callable[..., Any]
JOURNEY = """
    from prober import journey, step

    @journey(every="1s", timeout="900ms")
    def ping(http) -> None:
        with step("ping"):
            assert http.get("/").status_code == 200
"""
CONTRACT = """
    apiVersion: prober/v1
    kind: SLO
    metadata: {name: ping}
    spec:
      journey: ping
      owners: {product: pm, sre: sre}
      rationale: it should answer
      objectives: [{name: availability, sli: success, target: "%s"}]
      windows: [{name: rolling, duration: 30d}]
"""
SEEN = """
    from playwright.sync_api import Page, expect
    from prober import journey, step

    @journey(every="12s", timeout="11s")
    def look(page: Page) -> None:
        with step("%s"):
            page.goto("/")
            expect(page.locator("body")).to_be_visible()
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(dedent(text))


def asked(port: int, path: str) -> Any:
    """What a page says; None while nobody listens."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=30).json()
    except httpx.TransportError:
        return None


def target(port: int) -> str:
    found = asked(port, "/api/v1/status")
    return str(found["slos"][0]["results"][0]["target"]["exact"]) if found else ""


def test_up_has_everybody_read_their_files_again_if_all_are_right_together(
    tmp_path: Path, free_port: Callable[[], int], until: Until, shop: Shop
) -> None:
    judge, page = free_port(), free_port()
    journeys, regions = tmp_path / "journeys", tmp_path / "regions"
    write(journeys / "ping.py", JOURNEY)
    write(journeys / "ping.slo.yaml", CONTRACT % "99%")
    region = f"base_url: {shop.url}\nsandbox: off\nsaturation: off\n"
    here = f"region: here\n{region}data: {tmp_path / 'here'}\nlisten: 127.0.0.1:{page}\n"
    write(regions / "here.yaml", here)
    everything = Process(
        tmp_path / "up.log",
        *("up", "--journeys", str(journeys), "--regions", str(regions)),
        *("--listen", f"127.0.0.1:{judge}", "--data", str(tmp_path / "judge")),
        *("--log-format", "json"),
    )
    try:
        everything.start()
        until(lambda: (asked(page, "/readyz") or {}).get("ready"), 60)

        write(journeys / "ping.slo.yaml", CONTRACT % "95%")
        write(regions / "there.yaml", f"region: there\n{region}")
        assert everything.process
        everything.process.send_signal(signal.SIGHUP)
        until(lambda: "there.yaml: is a new region" in everything.log.read_text(), 60)
        assert asked(page, "/readyz")["reload"] is None, "nobody was told"
        (regions / "there.yaml").unlink()

        everything.process.send_signal(signal.SIGHUP)
        until(lambda: target(judge) == "19/20", 60)
        taken = until(lambda: asked(page, "/readyz")["reload"], 60)
        assert (taken["reloaded"], taken["changed"]) == (True, ["contract ping: changed"])
        assert everything.stop() == 0
        lines = everything.log.read_text().splitlines()
        assert all(line.startswith("{") for line in lines if line), "each line is an object"
    finally:
        everything.close()


@pytest.mark.long
@pytest.mark.browser
def test_other_code_runs_in_other_workers_that_are_warm_before(
    place: Place, tmp_path: Path, free_port: Callable[[], int], until: Until, shop: Shop
) -> None:
    port, journeys = free_port(), tmp_path / "journeys"
    write(journeys / "look.py", SEEN % "first")
    text = f"base_url: {shop.url}\nlisten: 127.0.0.1:{port}\n"
    agent = place.agent("here", text, journeys=journeys)
    agent.start()
    until(lambda: steps(agent), 60)
    write(journeys / "look.py", SEEN % "second")
    reply = httpx.post(f"http://127.0.0.1:{port}/-/reload", trust_env=False, timeout=120)
    assert reply.json()["changed"] == ["journey look: code"]
    until(lambda: "second" in steps(agent), 60)
    until(lambda: workers(port) == 1, 60)
    assert agent.stop() == 0
    runs = runs_of(agent)
    assert {run.outcome for run in runs} == {Outcome.PASSED}
    names = [run.steps[0].name for run in sorted(runs, key=lambda run: run.id.slot_ms)]
    assert names == sorted(names), "first, then second"


def workers(port: int) -> int:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=30).text
    (line,) = [line for line in text.splitlines() if line.startswith("prober_workers_live{")]
    return int(line.rpartition(" ")[2])


def steps(agent: Process) -> set[str]:
    return {run.steps[0].name for run in runs_of(agent) if run.steps}


def runs_of(agent: Process) -> list[Run]:
    view = View.open(agent.log.parent / "here" / "journal.db")
    found = [run for each in view.series() for run in view.runs(each.id, 0, 2**60, -1)]
    view.close()
    return found
