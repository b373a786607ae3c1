"""A worker's surroundings: no secret and no token in its environment, nor in its browser's."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from prober.agent import hand
from tests.conftest import wait_until
from tests.faults.bench import SECRETS, Bench, relatives

TOKENS = {
    "PROBER_TOKEN": "token-of-the-evaluator",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20token-of-the-collector",
    "PROBER_SECRET_PASSWORD": "token-of-a-journey",
    "AWS_SECRET_ACCESS_KEY": "token-of-the-cloud",
    "SHOP_PASSWORD": "token-of-the-shop",
}
ASKS = """
    def asks(page: Page):
        with step("open"):
            page.goto("/")
            assert secret("password") and secret("token")
            page.evaluate("s => { window.kept = s }", secret("password"))
            page.wait_for_timeout(100)
"""


def exposed(pid: int) -> str:
    """What anybody who may read /proc sees of a process."""
    found = ""
    for name in ("environ", "cmdline"):
        try:
            found += Path("/proc", str(pid), name).read_bytes().decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
    return found


@pytest.mark.browser
def test_no_secret_and_no_token_is_in_a_process(
    make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TOKENS.items():
        monkeypatch.setenv(name, value)
    bench = make_bench()
    seen: dict[int, str] = {}

    def look(event: dict[str, object]) -> None:
        if event["at"] in ("step", "stepped"):
            for worker in bench.hands:
                pids = [worker.pid, *(child.pid for child in relatives(worker.pid))]
                seen.update({pid: exposed(pid) for pid in pids})

    bench.run(ASKS, options="secrets=['password', 'token']", listener=look)
    assert len(seen) >= 4  # worker, driver, browser and its renderer
    everything = "".join(seen.values())
    assert "TMPDIR" in everything
    assert not [value for value in SECRETS.values() if value in everything]
    assert "token-of-" not in everything


def test_a_worker_inherits_no_name_that_could_hold_a_secret() -> None:
    words = ("TOKEN", "SECRET", "PASSWORD", "KEY", "HEADERS", "OTEL", "PROBER")
    assert not [name for name in hand.INHERITED for word in words if word in name]


def test_what_a_journey_prints_is_redacted_however_it_arrives(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "prober.agent.hand")
    bench.run(
        """
        def talks(http: httpx.Client):
            print("begin " + "x" * 65_520 + secret("token") + " and more")
            print(secret("password"), file=sys.stderr)
            os.write(1, b"half of it: " + secret("token")[:5].encode())
            time.sleep(0.05)
            os.write(1, secret("token")[5:].encode() + b" end\\\\n")
        """,
        options="secrets=['token', 'password']",
    )
    wait_until(lambda: "half of it: [token] end" in caplog.text)
    assert "[token] and more" in caplog.text
    assert "[password]" in caplog.text
    assert SECRETS["token"] not in caplog.text


def test_a_worker_whose_output_nobody_reads_is_not_held_up(bench: Bench) -> None:
    run = bench.run(
        """
        def chatters(http: httpx.Client):
            with step("talk"):
                for _ in range(200):
                    print("x" * 100_000)
                assert http.get("/json").json()["ok"]
        """,
        timeout="60s",
    )
    assert run.outcome == "passed"


def test_a_worker_ends_with_its_supervisor(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench()
    run = bench.run(f"""
        def leaves(http: httpx.Client):
            with step("ask"):
                assert http.get("/json").json()["ok"]
            Path = __import__("pathlib").Path
            Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
    """)
    assert run.outcome == "passed"
    pid = int((tmp_path / "pid").read_text())
    [worker] = [each for each in bench.hands if each.pid == pid]
    assert os.getpgid(pid) == pid  # a Ctrl-C at the supervisor's terminal is not for it
    bench._loop.call_soon_threadsafe(worker._writer.close)
    wait_until(lambda: not Path("/proc", str(pid)).exists() or worker._gone)
