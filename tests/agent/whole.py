"""A whole agent as a process, and the site it looks at."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx

from prober.journal.outbox import Outbox
from prober.journal.view import View
from prober.model import Gap, Record, Run, Schedule

JOURNEY = """
    from prober import journey, step

    @journey(every="2s", timeout="1s")
    def ping(http) -> None:
        with step("ping"):
            reply = http.get("/")
            assert reply.status_code == 200
"""
#: One that waits for its target for seconds: time to look at it meanwhile.
PATIENT = JOURNEY.replace('"2s", timeout="1s"', '"8s", timeout="7s"')
CONTRACT = """
    apiVersion: prober/v1
    kind: SLO
    metadata: {name: ping}
    spec:
      journey: ping
      owners: {product: pm, sre: sre}
      rationale: it should answer
      objectives: [{name: availability, sli: success, target: "99%"}]
      windows: [{name: rolling, duration: 30d}]
"""


class Target:
    """A site that answers, or hangs when told to."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        #: The newest value of the header `x-key` that came.
        self.key: str | None = None
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                target.key = self.headers.get("x-key")
                target.answers.wait(60)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self) -> None:
        self.answers.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Agent:
    """A real agent process with one HTTP journey every two seconds."""

    def __init__(
        self, directory: Path, target: Target, port: int, *options: str, **environ: str
    ) -> None:
        self.directory, self.options, self.environ = directory, options, environ
        self.target, self.port = target, port
        (directory / "journeys").mkdir()
        self.write("ping.py", JOURNEY)
        self.write("ping.slo.yaml", CONTRACT)
        self.region()
        self.path, self.log = directory / "data" / "journal.db", directory / "agent.log"
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, name: str, text: str) -> None:
        """Put a file beside its journeys."""
        (self.directory / "journeys" / name).write_text(dedent(text))

    def region(self, text: str = "", **changes: str) -> None:
        """Write its region file, with more at its end."""
        keys = {
            "region": "eu-west-1",
            "base_url": f"http://127.0.0.1:{self.target.server.server_port}",
            "data": str(self.directory / "data"),
            "listen": f"127.0.0.1:{self.port}",
            "sandbox": "'off'",
            "saturation": "'off'",
        }
        lines = [f"{key}: {value}" for key, value in (keys | changes).items()]
        (self.directory / "eu-west-1.yaml").write_text("\n".join([*lines, dedent(text)]))

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "prober", "agent"),
                    *(str(self.directory / "eu-west-1.yaml"),),
                    *("--journeys", str(self.directory / "journeys"), *self.options),
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environ},
            )

    def reload(self, **headers: str) -> httpx.Response:
        """Have it read its files again."""
        return self.http.post("/-/reload", headers=headers)

    def ask(self, path: str) -> httpx.Response | None:
        """A page of it, None while it does not listen."""
        assert self.process
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.http.get(path)
        except httpx.TransportError:
            return None

    def state(self) -> dict[str, Any]:
        reply = self.ask("/readyz")
        return {} if reply is None else reply.json() | {"status": reply.status_code}

    def ready(self) -> bool:
        return self.state().get("status") == 200

    def runs(self) -> list[Run]:
        """What its journal holds, oldest first."""
        view = View.open(self.path)
        found = [run for each in view.series() for run in view.runs(each.id, 0, 2**60, -1)]
        view.close()
        return found[::-1]

    def records(self) -> list[Record]:
        """What its journal holds, in the order it was written."""
        view = View.open(self.path)
        entries = Outbox(view.store).entries(0, 2**40, 10**6)
        view.close()
        return [entry.record for entry in entries]

    def gaps(self) -> list[Gap]:
        return [record for record in self.records() if isinstance(record, Gap)]

    def schedules(self) -> list[Schedule]:
        return [record for record in self.records() if isinstance(record, Schedule)]

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(60)
