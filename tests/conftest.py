"""What tests share: real servers, a real browser, a free port, and patience with a deadline."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import pytest
from hypothesis import HealthCheck, Phase, settings

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
BACKENDS = CACHE / "backends"
#: A loaded two-core machine needs it; a test that waits this long has failed.
PATIENCE_S = 30.0

#: Whether long tests should do less of the same.
SHORT = os.environ.get("PROBER_LONG") == "short"
#: How long a single case takes says how busy the machine is, and nothing about a law.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
#: Laws are tried on hundreds of cases, on thousands, or, where every test has its turn within ten
#: minutes, on dozens; those of prober/slo have hundreds a moment before, in `make cover`.
EFFORTS = {"": 1.0, "thorough": 20.0, "brief": 0.3}
EFFORT = EFFORTS[os.environ.get("PROBER_HYPOTHESIS", "")]
settings.register_profile("thorough", max_examples=5000)
settings.register_profile("brief", max_examples=30)
#: On few, and always the same, where it is thousands of mutants that are tried.
settings.register_profile(
    "quick",
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
)
if effort := os.environ.get("PROBER_HYPOTHESIS"):
    settings.load_profile(effort)

Value = TypeVar("Value")
#: Whose browsers look at pages of ours, or wait for what does not come: they have time.
_UNHURRIED = ("tests/evaluator/", "tests/test_journeys.py", "tests/agent/test_deadline.py")


def wait_until(predicate: Callable[[], Value], deadline_s: float = PATIENCE_S) -> Value:
    """The first true value of a predicate, asked again and again until the deadline."""
    end_s = time.monotonic() + deadline_s
    while not (value := predicate()):
        assert time.monotonic() < end_s, f"not within {deadline_s} s: {predicate}"
        time.sleep(0.02)
    return value


def lives(process: psutil.Process) -> bool:
    """Whether it runs; a zombie does not."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def unused_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A process that serves HTTP on a loopback port, ended by its pid."""

    #: How long it may take to end in order.
    ends_within_s = 10.0

    def __init__(self, command: list[str], port: int, log: Path, ready: str) -> None:
        self.command, self.log, self.ready = command, log, ready
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False)
        self.start()

    def start(self) -> None:
        """Start the process and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=ROOT)
        wait_until(self.answers)

    def answers(self) -> bool:
        """Whether it serves; an assertion with its log when it has ended instead."""
        assert self.process.poll() is None, f"{self.command} ended:\n{self.log.read_text()}"
        try:
            return self.http.get(self.ready).is_success
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """End the process in order, or by force when it does not listen."""
        self.process.terminate()
        try:
            self.process.wait(self.ends_within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        """Stop it and start it again, with the same port and the same files."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop it for good."""
        self.stop()
        self.http.close()


class Victoria(Server):
    """A VictoriaMetrics with storage of its own."""

    #: What it has in memory only is lost with it, if it is killed before.
    ends_within_s = 60.0

    def __init__(self, directory: Path, *flags: str) -> None:
        port = unused_port()
        command = [
            str(BACKENDS / "bin" / "victoria-metrics"),
            f"-httpListenAddr=127.0.0.1:{port}",
            f"-storageDataPath={directory / 'storage'}",
            "-retentionPeriod=10y",
            "-search.latencyOffset=0s",
            "-memory.allowedBytes=256MiB",
            *flags,
        ]
        super().__init__(command, port, directory / "victoria.log", "/health")

    def query(self, promql: str, at: float | None = None) -> list[dict[str, Any]]:
        """An instant query's result over all that was received, now or `at` seconds since 1970."""
        self.http.get("/internal/force_flush").raise_for_status()
        moment = time.time() if at is None else at  # its own now is cut to whole seconds
        question = {"query": promql, "time": str(moment), "nocache": "1"}
        reply = self.http.post("/api/v1/query", data=question)
        reply.raise_for_status()
        result: list[dict[str, Any]] = reply.json()["data"]["result"]
        return result


class Shop(Server):
    """The demo shop."""

    def __init__(self, directory: Path) -> None:
        port = unused_port()
        command = [sys.executable, "-m", "prober.demo.shop", "--port", str(port)]
        super().__init__(command, port, directory / "shop.log", "/metrics")

    def fault(self, name: str | None, where: str | None = None) -> None:
        """Break the shop in one of its ways, everywhere or in one place."""
        place = {} if where is None else {"where": where}
        self.http.post("/_faults", json={"fault": name, **place}).raise_for_status()

    def metrics(self) -> str:
        """What the shop says about its own health, as Prometheus text."""
        return self.http.get("/metrics").raise_for_status().text


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in a hook of the same name
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Share the tests out: one process makes all runs, one looks at pages, others take the rest.

    Two browsers on two cores slow each other down, as DESIGN.md §6 says of runs.
    """
    for item in items:
        file = item.nodeid.split("::")[0]
        browser = "pages" if file.startswith(_UNHURRIED) else "browser"
        group = browser if item.get_closest_marker("browser") else file
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the developer's shell stay out; where the browser is, is no setting of ours.

    Nor is the width of a terminal that nobody looks at.
    """
    for name in list(os.environ):
        ours = name.startswith(("OTEL_", "PROBER_")) and name != "PROBER_BROWSER"
        if ours or name in ("COLUMNS", "LINES"):
            monkeypatch.delenv(name)


@pytest.fixture
def until() -> Callable[..., Any]:
    """`until(predicate, deadline_s)`: its first true value, or an assertion."""
    return wait_until


@pytest.fixture
def free_port() -> Callable[[], int]:
    """`free_port()`: a loopback port that nobody listens on."""
    return unused_port


@pytest.fixture(scope="session")
def browser_path() -> str:
    """The browser that `make install` found."""
    if chosen := os.environ.get("PROBER_BROWSER"):
        return chosen
    note = CACHE / "browser"
    if not note.exists():
        pytest.fail("no browser is noted in .cache/browser: make install", pytrace=False)
    return note.read_text().splitlines()[0]


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """`show(text)`: a figure that somebody wants to see of a test that passes."""

    def tell(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}")

    return tell


@pytest.fixture
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Victoria]]:
    """`victoria(*flags)`: a running VictoriaMetrics; each call starts another one."""
    require_backends()
    with ExitStack() as running:

        def start(*flags: str) -> Victoria:
            server = Victoria(tmp_path_factory.mktemp("victoria"), *flags)
            running.callback(server.close)
            return server

        yield start


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A running demo shop without faults."""
    server = Shop(tmp_path_factory.mktemp("shop"))
    yield server
    server.close()


def require_backends(environ: Mapping[str, str] = os.environ) -> None:
    """Skip where the machine cannot have backends, fail where they were not fetched."""
    absent = BACKENDS / "absent"
    if absent.exists() and environ.get("CI") != "true":
        pytest.skip(f"no metric backends: {absent.read_text().strip()}")
    if not (BACKENDS / "bin").exists():
        pytest.fail("no metric backends in .cache/backends: make backends", pytrace=False)
