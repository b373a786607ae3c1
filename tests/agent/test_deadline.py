"""Playwright's time is cut to the journey's, however much a call asks for."""

from __future__ import annotations

import inspect
import time
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from playwright._impl import frame
from playwright._impl.connection import Connection
from playwright._impl.timeout_settings import TimeoutSettings

from prober.model import Cause
from tests.faults.bench import Bench, failed

ROOT = Path(__file__).resolve().parent.parent.parent
CHANGED = (
    "Playwright's internals are not what prober/agent/deadline.py leans on: read its "
    "`connection.py` and `timeout_settings.py` again before this version is pinned"
)
PATIENT = {
    "goto": 'page.goto("/hang", timeout=60_000)',
    "click": 'page.get_by_text("never").click(timeout=60_000)',
    "wait_for_function": 'page.wait_for_function("() => false", timeout=60_000)',
    "expect": 'expect(page.get_by_text("never")).to_be_visible(timeout=60_000)',
    "wait_for_event": 'page.wait_for_event("popup", timeout=60_000)',
    "expect_response": 'with page.expect_response("**/never", timeout=60_000): ...',
    "expect_popup": "with page.expect_popup(timeout=60_000): ...",
    "a default": "page.set_default_timeout(60_000); page.get_by_text('never').click()",
    "evaluate": "page.evaluate('new Promise(() => {})')",
    "request": 'page.request.get("/hang", timeout=60_000)',
    "many short waits": "while True: page.wait_for_timeout(50)",
}


@pytest.mark.browser
@pytest.mark.parametrize("code", PATIENT.values(), ids=PATIENT.keys())
def test_a_call_ends_with_the_journeys_time(bench: Bench, code: str) -> None:
    began: list[float] = []
    source = f"def patient(page: Page):\n    page.goto('/')\n    with step('wait'):\n        {code}"
    run = bench.run(
        source,
        timeout="5s",
        listener=lambda event: began.append(time.monotonic()) if event["at"] == "step" else None,
    )
    assert failed(run) == Cause.TIMEOUT, run.message
    assert run.step == "wait"
    assert 0.2 < run.duration_us / 1e6 < 5.0


def test_the_pinned_version_is_the_installed_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"playwright=={version('playwright')}" in project["dependencies"], CHANGED


def test_every_call_goes_by_one_method_of_the_connection() -> None:
    parameters = list(inspect.signature(Connection.send_message_to_server).parameters)
    assert parameters == ["self", "object", "method", "params", "options"], CHANGED
    assert 'options.get("timeout")' in (source := inspect.getsource(Connection)) or (
        '"timeout"' in source
    ), CHANGED


def test_the_clients_own_waits_ask_the_timeout_settings() -> None:
    for name in ("_timeout", "_navigation_timeout"):
        method = inspect.unwrap(getattr(TimeoutSettings, name))
        assert list(inspect.signature(method).parameters) == ["self", "timeout"], CHANGED


def test_sleeping_has_a_name_of_its_own() -> None:
    source = inspect.getsource(frame.Frame.wait_for_timeout)
    assert "waitForTimeout(waitTimeout=" in source, CHANGED
