from __future__ import annotations

import gzip
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from prober.journal.journal import Journal
from prober.journal.outbox import Cursor
from prober.model import Run
from prober.telemetry.resource import resource_of
from prober.telemetry.snapshots import Snapshots, thin

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
RESOURCE = resource_of("eu-west-1", "0", "1", {})

Taken = list[tuple[int, int, int]]


def every(period_ms: int, since_ms: int, until_ms: int, size: int = 1000) -> Taken:
    return [(n, t, size) for n, t in enumerate(range(since_ms, until_ms, period_ms), 1)]


def left(taken: Taken, now_ms: int, limit: int = 10**12) -> Taken:
    dropped = set(thin(taken, now_ms, limit))
    return [each for each in taken if each[0] not in dropped]


def test_the_last_two_hours_are_kept_whole() -> None:
    taken = every(15_000, 0, 2 * HOUR_MS)
    assert thin(taken, 2 * HOUR_MS - 1, 10**12) == []


def test_an_older_one_stays_each_minute_and_after_a_day_in_8_minutes() -> None:
    now_ms = 3 * DAY_MS
    kept = [now_ms - t for _, t, _ in left(every(15_000, 0, now_ms), now_ms)]
    gaps = {age: age - younger for age, younger in pairwise(kept)}
    assert {gap for age, gap in gaps.items() if age < 2 * HOUR_MS} == {15_000}
    assert {gap for age, gap in gaps.items() if 3 * HOUR_MS < age < DAY_MS} == {MINUTE_MS}
    assert {gap for age, gap in gaps.items() if age > DAY_MS + HOUR_MS} == {8 * MINUTE_MS}


def test_a_week_at_15_seconds_stays_below_the_limit_of_the_design() -> None:
    now_ms = 7 * DAY_MS
    kept = left(every(15_000, 0, now_ms, size=80_000), now_ms)
    assert sum(size for _, _, size in kept) < 256_000_000


@pytest.mark.parametrize(
    ("megabytes", "minutes"), [(0.1, 8), (0.15, 8), (0.3, 16), (0.5, 32), (2, 128)]
)
def test_past_the_limit_resolution_goes_and_the_week_stays(megabytes: float, minutes: int) -> None:
    now_ms = 7 * DAY_MS
    size = int(megabytes * 1_000_000)
    kept = left(every(15_000, 0, now_ms, size), now_ms, 256_000_000)
    assert 200_000_000 < sum(size for _, _, size in kept) <= 256_000_000
    assert kept[0][1] < minutes * MINUTE_MS
    assert max(after[1] - at[1] for at, after in pairwise(kept)) <= minutes * MINUTE_MS


def test_past_the_limit_the_finest_go_first_and_of_them_the_oldest() -> None:
    taken = every(15_000, 0, 2 * MINUTE_MS)
    assert left(taken, 2 * MINUTE_MS, limit=6000) == taken[2:]
    assert left(taken, 2 * MINUTE_MS, limit=2000) == [taken[3], taken[7]]


def test_the_newest_stays_even_when_it_alone_is_too_large() -> None:
    assert thin([(1, 0, 5), (2, 1, 10**9)], 2, 100) == [1]


@given(
    st.lists(st.tuples(st.integers(0, 3 * DAY_MS), st.integers(1, 10**6)), max_size=60),
    st.integers(1, 10**7),
)
def test_thinning_again_changes_nothing_and_the_newest_stays(
    drawn: list[tuple[int, int]], limit: int
) -> None:
    taken = [(n, t, size) for n, (t, size) in enumerate(sorted(drawn), 1)]
    kept = left(taken, 3 * DAY_MS, limit)
    assert left(kept, 3 * DAY_MS, limit) == kept
    assert kept[-1:] == taken[-1:]
    assert sum(size for _, _, size in kept[:-1]) <= limit


@pytest.fixture
def opened(journal: Callable[[], Journal]) -> Journal:
    return journal()


def taker(journal: Journal, *destinations: str, limit_bytes: int = 10**9) -> Snapshots:
    return Snapshots(journal, RESOURCE, tuple, destinations, limit_bytes)


def test_what_every_destination_has_is_forgotten(opened: Journal) -> None:
    snapshots = taker(opened, "a", "b")
    for n in range(4):
        snapshots.take(n)
    opened.outbox.move("a", "metrics", Cursor(3, 3))
    opened.outbox.move("b", "metrics", Cursor(1, 2))
    snapshots.tidy(4)
    assert [id_ for id_, _, _ in opened.outbox.snapshots()] == [2, 3, 4]


def test_what_is_in_flight_is_not_thinned_away(opened: Journal) -> None:
    snapshots = taker(opened, "a", limit_bytes=1)
    opened.outbox.move("a", "metrics", Cursor(0, 1))
    for n in range(4):
        snapshots.take(n)
    assert [id_ for id_, _, _ in opened.outbox.snapshots()] == [1, 4]


def test_exemplars_are_runs_since_the_payload_before(
    opened: Journal, run: Callable[..., Run]
) -> None:
    opened.write([run(0)])
    snapshots = taker(opened, "a")
    snapshots.begin()
    shown = []
    for n in range(1, 4):
        if n < 3:
            opened.write([run(n)])
        snapshots.take(n)
        frozen = opened.outbox.snapshot(n - 1)
        assert frozen is not None
        request = ExportMetricsServiceRequest.FromString(gzip.decompress(frozen[2]))
        metrics = request.resource_metrics[0].scope_metrics[0].metrics
        (duration,) = (metric for metric in metrics if metric.name == "prober.run.duration")
        shown.append([each.trace_id for each in duration.histogram.data_points[0].exemplars])
    assert shown == [[run(1).id.trace_id], [run(2).id.trace_id], []]
