"""Against a real metric backend: its totals are those of the journal, whatever lay between."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from prober.conventions import METRICS
from prober.destination import Destination
from prober.journal.journal import Journal
from prober.model import Cause, Outcome, Run
from prober.telemetry.exposition import exposition
from prober.telemetry.totals import Reading

RANGE = "[10y]"
MakeRun = Callable[..., Run]


@pytest.fixture
def backend(victoria: Callable[..., Any]) -> Any:
    """A VictoriaMetrics that names our metrics as Prometheus does."""
    return victoria("-opentelemetry.usePrometheusNaming")


@pytest.fixture
def proxy(receiver: Callable[[], Any], answer: Any, backend: Any) -> Any:
    """A receiver that hands what it accepts on to the backend before it answers."""
    server = receiver()
    server.forwarding = True

    def rule(path: str, body: bytes) -> Any:
        if not server.forwarding:
            return answer(503)
        reply = backend.http.post(f"/opentelemetry{path}", content=body)
        assert reply.is_success, reply.text
        return answer()

    server.rule = rule
    return server


@pytest.fixture
def metrics_to(to: Callable[..., Destination]) -> Callable[[str], Destination]:
    return lambda url: to(url, signals=("metrics",))


def counted(journal: Journal) -> dict[tuple[str, str], int]:
    """The journal's counters, without those that delivery itself moves."""
    return {
        (name, attributes): value
        for name, attributes, value in journal.counters()
        if not name.startswith("prober.export.")
    }


def stored(backend: Any, counters: dict[tuple[str, str], int]) -> dict[tuple[str, str], list[int]]:
    """What the backend has last of every series of these counters."""
    found = {}
    for name, attributes in counters:
        labels = {key.replace(".", "_"): v for key, v in json.loads(attributes).items()}
        labels.setdefault("error_type", "")
        wanted = ",".join(f'{key}="{value}"' for key, value in labels.items())
        metric = name.replace(".", "_") + "_total"
        result = backend.query(f"last_over_time({metric}{{{wanted}}}{RANGE})", time.time() + 60)
        found[name, attributes] = [int(series["value"][1]) for series in result]
    return found


def test_totals_survive_restarts_an_outage_and_a_lossy_way(
    proxy: Any,
    backend: Any,
    answer: Any,
    journal: Callable[[], Journal],
    run: MakeRun,
    metrics_to: Any,
    shipping: Any,
    ship: Any,
) -> None:
    """Three lives of an agent, a version each: a good way, no backend, a good way again."""
    slots = iter(range(10**6))
    verdicts: list[dict[str, Any]] = [
        {},
        {"outcome": Outcome.FAILED, "cause": Cause.TIMEOUT},
        {"outcome": Outcome.INCONCLUSIVE, "cause": Cause.BROWSER},
    ]
    for life in range(3):
        opened = journal()
        opened.count_zeros("eu-west-1", ["checkout", "login"])
        seen = len(proxy.requests)
        proxy.forwarding = life != 1

        def measured(opened: Journal = opened, seen: int = seen) -> bool:
            n = next(slots)
            opened.write([run(n, took_ms=50 + n, **verdicts[n % 3])])
            return len(proxy.requests) >= seen + 5

        ship(shipping(opened, metrics_to(proxy.url), version=f"1.{life}"), measured)
    counters = counted(opened)
    assert stored(backend, counters) == {series: [value] for series, value in counters.items()}


def test_the_histogram_is_exact_and_its_start_never_moves(
    proxy: Any,
    backend: Any,
    journal: Callable[[], Journal],
    run: MakeRun,
    metrics_to: Any,
    shipping: Any,
    ship: Any,
) -> None:
    for life in range(2):
        opened = journal()
        opened.write([run(10 * life + n, took_ms=100 * (n + 1)) for n in range(10)])
        seen = len(proxy.requests)
        ship(
            shipping(opened, metrics_to(proxy.url)),
            lambda seen=seen: len(proxy.requests) >= seen + 2,
        )
    at = time.time() + 60
    (count,) = backend.query(f"last_over_time(prober_run_duration_seconds_count{RANGE})", at)
    (total,) = backend.query(f"last_over_time(prober_run_duration_seconds_sum{RANGE})", at)
    below = backend.query(
        f'last_over_time(prober_run_duration_seconds_bucket{{le="0.5"}}{RANGE})', at
    )
    assert (count["value"][1], total["value"][1]) == ("20", "11")
    assert [series["value"][1] for series in below] == ["10"]
    starts = {start for request in proxy.requests for start in _starts(request.body)}
    assert starts == {opened.birth_ms * 1_000_000}


def test_a_payload_whose_reply_was_lost_counts_once(
    proxy: Any,
    backend: Any,
    answer: Any,
    journal: Callable[[], Journal],
    run: MakeRun,
    metrics_to: Any,
    shipping: Any,
    ship: Any,
) -> None:
    opened = journal()
    opened.write([run(n) for n in range(7)])
    forward, lost = proxy.rule, threading.Semaphore(3)

    def loses_replies(path: str, body: bytes) -> Any:
        forward(path, body)
        return answer(drops=lost.acquire(blocking=False))

    proxy.rule = loses_replies
    ship(shipping(opened, metrics_to(proxy.url)), lambda: len(proxy.requests) >= 6)
    assert len({request.raw for request in proxy.requests[:4]}) == 1
    counters = counted(opened)
    assert stored(backend, counters) == {series: [value] for series, value in counters.items()}


def test_series_have_the_names_they_have_on_the_agents_own_page(
    proxy: Any,
    backend: Any,
    journal: Callable[[], Journal],
    run: MakeRun,
    metrics_to: Any,
    shipping: Any,
    ship: Any,
) -> None:
    opened = journal()
    opened.write([run(n, **more) for n, more in enumerate([{}, {"outcome": Outcome.FAILED}])])
    readings = [Reading(metric, {"prober.region": "eu-west-1"}, 1) for metric in METRICS]
    readings = [each for each in readings if each.metric.kind == "gauge"]
    one = shipping(opened, metrics_to(proxy.url), readings=lambda: readings)
    ship(one, lambda: len(proxy.requests) >= 3)
    page = exposition(opened, one.readings())
    shown = {
        (name, *sorted(re.findall(r'(\w+)="([^"]*)"', labels)))
        for name, labels in re.findall(r"^(\w+)\{(.*)\} ", page, re.MULTILINE)
    }
    found = backend.query(f'last_over_time({{__name__=~"prober_.+"}}{RANGE})', time.time() + 60)
    stored = {
        (labels.pop("__name__"), *sorted(_without_resource(labels)))
        for labels in (series["metric"] for series in found)
    }
    assert len(shown) > 100
    assert stored == shown


def _without_resource(labels: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in labels.items():
        if name != "job" and not name.startswith("service_"):
            yield name, value


def _starts(body: bytes) -> Iterator[int]:
    scope = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0]
    for metric in scope.metrics:
        for total in metric.sum.data_points:
            yield total.start_time_unix_nano
        for distribution in metric.histogram.data_points:
            yield distribution.start_time_unix_nano
