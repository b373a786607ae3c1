"""An agent and an evaluator that share no disk: what was kept of a failure is on its page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest

from tests.conftest import Shop
from tests.e2e.conftest import Process
from tests.e2e.test_pages import CONTRACT, JOURNEY
from tests.fileserver import PASSWORD, USER, FileServer

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(170)]


def test_the_screenshot_of_a_failure_comes_by_way_of_a_storage(
    tmp_path: Path, free_port: Callable[[], int], until: Callable[..., Any], shop: Shop
) -> None:
    port, files = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    storage = f"ftp://{USER}:{PASSWORD}@127.0.0.1:{files}/"
    for path, text in (
        ("journeys/look.py", JOURNEY.replace('every="30s"', 'every="11s"')),
        ("journeys/look.slo.yaml", CONTRACT),
        (
            "regions/here.yaml",
            f"region: here\nbase_url: {shop.url}\nsandbox: off\nsaturation: off\n"
            f"data: {tmp_path / 'here'}\nartefacts: {{copy_to: '{storage}'}}\n"
            f"otlp: [{{name: evaluator, endpoint: '{url}', signals: [logs]}}]\n",
        ),
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(dedent(text))
    journeys = str(tmp_path / "journeys")
    judge = Process(
        tmp_path / "judge.log",
        *("evaluator", "--contracts", journeys, "--data", str(tmp_path / "judge")),
        *("--listen", f"127.0.0.1:{port}"),
        PROBER_EVIDENCE=storage,
    )
    agent = Process(
        tmp_path / "agent.log",
        *("agent", str(tmp_path / "regions" / "here.yaml"), "--journeys", journeys),
    )

    def shown() -> bytes | None:
        """The picture, once it came to the evaluator."""
        for kept in (tmp_path / "here" / "evidence").glob("*/screenshot.png"):
            reply = httpx.get(f"{url}/evidence/{kept.parent.name}/{kept.name}", trust_env=False)
            if reply.is_success:
                assert reply.content == kept.read_bytes()
                return reply.content
        return None

    with ExitStack() as running, FileServer(tmp_path / "elsewhere", files):
        for process in (judge, agent):
            running.callback(process.close)
            process.start()
        assert until(shown, 90).startswith(b"\x89PNG")
    assert PASSWORD not in agent.log.read_text() + judge.log.read_text()
