from __future__ import annotations

import asyncio
import gzip
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from prober.journal.journal import Journal
from prober.journal.outbox import Cursor
from prober.model import Run
from prober.telemetry import decode
from prober.telemetry.deliver import Shipping
from prober.telemetry.resource import resource_of
from prober.telemetry.snapshots import Snapshots, thin
from prober.telemetry.timing import Timing, set_within
from prober.telemetry.totals import Reading
from tests.telemetry.conftest import NEW_YEAR_MS

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


# Stamps


def stamps(journal: Journal) -> list[int]:
    return [taken_ms for _, taken_ms, _ in journal.outbox.snapshots()]


def test_the_newest_payload_stays_though_everybody_has_it(opened: Journal) -> None:
    snapshots = taker(opened, "a")
    for n in range(3):
        snapshots.take(n)
    opened.outbox.move("a", "metrics", Cursor(3, 3))
    snapshots.tidy(3)
    assert [id_ for id_, _, _ in opened.outbox.snapshots()] == [3]


def test_no_moment_of_the_grid_is_stamped_twice_also_after_a_restart(
    journal: Callable[[], Journal],
) -> None:
    taker(journal(), "a").take_aligned(75_004, 15_000)
    opened = journal()
    opened.outbox.move("a", "metrics", Cursor(1, 1))
    for now_ms in (75_004, 60_002, 75_001):
        taker(opened, "a").take_aligned(now_ms, 15_000)
    assert stamps(opened) == [75_000]
    taker(opened, "a").take_aligned(90_001, 15_000)
    assert stamps(opened) == [90_000]


def test_a_clock_set_back_by_more_than_an_hour_is_believed_once(opened: Journal) -> None:
    snapshots = taker(opened, "a")
    for now_ms in (3 * HOUR_MS, 2 * HOUR_MS, HOUR_MS, HOUR_MS + 15_000, HOUR_MS + 1000):
        snapshots.take_aligned(now_ms, 15_000)
    assert stamps(opened) == [3 * HOUR_MS, HOUR_MS, HOUR_MS + 15_000]


@pytest.mark.parametrize(
    ("now_ms", "stamp_ms"),
    [(22_600, 15_000), (28_900, 15_000), (29_000, 30_000), (30_004, 30_000), (44_000, 45_000)],
)
def test_a_stamp_is_at_most_a_second_ahead(opened: Journal, now_ms: int, stamp_ms: int) -> None:
    taker(opened, "a").take_aligned(now_ms, 15_000)
    assert stamps(opened) == [stamp_ms]


def test_what_must_get_out_is_stamped_just_after_the_one_before(opened: Journal) -> None:
    snapshots = taker(opened, "a")
    snapshots.take_aligned(29_500, 15_000)
    for now_ms in (29_600, 29_700, 20_000, 30_500):
        snapshots.take(now_ms)
    assert stamps(opened) == [30_000, 30_001, 30_002, 30_003, 30_500]


def test_who_is_stamped_later_has_counted_later(opened: Journal) -> None:
    reading, first_may_end = threading.Event(), threading.Event()

    def slow() -> list[Reading]:
        if not reading.is_set():
            reading.set()
            first_may_end.wait(30)
        return []

    snapshots = Snapshots(opened, RESOURCE, slow, ["a"])
    first = threading.Thread(target=snapshots.take_aligned, args=(30_001, 15_000))
    first.start()
    assert reading.wait(30)
    second = threading.Thread(target=snapshots.take, args=(30_050,))
    second.start()
    second.join(0.2)
    assert second.is_alive(), "it waits for the first"
    first_may_end.set()
    first.join()
    second.join()
    assert stamps(opened) == [30_000, 30_050]


class Jumps:
    """A clock that is set whenever a payload was waited for; then the wait ends with the stop."""

    def __init__(self) -> None:
        self.ms = NEW_YEAR_MS
        self.left: deque[int] = deque()
        self.over = False

    def now_ms(self) -> int:
        return self.ms

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        if seconds > 60:  # a delivery, until it is woken
            return await set_within(event, seconds)
        if not self.left:
            self.over = True
            return await set_within(event, 60)
        self.ms += round(seconds * 1000) + self.left.popleft()
        return event.is_set()


@pytest.mark.parametrize(
    "lives",
    [
        pytest.param([[0, 0, 0, -40_000, 0, 0, 0, 0, 0]], id="set back"),
        pytest.param([[0, 7_600]], id="stalled, then stopped"),
        pytest.param([[0, 7_600, -100, 0]], id="stalled"),
        pytest.param([[0, 1_000_000 + 7_600], [0]], id="resumed, then started again"),
        pytest.param([[0, 0], [-600_000, 0, 0], [600_000, 0]], id="set back between two lives"),
        pytest.param([[0, -300]], id="woken too early, then stopped"),
    ],
)
def test_in_the_order_of_stamps_no_counter_falls_and_the_last_payload_has_everything(
    lives: Sequence[Sequence[int]],
    receiver: Any,
    journal: Callable[[], Journal],
    run: Callable[..., Run],
    to: Any,
    shipping: Callable[..., Shipping],
    ship: Callable[..., None],
) -> None:
    server, clock, written = receiver(), Jumps(), count()
    for jumps in lives:
        opened, clock.left, clock.over = journal(), deque(jumps), False

        def readings(opened: Journal = opened) -> list[Reading]:
            """Each payload has a run more than the one before."""
            opened.write([run(next(written))])
            return []

        one = shipping(
            opened,
            to(server.url, signals=("metrics",)),
            metrics_interval_ms=15_000,
            timing=Timing(poll_s=3600, wait=clock.wait),
            now_ms=clock.now_ms,
            readings=readings,
        )
        asyncio.run(one.freeze())
        ship(one, lambda: clock.over)
    bodies = server.taken("/v1/metrics")
    came = [(stamp_of(body), sum(decode.claims(body).runs.values())) for body in bodies]
    assert len({stamp_ms for stamp_ms, _ in came}) == len(came), "no stamp twice"
    totals = [total for _, total in sorted(came)]
    assert totals == sorted(totals)
    assert totals[-1] == next(written)


def stamp_of(body: bytes) -> int:
    scope = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0]
    (runs,) = (metric for metric in scope.metrics if metric.name == "prober.runs")
    return int(runs.sum.data_points[0].time_unix_nano) // 1_000_000
