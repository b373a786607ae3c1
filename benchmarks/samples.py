"""What a metric backend takes for the metrics of agents: a real VictoriaMetrics, fed by OTLP."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from benchmarks.fleet import names
from benchmarks.journals import contracts, run_at
from benchmarks.offer import EVERY_MS, METRICS_EVERY_S, Shape, of_region, totals_of
from benchmarks.processes import cpu_s, peak_mb, tree
from prober.journal.journal import Journal
from prober.journal.tally import rules_of
from prober.telemetry import answer, encode

PROGRAM = Path(__file__).parent.parent / ".cache" / "backends" / "bin" / "victoria-metrics"
_HEADERS = {"content-type": answer.CONTENT_TYPE, "content-encoding": "gzip"}
_INSERTED = re.compile(r'^vm_rows_inserted_total\{type="opentelemetry"\} (\d+)', re.MULTILINE)
_STARTING_S = 30.0


class Stored(NamedTuple):
    """What a backend has used."""

    series: int
    samples: int
    cpu_s: float
    peak_mb: float
    disk_bytes: int


def missing() -> str:
    """Why this cannot be measured here; empty where it can."""
    return "" if PROGRAM.exists() else "no VictoriaMetrics in .cache/backends: make backends"


def store(directory: Path, shape: Shape, rounds: int) -> Stored:
    """Feed the metrics of a fleet's agents, a quarter of a minute apart, while journeys run."""
    rules = rules_of(contracts(shape.journeys))
    totals_of(directory, shape, rules)
    journal = Journal.open(directory / "totals.db", rules)
    with _backend(directory / "storage") as (http, pid):
        before_s = cpu_s(tree(pid))
        start_ms = time.time_ns() // 1_000_000 - round(1000 * METRICS_EVERY_S * rounds)
        for number in range(rounds):
            now_ms = start_ms + round(1000 * METRICS_EVERY_S * number)
            _run_some(journal, shape, number, now_ms)
            body = encode.metrics(journal, now_ms, (), {})
            for name in shape.names:
                sent = http.post("/opentelemetry/v1/metrics", content=of_region(body, name))
                sent.raise_for_status()
        http.get("/internal/force_flush").raise_for_status()
        inserted = _INSERTED.search(http.get("/metrics").text)
        samples = int(inserted[1]) if inserted else 0
        used_s, peak = cpu_s(tree(pid)) - before_s, peak_mb(pid)
    journal.close()
    files = (directory / "storage" / "data").rglob("*")
    size = sum(file.stat().st_size for file in files if file.is_file())
    return Stored(samples // rounds, samples, used_s, peak, size)


def _run_some(journal: Journal, shape: Shape, number: int, now_ms: int) -> None:
    """Each journey runs once a minute: a quarter of them since the last time."""
    quarter = round(EVERY_MS / 1000 / METRICS_EVERY_S)
    own = names(shape.journeys)[number % quarter :: quarter]
    region = shape.names[0]
    journal.write([run_at(region, now_ms, number + n, name) for n, name in enumerate(own)])


@contextmanager
def _backend(directory: Path) -> Iterator[tuple[httpx.Client, int]]:
    """A running VictoriaMetrics: a client for it, and its pid."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        where = f"127.0.0.1:{free.getsockname()[1]}"
    flags = [f"-httpListenAddr={where}", f"-storageDataPath={directory}"]
    more = ["-retentionPeriod=10y", "-opentelemetry.usePrometheusNaming", "-loggerLevel=ERROR"]
    client = httpx.Client(base_url=f"http://{where}", headers=_HEADERS, timeout=60, trust_env=False)
    with client as http, subprocess.Popen([PROGRAM, *flags, *more]) as process:
        try:
            ends_s = time.monotonic() + _STARTING_S
            while not _answers(http):
                if process.poll() is not None or time.monotonic() > ends_s:
                    raise RuntimeError("VictoriaMetrics does not start")
                time.sleep(0.05)
            yield http, process.pid
        finally:
            process.terminate()
            process.wait()


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/health").is_success
    except httpx.TransportError:
        return False
