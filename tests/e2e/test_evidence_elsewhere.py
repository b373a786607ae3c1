"""An agent and an evaluator that share no disk: what was kept of a failure is on its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import httpx
import pytest

from tests.conftest import Shop
from tests.e2e.conftest import Process
from tests.e2e.test_pages import CONTRACT, JOURNEY
from tests.fileserver import PASSWORD, USER, bucket_environ, bucket_server, file_server

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(170)]


class Elsewhere(NamedTuple):
    """A storage on another machine."""

    url: str
    environ: dict[str, str]
    serving: AbstractContextManager[None]


def ftp(directory: Path, port: int) -> Elsewhere:
    url = f"ftp://{USER}:{PASSWORD}@127.0.0.1:{port}/"
    return Elsewhere(url, {}, file_server(directory, port))


def bucket(_: Path, port: int) -> Elsewhere:
    return Elsewhere("s3://evidence/prober", bucket_environ(port), with_bucket(port))


@contextmanager
def with_bucket(port: int) -> Iterator[None]:
    with bucket_server(port):
        httpx.put(f"http://127.0.0.1:{port}/evidence", trust_env=False).raise_for_status()
        yield


@pytest.mark.parametrize("kind", [ftp, bucket])
def test_the_screenshot_of_a_failure_comes_by_way_of_a_storage(
    tmp_path: Path,
    free_port: Callable[[], int],
    until: Callable[..., Any],
    shop: Shop,
    kind: Callable[[Path, int], Elsewhere],
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    elsewhere = kind(tmp_path / "elsewhere", free_port())
    for path, text in (
        ("journeys/look.py", JOURNEY.replace('every="30s"', 'every="11s"')),
        ("journeys/look.slo.yaml", CONTRACT),
        (
            "regions/here.yaml",
            f"region: here\nbase_url: {shop.url}\nsandbox: off\nsaturation: off\n"
            f"data: {tmp_path / 'here'}\nartefacts: {{copy_to: '{elsewhere.url}'}}\n"
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
        PROBER_EVIDENCE=elsewhere.url,
        **elsewhere.environ,
    )
    agent = Process(
        tmp_path / "agent.log",
        *("agent", str(tmp_path / "regions" / "here.yaml"), "--journeys", journeys),
        **elsewhere.environ,
    )

    def shown() -> bytes | None:
        """The picture, once it came to the evaluator."""
        for kept in (tmp_path / "here" / "evidence").glob("*/screenshot.png"):
            reply = httpx.get(f"{url}/evidence/{kept.parent.name}/{kept.name}", trust_env=False)
            if reply.is_success:
                assert reply.content == kept.read_bytes()
                return reply.content
        return None

    with ExitStack() as running, elsewhere.serving:
        for process in (judge, agent):
            running.callback(process.close)
            process.start()
        assert until(shown, 90).startswith(b"\x89PNG")
    assert PASSWORD not in agent.log.read_text() + judge.log.read_text()
