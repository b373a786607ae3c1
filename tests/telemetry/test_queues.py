from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint

from prober.journal.journal import Journal
from prober.journal.outbox import Cursor
from prober.model import Run, Schedule
from prober.telemetry import decode, encode
from prober.telemetry.queues import RecordQueue, SnapshotQueue, halve_metrics, halve_points
from prober.telemetry.reply import Reply, Verdict
from prober.telemetry.resource import resource_of

RESOURCE = resource_of("eu-west-1", "0", "1", {})
BAD, SPLIT = Reply(Verdict.BAD, "400", "no"), Reply(Verdict.SPLIT, "413")


def payload(sizes: list[int]) -> bytes:
    """A metric request with so many points in its metrics."""
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    for number, size in enumerate(sizes):
        metric = Metric(name=f"m{number}", unit="s", description="what it is")
        metric.sum.is_monotonic = True
        for n in range(size):
            attribute = KeyValue(key="n", value=AnyValue(int_value=n))
            metric.sum.data_points.append(NumberDataPoint(as_int=n, attributes=[attribute]))
        scope.metrics.append(metric)
    return request.SerializeToString(deterministic=True)


def points(body: bytes) -> list[str]:
    scope = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0]
    return [
        f"{metric.name} {metric.unit} {metric.sum.is_monotonic} {point}"
        for metric in scope.metrics
        for point in metric.sum.data_points
    ]


@settings(deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=6))
def test_halves_have_every_point_once_and_keep_its_metric(sizes: list[int]) -> None:
    body = payload(sizes)
    for halve, pieces in ((halve_points, sum(sizes)), (halve_metrics, len(sizes))):
        halves = halve(body)
        if pieces == 1:
            assert halves is None
        else:
            assert halves is not None
            assert all(points(half) for half in halves)
            assert points(halves[0]) + points(halves[1]) == points(body)


def test_a_bad_metric_is_not_cut_through() -> None:
    halves = halve_metrics(payload([5, 1, 1]))
    assert halves is not None
    assert [len(points(half)) for half in halves] == [5, 2]


@pytest.fixture
def opened(journal: Callable[[], Journal]) -> Journal:
    return journal()


def logs_of(journal: Journal) -> RecordQueue:
    return RecordQueue(journal, "main", "logs", partial(encode.logs, resource=RESOURCE), lambda: 7)


def many(body: bytes | None) -> int:
    return len(decode.records(body or b"").records)


def test_boundaries_are_in_the_journal_before_a_batch_is_sent(
    opened: Journal, run: Callable[..., Run]
) -> None:
    opened.write([run(n) for n in range(5)])
    before = logs_of(opened).head()
    assert opened.outbox.cursor("main", "logs") == Cursor(0, 5)
    opened.write([run(n) for n in range(5, 9)])
    assert logs_of(opened).head() == before, "another process sends the same"


def test_halved_boundaries_outlive_the_process(opened: Journal, run: Callable[..., Run]) -> None:
    opened.write([run(n) for n in range(8)])
    queue = logs_of(opened)
    queue.head()
    queue.narrowed(SPLIT)
    assert many(logs_of(opened).head()) == 4


def test_a_batch_grows_again_after_a_bad_record(opened: Journal, run: Callable[..., Run]) -> None:
    opened.write([run(n) for n in range(20)])
    queue = logs_of(opened)
    lengths = [many(queue.head())]
    while lengths[-1] > 1:
        queue.narrowed(BAD)
        lengths.append(many(queue.head()))
    assert not queue.narrowed(BAD), "what is refused alone is set aside, and a pause is due"
    while body := queue.head():
        lengths.append(many(body))
        queue.accepted()
    assert lengths == [20, 10, 5, 2, 1, 1, 2, 4, 8, 4]
    assert opened.outbox.quarantined("main", "logs") == [(1, 7, "400 no")]


def test_a_batch_that_was_pruned_meanwhile_is_passed_over(
    opened: Journal, run: Callable[..., Run]
) -> None:
    opened.write([run(0)])
    opened.outbox.move("main", "logs", Cursor(0, 1))
    opened.store.change("prune_records", seqs="[1]")
    assert logs_of(opened).head() is None
    assert opened.outbox.cursor("main", "logs") == Cursor(1, 1)
    opened.write([run(1)])
    assert many(logs_of(opened).head()) == 1


def test_entries_without_runs_are_acknowledged_without_a_trace(opened: Journal) -> None:
    opened.write([Schedule(journey="j", region="r", from_ms=7, every_ms=60_000, phase_ms=0)])
    encoded = partial(encode.traces, resource=RESOURCE)
    assert RecordQueue(opened, "main", "traces", encoded, lambda: 7).head() is None
    assert opened.outbox.cursor("main", "traces").acked == 1


def test_a_recalled_record_that_was_pruned_leaves_quarantine(opened: Journal) -> None:
    opened.outbox.quarantine("main", "logs", 5, 1, "400")
    queue = logs_of(opened)
    queue.recall()
    assert queue.head() is None
    assert opened.outbox.quarantined("main", "logs") == []


def test_a_recalled_record_that_is_refused_again_stays_aside(
    opened: Journal, run: Callable[..., Run]
) -> None:
    opened.write([run(0)])
    queue = logs_of(opened)
    queue.head()
    queue.narrowed(BAD)
    queue.recall()
    assert many(queue.head()) == 1
    queue.narrowed(BAD)
    assert queue.head() is None
    assert queue.backlog().quarantined == 1


def test_a_known_destination_of_metrics_goes_on_where_it_was(opened: Journal) -> None:
    for n in range(4):
        opened.outbox.freeze(gzip.compress(payload([n + 1])), n)
    opened.outbox.move("main", "metrics", Cursor(1, 2))
    queue = SnapshotQueue(opened, "main")
    queue.begin()
    assert queue.head() == payload([2])
    assert queue.backlog()[:2] == (3, 1)
