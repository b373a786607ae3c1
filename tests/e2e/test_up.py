"""Everything on one machine: what `prober up` hands on to its evaluator."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Shop
from tests.e2e.conftest import Process
from tests.e2e.test_reload import CONTRACT, JOURNEY, write

Until = Callable[..., Any]
ONCALL = """
    channels: {oncall: [{webhook: http://127.0.0.1:9/hook}]}
    default: oncall
"""


@pytest.fixture
def where(tmp_path: Path, free_port: Callable[[], int], shop: Shop) -> tuple[str, ...]:
    """Options that name one journey over HTTP, one region and a port."""
    write(tmp_path / "journeys" / "ping.py", JOURNEY)
    write(tmp_path / "journeys" / "ping.slo.yaml", CONTRACT % "99%")
    region = f"base_url: {shop.url}\nsandbox: off\ndata: {tmp_path / 'here'}\n"
    write(tmp_path / "regions" / "here.yaml", f"region: here\n{region}")
    return (
        *("--journeys", str(tmp_path / "journeys"), "--regions", str(tmp_path / "regions")),
        *("--listen", f"127.0.0.1:{free_port()}", "--data", str(tmp_path / "judge")),
    )


def test_its_evaluator_has_the_channels_the_door_and_the_limits(
    where: tuple[str, ...], tmp_path: Path, until: Until
) -> None:
    url = f"http://{where[5]}"
    channels = tmp_path / "told.yaml"
    write(channels, ONCALL)
    options = ("--channels", str(channels), "--protect-reads", "--limits", "0")
    (tmp_path / "token").write_text("correct-horse\n")
    up = Process(
        tmp_path / "up.log", "up", *where, *options, PROBER_TOKEN_FILE=str(tmp_path / "token")
    )

    def asked(token: str, path: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{url}{path}", headers=headers, trust_env=False, timeout=30)

    def ready() -> dict[str, Any]:
        found: dict[str, Any] = asked("correct-horse", "/readyz").json()
        return found

    try:
        up.start()
        until(lambda: "evaluator is ready" in up.log.read_text(), 60)
        guesses = {asked(f"guess-{number}", "/").status_code for number in range(30)}
        assert guesses == {401}, "strangers see no page, and 20 of them would be the limit"
        assert asked("correct-horse", "/").status_code == 200
        until(lambda: ready().get("ready"), 60)

        write(channels, ONCALL.replace("oncall", "other", 1))
        assert up.process
        up.process.send_signal(signal.SIGHUP)
        until(lambda: "told.yaml:3: default: there is no channel oncall" in up.log.read_text(), 60)
        assert ready()["reload"] is None, "nobody was told"

        write(channels, ONCALL.replace("oncall", "other"))
        up.process.send_signal(signal.SIGHUP)
        taken = until(lambda: ready()["reload"], 60)
        assert {"channel oncall is gone", "channel other is new"} <= set(taken["changed"])
        assert up.stop() == 0
    finally:
        up.close()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param(["--protect-reads"], "--protect-reads takes a token", id="nobody may read"),
        pytest.param(["--channels", "nowhere.yaml"], "nowhere.yaml", id="no such file"),
        pytest.param(["--limits", "-1"], "--limits", id="not a number of times"),
    ],
)
def test_what_its_evaluator_would_refuse_is_refused_before_anything_starts(
    where: tuple[str, ...], tmp_path: Path, options: list[str], told: str
) -> None:
    command = [sys.executable, "-m", "prober", "up", *where, *options]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 2
    assert told in said.stderr
    assert not (tmp_path / "judge").exists()
