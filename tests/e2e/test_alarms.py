"""Nobody finds out last that a prober is dead: the rules as shipped, a real engine, and a kill."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BACKENDS, ROOT, Server, Victoria, unused_port
from tests.e2e.conftest import Place
from tests.e2e.test_parity import contracts_in

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

RULES = ROOT / "regions" / "alerts" / "fleet.rules.yaml"
REGIONS = ("eu-west-1", "us-east-1")
REGION = """
    base_url: {shop}
    journeys: {{account_api: {{every: 3s, timeout: 2s}}}}
    only: [account_api]
    metrics_interval: 1s
    otlp:
      - {{name: evaluator, endpoint: "{evaluator}", signals: [logs, metrics]}}
      - {{name: victoria, endpoint: "{victoria}/opentelemetry", signals: [metrics]}}
"""
#: Two minutes; the engine looks each half minute, at what was half a minute ago. Half as much
#: again for a busy machine.
TOLD_WITHIN_S = 270


class Alarms(Server):
    """A vmalert with the shipped rules, which tells nobody."""

    def __init__(self, directory: Path, source: str) -> None:
        port = unused_port()
        command = [
            str(BACKENDS / "bin" / "vmalert"),
            *(f"-rule={RULES}", f"-datasource.url={source}", "-notifier.blackhole"),
            f"-httpListenAddr=127.0.0.1:{port}",
        ]
        super().__init__(command, port, directory / "alarms.log", "/health")

    def firing(self) -> set[tuple[str, str]]:
        """Alerts by name, and the region of each that has one."""
        found = self.http.get("/api/v1/alerts").raise_for_status().json()["data"]["alerts"]
        return {
            (each["labels"]["alertname"], each["labels"].get("prober_region", ""))
            for each in found
            if each["state"] == "firing"
        }


@pytest.fixture
def alarms(
    tmp_path: Path, victoria: Callable[..., Victoria]
) -> Iterator[Callable[[int], tuple[Alarms, Victoria]]]:
    """`alarms(port)`: an engine of rules, and what it reads, which scrapes an evaluator there."""
    started: list[Alarms] = []

    def start(port: int) -> tuple[Alarms, Victoria]:
        scraping = tmp_path / "scraping.yaml"
        job = {"job_name": "evaluator", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        scraping.write_text(
            json.dumps({"global": {"scrape_interval": "5s"}, "scrape_configs": [job]})
        )
        metrics = victoria("-opentelemetry.usePrometheusNaming", f"-promscrape.config={scraping}")
        started.append(Alarms(tmp_path, metrics.url))
        return started[0], metrics

    yield start
    for each in started:
        each.close()


def test_an_agent_and_an_evaluator_that_are_killed_are_alarms_in_time_and_nothing_else_is(
    place: Place, alarms: Callable[[int], tuple[Alarms, Victoria]], until: Callable[..., Any],
    shop: Any, tmp_path: Path, show: Callable[[str], None],
) -> None:  # fmt: skip
    contracts_in(tmp_path / "journeys")
    port = unused_port()
    engine, metrics = alarms(port)
    judge = place.evaluator(port, tmp_path / "journeys")
    judge.start()
    text = REGION.format(shop=shop.url, evaluator=f"http://127.0.0.1:{port}", victoria=metrics.url)
    agents = {name: place.agent(name, text, tmp_path / "journeys") for name in REGIONS}
    for agent in agents.values():
        agent.start()
    heard = 'count by (prober_region) (prober_info_ratio{prober_region!=""})'
    until(lambda: len(metrics.query(heard)) == len(REGIONS), 60)
    until(lambda: metrics.query("prober_slo_coverage_ratio"), 60)
    until(lambda: engine.firing() == set(), TOLD_WITHIN_S)
    killed_s = time.monotonic()
    agents["us-east-1"].kill()
    judge.kill()
    dead = {("ProberAgentSilent", "us-east-1"), ("ProberEvaluatorDown", "")}
    for alarm in sorted(dead):
        until(lambda alarm=alarm: alarm in engine.firing(), TOLD_WITHIN_S)
        show(f"{alarm[0]}: after {time.monotonic() - killed_s:.0f} s")
    assert engine.firing() == dead
    agents["us-east-1"].start()
    judge.start()
    until(lambda: not engine.firing() & dead, TOLD_WITHIN_S)
