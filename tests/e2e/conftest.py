"""What the end-to-end tests share: real agents and evaluators, and a proxy that lies."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_S = 60.0
SECRETS = {"SHOP_USER": "ada@shop.example", "SHOP_PASSWORD": "analytical-engine"}
JOURNEYS = ROOT / "journeys"


#: ExportLogsServiceResponse and ExportMetricsServiceResponse have the same shape.
PARTIAL = ExportLogsServiceResponse(
    partial_success=ExportLogsPartialSuccess(rejected_log_records=1, error_message="too old")
).SerializeToString()


class Process:
    """A `prober` process, ended by its pid."""

    def __init__(self, log: Path, *arguments: str, **environ: str) -> None:
        self.arguments, self.log, self.environ = arguments, log, environ
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.log.with_suffix("")

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def start(self) -> None:
        """Start it and wait for its ready line."""
        offset = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "prober", *self.arguments],
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, **self.environ, "PYTHONUNBUFFERED": "1"},
            )
        end_s = time.monotonic() + PATIENCE_S
        while b"is ready" not in self.log.read_bytes()[offset:]:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end_s, self.log.read_text()
            time.sleep(0.05)

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        assert self.process
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def close(self) -> None:
        """End it however it stands."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()


class Liar:
    """A receiver in front of a real one: passes on, unless its script says otherwise."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        #: What to do with the next requests: a status to answer, `drop`, `partial`, `pass`.
        self.script: deque[str] = deque()
        #: While set, connections are cut before anything is answered.
        self.outage = threading.Event()
        #: Uncompressed bodies that came, by path.
        self.bodies: list[tuple[str, bytes]] = []
        self.told: list[str] = []
        liar = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                liar.answer(self, body)

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._http = httpx.Client(timeout=10, trust_env=False)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if self.outage.is_set():
            cut(handler)
            return
        packed = handler.headers.get("Content-Encoding") == "gzip"
        self.bodies.append((handler.path, gzip.decompress(body) if packed else body))
        act = self.script.popleft() if self.script else "pass"
        self.told.append(act)
        if act in ("pass", "drop"):
            try:
                reply = self._pass_on(handler, body)
            except httpx.TransportError:
                act = "drop"
            if act == "drop":  # it has it, and the sender never learns so
                cut(handler)
                return
            self._reply(handler, reply.status_code, reply.content, dict(reply.headers))
        elif act == "partial":  # taken, and one of what was in it refused
            self._pass_on(handler, body)
            self._reply(handler, 200, PARTIAL, {"Content-Type": "application/x-protobuf"})
        else:
            more = {"Retry-After": "1"} if act == "429" else {}
            more |= {"Location": "http://127.0.0.1:1/"} if act == "302" else {}
            self._reply(handler, int(act), b"", more)

    def _pass_on(self, handler: BaseHTTPRequestHandler, body: bytes) -> httpx.Response:
        wanted = ("content-type", "content-encoding", "authorization")
        headers = {n: v for n, v in handler.headers.items() if n.lower() in wanted}
        return self._http.post(self.behind + handler.path, content=body, headers=headers)

    def _reply(
        self, handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]
    ) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            if name.lower() in ("content-type", "retry-after", "location"):
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._http.close()


def cut(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


class Place:
    """A directory with a region file, and the processes that use it."""

    def __init__(self, directory: Path, running: ExitStack) -> None:
        self.directory, self._running = directory, running

    def agent(self, region: str, text: str, journeys: Path = JOURNEYS, **environ: str) -> Process:
        """An agent of a region, not yet started."""
        file = self.directory / "regions" / f"{region}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(
            dedent(text)
            + f"region: {region}\nfleet: [{region}]\nsandbox: off\nsaturation: off\n"
            + f"data: {self.directory / region}\n"
            + 'secrets: {shop_user: "${SHOP_USER}", shop_password: "${SHOP_PASSWORD}"}\n'
        )
        return self._process(
            region, "agent", str(file), "--journeys", str(journeys), **SECRETS, **environ
        )

    def evaluator(self, port: int, contracts: Path = JOURNEYS, **environ: str) -> Process:
        """An evaluator, not yet started."""
        return self._process(
            "evaluator",
            *("evaluator", "--contracts", str(contracts), "--listen", f"127.0.0.1:{port}"),
            *("--data", str(self.directory / "evaluator")),
            **environ,
        )

    def _process(self, name: str, *arguments: str, **environ: str) -> Process:
        process = Process(self.directory / f"{name}.log", *arguments, **environ)
        self._running.callback(process.close)
        return process


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Where processes of one test live; all are ended after it."""
    with ExitStack() as running:
        yield Place(tmp_path, running)


@pytest.fixture
def liar() -> Iterator[Callable[[str], Liar]]:
    """`liar(url)`: a receiver in front of another."""
    with ExitStack() as running:

        def start(behind: str) -> Liar:
            found = Liar(behind)
            running.callback(found.close)
            return found

        yield start
