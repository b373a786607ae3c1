"""A real agent, judged from its journal, from VictoriaMetrics and from Prometheus: one verdict."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from prober.evaluator.judging.evaluate import evaluate
from prober.evaluator.judging.result import Evaluation
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.sources.promql import PromSource
from prober.evaluator.sources.source import Source
from prober.journal.tally import rules_of
from prober.journal.view import View
from prober.slo.contract import Contract
from prober.slo.format import load_contracts
from tests.conftest import Server, Victoria, unused_port
from tests.e2e.conftest import JOURNEYS, ROOT, Place
from tests.evaluator.fleet import Prometheus

pytestmark = [pytest.mark.long, pytest.mark.timeout(170)]

EVERY_MS = 5000
#: So long after a slot its run has ended, and was exported and scraped; unless all is slow.
SETTLED_MS = 4500
CONTRACT = """
apiVersion: prober/v1
kind: SLO
metadata: {name: account-api}
spec:
  journey: account_api
  owners: {product: pm, sre: sre}
  rationale: it is only for this test
  objectives:
    - {name: availability, sli: success, target: "99%"}
    - {name: speed, sli: {latency: {threshold: 5ms}}, target: "50%"}
  windows:
    - {name: rolling, duration: 30d}
    - {name: day, calendar: {unit: day, time_zone: UTC}}
  data: {min_runs: 1, min_coverage: "10%", max_staleness: 1h}
"""


def test_a_live_agent_is_judged_the_same_from_both_backends_and_its_journal(
    place: Place,
    shop: Any,
    victoria: Callable[..., Victoria],
    until: Callable[..., Any],
    tmp_path: Path,
) -> None:
    contracts = contracts_in(tmp_path / "journeys")
    port, metrics = unused_port(), victoria("-opentelemetry.usePrometheusNaming")
    prometheus = Prometheus(tmp_path, config=scraping(port))
    agent = place.agent("here", region_of(shop.url, metrics.url, port), tmp_path / "journeys")
    try:
        agent.start()
        until(lambda: runs(metrics) >= 2, 60)
        shop.fault("error", "api")
        until(lambda: runs(metrics, 'prober_outcome="failed"'), 60)
        shop.fault(None)
        assert agent.stop() == 0
        agent.start()
        view = View.open(tmp_path / "here" / "journal.db")
        begun_ms = time.time_ns() // 1_000_000
        as_of_ms = until(lambda: settled_ms(view, begun_ms, metrics, prometheus), 60)
        sources = [from_backend(server.url, contracts) for server in (metrics, prometheus)]
        metrics.http.get("/internal/force_flush").raise_for_status()
        mine, *theirs = [
            judged(contracts, source, as_of_ms) for source in (JournalSource(view), *sources)
        ]
        view.close()
        assert mine[0].results[0].judgement.counts.bad
        assert [fractions(each) for each in theirs] == [fractions(mine)] * 2
        assert_commands_judge_from(prometheus.url, tmp_path / "journeys", place)
    finally:
        prometheus.close()


def contracts_in(directory: Path) -> tuple[Contract, ...]:
    directory.mkdir()
    shutil.copy(JOURNEYS / "account_api.py", directory)
    (directory / "account_api.slo.yaml").write_text(CONTRACT)
    return load_contracts(directory)


def scraping(port: int) -> str:
    job = {"job_name": "prober", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    return json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]})


def region_of(shop: str, metrics: str, port: int) -> str:
    return f"""
        base_url: {shop}
        journeys:
          account_api: {{every: {EVERY_MS}ms, timeout: 2s}}
        only: [account_api]
        otlp: [{{name: metrics, endpoint: "{metrics}/opentelemetry", signals: [metrics]}}]
        metrics_interval: 1s
        listen: 127.0.0.1:{port}
        """


def runs(metrics: Victoria, matcher: str = "") -> int:
    """How many runs the backend knows of."""
    found = metrics.query(f"sum(last_over_time(prober_runs_total{{{matcher}}}[1h]))")
    return int(found[0]["value"][1]) if found else 0


def settled_ms(view: View, begun_ms: int, *backends: Server) -> int:
    """A moment after the newest slot, if all runs until then were known everywhere; else 0."""
    (table,) = view.timetables("account_api").values()
    latest_ms = time.time_ns() // 1_000_000 - 200 - SETTLED_MS
    slot_ms = table.schedules[-1].first_at(latest_ms - EVERY_MS + 1)
    as_of_ms = slot_ms + SETTLED_MS
    told = (run for each in view.series() for run in view.runs(each.id, 0, 2**60, -1))
    slots = [run.id.slot_ms for run in told if run.counts]
    if slot_ms < begun_ms or slot_ms not in slots:
        return 0
    count = sum(ran_ms <= slot_ms for ran_ms in slots)
    return as_of_ms if all(known(each, as_of_ms) == count for each in backends) else 0


def known(backend: Server, at_ms: int) -> int:
    """How many runs a backend knew of at a moment."""
    question = {
        "query": "sum(last_over_time(prober_runs_total[1h]))",
        "time": f"{at_ms / 1000:.3f}",
        "nocache": "1",
    }
    reply = backend.http.post("/api/v1/query", data=question).raise_for_status()
    found = reply.json()["data"]["result"]
    return int(found[0]["value"][1]) if found else 0


def from_backend(url: str, contracts: tuple[Contract, ...]) -> PromSource:
    return PromSource.connect(url, rules_of(contracts), {})


def judged(
    contracts: tuple[Contract, ...], source: Source, as_of_ms: int
) -> tuple[Evaluation, ...]:
    found = tuple(evaluate(contract, source, as_of_ms) for contract in contracts)
    if isinstance(source, PromSource):
        source.close()
    return found


def fractions(evaluations: tuple[Evaluation, ...]) -> list[Any]:
    """Everything exact, and nothing that only records can tell."""
    return [
        (
            result.objective.name,
            result.window.name,
            result.judgement,
            result.burn_rates,
            [(each.region, each.counts, each.silent) for each in result.regions],
            result.note,
        )
        for evaluation in evaluations
        for result in evaluation.results
    ]


def assert_commands_judge_from(url: str, contracts: Path, place: Place) -> None:
    """`prober status --source` and an evaluator with `--source` know of the runs."""
    command = [sys.executable, "-m", "prober", "status", "--source", url, "--json"]
    done = subprocess.run(
        [*command, "--contracts", str(contracts)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    port = unused_port()
    evaluator = place.evaluator(port, contracts)
    evaluator.arguments += ("--source", url)
    evaluator.start()
    served = httpx.get(f"http://127.0.0.1:{port}/api/v1/status", timeout=30, trust_env=False)
    for status in (json.loads(done.stdout), served.json()):
        (first, *_) = status["slos"][0]["results"]
        assert first["counts"]["good"] >= 2
        assert first["counts"]["bad"] >= 1
    assert evaluator.stop() == 0
