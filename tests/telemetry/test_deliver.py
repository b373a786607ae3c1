from __future__ import annotations

import asyncio
import gzip
import json
import logging
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from prober.destination import Destination
from prober.journal.journal import Journal
from prober.journal.outbox import Cursor
from prober.model import Record, Run, Schedule
from prober.telemetry import decode, encode
from prober.telemetry.deliver import Delivery, Shipping
from prober.telemetry.timing import Timing

LOGS, METRICS, TRACES = "/v1/logs", "/v1/metrics", "/v1/traces"
Ship = Callable[..., None]
MakeRun = Callable[..., Run]


def received(server: Any) -> list[Record]:
    return [record for body in server.taken(LOGS) for record in decode.records(body).records]


def sizes(server: Any) -> list[int]:
    return [len(decode.records(request.body).records) for request in server.requests]


def points(body: bytes) -> list[tuple[str, str]]:
    """The points of a metric request as (metric, the point as text)."""
    scope = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0]
    return [
        (metric.name, str(point))
        for metric in scope.metrics
        for point in getattr(metric, metric.WhichOneof("data") or "").data_points
    ]


def counted(journal: Journal, metric: str, **attributes: str) -> int:
    wanted = {
        f"prober.{key}" if key != "error" else "error.type": v for key, v in attributes.items()
    }
    return sum(
        value
        for name, stored, value in journal.counters()
        if name == metric and wanted.items() <= json.loads(stored).items()
    )


def only(shipping: Shipping, signal: str) -> Delivery:
    (found,) = (each for each in shipping.deliveries if each.signal == signal)
    return found


@pytest.fixture
def logs_to(to: Callable[..., Destination]) -> Callable[..., Destination]:
    return lambda url, **more: to(url, **{"signals": ("logs",), **more})


@pytest.fixture
def metrics_to(to: Callable[..., Destination]) -> Callable[..., Destination]:
    return lambda url, **more: to(url, **{"signals": ("metrics",), **more})


# Records


def test_every_record_arrives_once_and_in_order(
    receiver: Any, journal: Any, run: MakeRun, to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    written: list[Record] = [run(n) for n in range(1200)]
    written.insert(7, Schedule(journey="j", region="r", from_ms=7, every_ms=60_000, phase_ms=0))
    opened.write(written)
    one = shipping(opened, to(server.url))
    ship(one, lambda: len(received(server)) == 1201 and len(server.taken(TRACES)) == 3)
    assert received(server) == written
    spans = [
        span
        for body in server.taken(TRACES)
        for span in ExportTraceServiceRequest.FromString(body)
        .resource_spans[0]
        .scope_spans[0]
        .spans
    ]
    assert len({span.span_id for span in spans}) == 2400
    assert counted(opened, "prober.export.accepted", destination="main", signal="logs") == 3


def test_a_new_record_goes_out_when_delivery_is_woken(
    receiver: Any, journal: Any, run: MakeRun, logs_to: Any, shipping: Any
) -> None:
    server, opened = receiver(), journal()
    one = shipping(opened, logs_to(server.url), timing=Timing(poll_s=3600))

    async def main() -> None:
        await one.start()
        for n in range(3):
            await asyncio.to_thread(opened.write, [run(n)])
            one.wake()
            async with asyncio.timeout(30):
                while len(received(server)) <= n:
                    await asyncio.sleep(0.01)
        await one.stop(5)

    asyncio.run(main())
    assert sizes(server) == [1, 1, 1]


def test_a_new_record_goes_out_by_itself(
    receiver: Any, journal: Any, run: MakeRun, logs_to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(0)])

    def written_later() -> bool:
        if len(received(server)) == 1:
            opened.write([run(1)])
        return len(received(server)) == 2

    ship(shipping(opened, logs_to(server.url)), written_later)


@pytest.mark.parametrize("status", [302, 401, 404, 429, 503])
def test_nothing_is_lost_and_the_same_bytes_come_again_after(
    status: int,
    receiver: Any,
    answer: Any,
    journal: Any,
    run: MakeRun,
    logs_to: Any,
    shipping: Any,
    ship: Ship,
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(n) for n in range(20)])
    server.say(*[answer(status, headers={"Location": "/v1/logs"})] * 3)
    ship(shipping(opened, logs_to(server.url)), lambda: received(server))
    assert server.statuses() == [status, status, status, 200]
    assert len({request.raw for request in server.requests}) == 1
    assert received(server) == [run(n) for n in range(20)]
    assert counted(opened, "prober.export.errors", error=str(status)) == 3


def test_what_was_taken_without_a_reply_comes_again_with_the_same_bytes(
    receiver: Any, answer: Any, journal: Any, run: MakeRun, logs_to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(n) for n in range(20)])
    server.say(answer(drops=True), answer(drops=True))

    def grown() -> bool:
        opened.write([run(100 + len(server.requests))])  # a batch in flight does not grow
        return len(server.requests) >= 3

    ship(shipping(opened, logs_to(server.url)), grown)
    assert len({request.raw for request in server.requests[:3]}) == 1
    assert counted(opened, "prober.export.errors", error="network") == 2


def test_a_receiver_that_hangs_costs_only_time(
    receiver: Any, answer: Any, journal: Any, run: MakeRun, logs_to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(0)])
    server.say(answer(hangs=True))
    ship(shipping(opened, logs_to(server.url, timeout="2s")), lambda: received(server))
    assert counted(opened, "prober.export.errors", error="timeout") == 1
    assert len({request.raw for request in server.requests}) == 1


def test_retry_after_is_waited_for_whatever_our_own_pause_is(
    receiver: Any, answer: Any, journal: Any, run: MakeRun, logs_to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(0)])
    server.say(answer(429, headers={"Retry-After": "1"}))
    began_s = time.monotonic()
    ship(shipping(opened, logs_to(server.url)), lambda: received(server))
    assert time.monotonic() - began_s >= 1


def test_pauses_double_up_to_the_longest() -> None:
    timing = Timing(jitter=lambda: 1.0)
    assert [timing.pause_s(n) for n in (1, 2, 3, 6, 7, 8, 5000)] == [1, 2, 4, 32, 60, 60, 60]
    assert all(0 < Timing().pause_s(n) <= 60 for n in range(1, 500))


def test_partial_success_is_counted_and_not_sent_again(
    receiver: Any,
    answer: Any,
    journal: Any,
    run: MakeRun,
    logs_to: Any,
    shipping: Any,
    ship: Ship,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(n) for n in range(5)])
    partial = ExportLogsPartialSuccess(rejected_log_records=2, error_message="too long")
    body = ExportLogsServiceResponse(partial_success=partial).SerializeToString()
    server.say(answer(200, body))
    ship(
        shipping(opened, logs_to(server.url)),
        lambda: counted(opened, "prober.export.rejected", destination="main") == 2,
    )
    assert len(server.requests) == 1
    assert "2 rejected: too long" in caplog.text


def test_a_batch_that_is_too_large_is_halved_until_it_fits(
    receiver: Any, answer: Any, journal: Any, run: MakeRun, logs_to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(n) for n in range(100)])
    server.rule = lambda _, body: answer(413 if len(body) > 20_000 else 200)
    ship(shipping(opened, logs_to(server.url)), lambda: len(received(server)) == 100)
    assert received(server) == [run(n) for n in range(100)]
    assert server.statuses().count(413) < 6, "the size that fits is remembered"
    assert opened.outbox.quarantined("main", "logs") == []


def test_a_batch_has_about_a_megabyte_at_most(
    receiver: Any, journal: Any, run: MakeRun, logs_to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(n, message="x" * 300_000) for n in range(7)])
    ship(shipping(opened, logs_to(server.url)), lambda: len(received(server)) == 7)
    assert sizes(server) == [3, 3, 1]


def poisonous(answer: Any, *slots: Run) -> Callable[[str, bytes], Any]:
    """A rule: whatever has one of these runs in it is refused with 400."""
    refused = answer(400, b"no such field")
    return lambda _, body: (
        refused if any(record in slots for record in decode.records(body).records) else answer()
    )


def test_a_bad_record_is_found_and_set_aside_and_the_rest_arrives(
    receiver: Any, answer: Any, journal: Any, run: MakeRun, logs_to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    good = [run(n) for n in range(300) if n not in (17, 203)]
    opened.write([run(n) for n in range(300)])
    server.rule = poisonous(answer, run(17), run(203))
    one = shipping(opened, logs_to(server.url))
    ship(one, lambda: len(received(server)) == 298)
    assert received(server) == good
    aside = opened.outbox.quarantined("main", "logs")
    assert [(seq, why) for seq, _, why in aside] == [
        (18, "400 no such field"),
        (204, "400 no such field"),
    ]
    assert only(one, "logs").health().quarantined == 2
    assert len(server.requests) < 60


def test_what_was_set_aside_is_tried_again_at_the_next_start(
    receiver: Any, answer: Any, journal: Any, run: MakeRun, logs_to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(n) for n in range(10)])
    server.rule = poisonous(answer, run(3), run(5))
    ship(shipping(opened, logs_to(server.url)), lambda: len(received(server)) == 8)
    server.rule = poisonous(answer, run(3))
    reopened = journal()
    ship(shipping(reopened, logs_to(server.url)), lambda: len(received(server)) == 9)
    assert received(server)[-1] == run(5)
    assert [seq for seq, _, _ in reopened.outbox.quarantined("main", "logs")] == [4]


def test_what_was_set_aside_is_tried_again_after_a_while(
    receiver: Any, answer: Any, journal: Any, run: MakeRun, logs_to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(n) for n in range(3)])
    server.rule = poisonous(answer, run(1))

    def mended() -> bool:
        if opened.outbox.quarantined("main", "logs"):
            server.rule = lambda path, body: answer()
        return len(received(server)) == 3

    timing = Timing(0.01, 0.05, 0.02, recall_s=0.2, jitter=lambda: 1.0)
    ship(shipping(opened, logs_to(server.url), timing=timing), mended)
    assert opened.outbox.quarantined("main", "logs") == []


def test_destinations_fail_independently(
    receiver: Any, answer: Any, journal: Any, run: MakeRun, to: Any, shipping: Any, ship: Ship
) -> None:
    well, ill, opened = receiver(), receiver(), journal()
    ill.rule = lambda path, body: answer(503, b"maintenance")
    opened.write([run(n) for n in range(30)])
    one = shipping(opened, to(well.url, "well"), to(ill.url, "ill"))
    ship(
        one,
        lambda: (
            len(received(well)) == 30
            and well.taken(METRICS)
            and well.taken(TRACES)
            and len(ill.requests) > 9
        ),
    )
    health = {(each.destination, each.signal): each for each in asyncio.run(one.health())}
    assert health["well", "logs"].waiting == 0
    assert health["well", "logs"].last_error is None
    assert health["well", "logs"].last_success_s is not None
    assert health["ill", "logs"].waiting == 30
    assert health["ill", "logs"].age_s > 0
    assert health["ill", "logs"].last_error == "503 maintenance"
    assert health["ill", "logs"].last_success_s is None
    assert health["ill", "metrics"].waiting > 0
    assert opened.outbox.cursor("ill", "logs").acked == 0


def test_a_restart_in_the_middle_loses_nothing_and_doubles_nothing(
    receiver: Any, answer: Any, journal: Any, run: MakeRun, logs_to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    for life in range(3):
        opened.write([run(600 * life + n) for n in range(600)])
        # The last thing each process sees is a request that was taken and never answered.
        server.say(answer(), answer(drops=True), *[answer(503)] * 1000)
        seen = len(server.requests)
        ship(
            shipping(opened, logs_to(server.url)),
            lambda seen=seen: len(server.requests) > seen + 2,
        )
        server.script.clear()
        opened = journal()
    ship(
        shipping(opened, logs_to(server.url)),
        lambda: opened.outbox.cursor("main", "logs").acked == 1800,
    )
    bodies = {body: decode.records(body).records for body in server.taken(LOGS)}
    assert len(bodies) < len(server.taken(LOGS)), "something was taken twice, byte for byte"
    once = [record for records in bodies.values() for record in records]
    assert once == [run(n) for n in range(1800)]


def test_a_destination_that_is_no_longer_configured_is_forgotten(
    journal: Any, run: MakeRun, receiver: Any, logs_to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    opened.outbox.move("gone", "logs", Cursor(5, 5))
    opened.write([run(0)])
    ship(shipping(opened, logs_to(server.url)), lambda: received(server))
    assert opened.outbox.cursor("gone", "logs") == Cursor(0, 0)


# What must not end a task


def test_an_exception_is_logged_and_delivery_goes_on(
    receiver: Any,
    journal: Any,
    run: MakeRun,
    logs_to: Any,
    shipping: Any,
    ship: Ship,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(0)])
    one = shipping(opened, logs_to(server.url))
    # A journal that cannot be written: another connection holds the only write lock there is.
    opened.store._connection.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(opened.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")

    def freed() -> bool:
        if other.in_transaction and "trying again" in caplog.text:
            other.execute("ROLLBACK")
        return bool(received(server))

    ship(one, freed)
    other.close()
    assert received(server) == [run(0)]


def test_what_nobody_foresaw_is_counted_and_logged_once_and_delivery_goes_on(
    receiver: Any,
    journal: Any,
    run: MakeRun,
    logs_to: Any,
    shipping: Any,
    ship: Ship,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(0)])
    one = shipping(opened, logs_to(server.url))
    queue: Any = only(one, "logs").queue
    sound = queue.encode

    def broken(entries: Any) -> bytes:
        if counted(opened, "prober.export.errors", error="ZeroDivisionError") >= 3:
            queue.encode = sound
        raise ZeroDivisionError("nobody foresaw it")

    queue.encode = broken
    ship(one, lambda: received(server))
    assert received(server) == [run(0)]
    assert counted(opened, "prober.export.errors", error="ZeroDivisionError") >= 3
    assert caplog.text.count("Traceback") == 1


def test_a_stop_flushes_what_is_left(
    receiver: Any, journal: Any, run: MakeRun, to: Any, shipping: Any
) -> None:
    server, opened = receiver(), journal()

    async def main() -> None:
        one = shipping(
            opened, to(server.url), metrics_interval_ms=10**9, timing=Timing(poll_s=3600)
        )
        await one.start()
        while any(not each._begun for each in one.deliveries):
            await asyncio.sleep(0.01)
        opened.write([run(n) for n in range(1000)])
        await one.stop(60)

    asyncio.run(main())
    assert len(received(server)) == 1000
    totals = decode.claims(server.taken(METRICS)[-1]).runs
    assert totals["checkout", "eu-west-1", "passed", None] == 1000


def test_a_stop_is_over_in_time_while_a_receiver_hangs(
    receiver: Any, answer: Any, journal: Any, run: MakeRun, to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(0)])
    server.rule = lambda path, body: answer(hangs=True)
    one = shipping(opened, to(server.url, timeout="10m"))
    stopped_s = []

    def asked() -> bool:
        stopped_s.append(time.monotonic())
        return len(server.requests) >= 3

    ship(one, asked, stop_s=0.3)
    assert time.monotonic() - stopped_s[-1] < 10
    assert opened.outbox.cursor("main", "logs") == Cursor(0, 1), (
        "what was in flight stays in flight"
    )


def test_a_stop_does_not_wait_for_a_pause(
    receiver: Any, answer: Any, journal: Any, run: MakeRun, logs_to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(0)])
    server.say(answer(503, headers={"Retry-After": "3600"}))
    one = shipping(opened, logs_to(server.url))
    ship(one, lambda: only(one, "logs").health().last_error, stop_s=20)
    assert received(server) == [run(0)], "the last attempt"


def test_the_same_refusal_is_logged_once(
    receiver: Any,
    answer: Any,
    journal: Any,
    run: MakeRun,
    logs_to: Any,
    shipping: Any,
    ship: Ship,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(0)])
    server.say(*[answer(401, b"token expired")] * 4)
    with caplog.at_level(logging.INFO, "prober"):
        ship(
            shipping(opened, logs_to(server.url, headers={"Authorization": "Bearer hush-hush"})),
            lambda: received(server),
        )
    assert caplog.text.count("401 token expired") == 1
    assert caplog.text.count("accepted again") == 1
    assert "hush-hush" not in caplog.text


# Metrics


def test_payloads_are_frozen_and_sent_in_the_order_they_were_taken(
    receiver: Any,
    answer: Any,
    journal: Any,
    run: MakeRun,
    metrics_to: Any,
    shipping: Any,
    ship: Ship,
) -> None:
    server, opened = receiver(), journal()
    server.say(*[answer(503)] * 5)
    written = iter(range(10**6))

    def several() -> bool:
        opened.write([run(next(written))])
        return len(server.taken(METRICS)) >= 5

    ship(shipping(opened, metrics_to(server.url)), several)
    first_six = {request.raw for request in server.requests[:6]}
    assert len(first_six) == 1, "during an outage the oldest payload is tried, as it was frozen"
    totals = [sum(decode.claims(body).runs.values()) for body in server.taken(METRICS)]
    assert totals == sorted(totals)
    assert totals[-1] == next(written), "the payload of the stop has everything"
    times = [ExportMetricsServiceRequest.FromString(body) for body in server.taken(METRICS)[:-1]]
    for request in times:
        metric = request.resource_metrics[0].scope_metrics[0].metrics[0]
        assert metric.sum.data_points[0].time_unix_nano % 50_000_000 == 0, "aligned"


def test_counters_that_are_new_are_delivered_at_0_first(
    receiver: Any, journal: Any, run: MakeRun, metrics_to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    opened.count_zeros("eu-west-1", ["checkout"])
    one = shipping(opened, metrics_to(server.url), metrics_interval_ms=10**9)
    asyncio.run(one.freeze())
    opened.write([run(0)])
    ship(one, lambda: server.requests)  # and the payload of the stop
    totals = [sum(decode.claims(request.body).runs.values()) for request in server.requests]
    assert totals == [0, 1]


def test_a_new_destination_of_metrics_begins_at_the_newest_payload(
    receiver: Any,
    answer: Any,
    journal: Any,
    run: MakeRun,
    metrics_to: Any,
    shipping: Any,
    ship: Ship,
) -> None:
    ill, new, opened = receiver(), receiver(), journal()
    opened.write([run(0)])
    ill.rule = lambda path, body: answer(503)
    old = metrics_to(ill.url, name="ill")
    ship(shipping(opened, old), lambda: len(opened.outbox.snapshots()) >= 5)
    waiting = [id_ for id_, _, _ in opened.outbox.snapshots()]
    newest = gzip.decompress((opened.outbox.snapshot(waiting[-2]) or (0, 0, b""))[2])
    both = (old, metrics_to(new.url, name="new"))
    # No payload is taken before the new one has begun.
    ship(shipping(opened, *both, metrics_interval_ms=10**9), lambda: new.requests)
    assert new.requests[0].body == newest
    assert opened.outbox.snapshots()[0][0] == waiting[0], "the other one still gets all of them"


def test_a_payload_that_is_too_large_arrives_in_parts(
    receiver: Any,
    answer: Any,
    journal: Any,
    run: MakeRun,
    metrics_to: Any,
    shipping: Any,
    ship: Ship,
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(n, journey=f"journey {n}") for n in range(40)])
    server.rule = lambda _, body: answer(413 if len(body) > 4000 else 200)
    one = shipping(opened, metrics_to(server.url), metrics_interval_ms=10**9)
    ship(one, lambda: True, stop_s=20)  # the payload of the stop
    whole = points(server.requests[0].body)
    parts = [point for body in server.taken(METRICS) for point in points(body)]
    assert server.statuses()[0] == 413
    assert sorted(parts) == sorted(whole)
    assert opened.outbox.cursor("main", "metrics") == Cursor(1, 1)


def test_a_metric_that_is_refused_does_not_hold_up_the_others(
    receiver: Any,
    answer: Any,
    journal: Any,
    run: MakeRun,
    metrics_to: Any,
    shipping: Any,
    ship: Ship,
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(0)])
    bad = "prober.slots"
    server.rule = lambda _, body: answer(400 if bad in dict(points(body)) else 200)
    one = shipping(opened, metrics_to(server.url))
    ship(one, lambda: opened.outbox.cursor("main", "metrics").acked >= 3)
    arrived = {name for body in server.taken(METRICS) for name, _ in points(body)}
    sent = {name for name, _ in points(server.requests[0].body)}
    assert arrived >= sent - {bad}
    assert bad not in arrived


def test_the_newest_payloads_refused_rest_is_kept_until_there_is_a_newer_one(
    receiver: Any,
    answer: Any,
    journal: Any,
    run: MakeRun,
    metrics_to: Any,
    shipping: Any,
    ship: Ship,
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(0)])
    opened.outbox.freeze(gzip.compress(_payload(opened)), 1)
    server.rule = lambda _, body: answer(400 if "prober.slots" in dict(points(body)) else 200)
    one = shipping(opened, metrics_to(server.url), metrics_interval_ms=10**9)

    def mended() -> bool:
        alone = [r for r in server.requests if [n for n, _ in points(r.body)] == ["prober.slots"]]
        if len(alone) >= 3:
            server.rule = lambda path, body: answer()
        return bool(opened.outbox.cursor("main", "metrics").acked == 1)

    ship(one, mended)
    whole = points(server.requests[0].body)
    parts = [point for body in server.taken(METRICS)[:-1] for point in points(body)]
    assert sorted(parts) == sorted(whole)


def test_a_backlog_that_is_too_old_costs_one_request_a_payload(
    receiver: Any,
    answer: Any,
    journal: Any,
    run: MakeRun,
    metrics_to: Any,
    shipping: Any,
    ship: Ship,
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(0)])
    for n in range(30):
        opened.outbox.freeze(gzip.compress(_payload(opened, n)), n)
    opened.outbox.move("main", "metrics", Cursor(0, 1))
    server.rule = lambda _, body: answer(400, b"too old")
    one = shipping(opened, metrics_to(server.url), metrics_interval_ms=10**9)

    def at_the_newest() -> bool:
        return bool(opened.outbox.cursor("main", "metrics").acked == 29)

    ship(one, at_the_newest)
    asked = Counter(_taken_ms(request.body) for request in server.requests)
    assert [asked[n] for n in range(1, 29)] == [1] * 28
    assert asked[0] < 50, "of the first it is found out that no part of it is taken"


def _payload(journal: Journal, now_ms: int = 1) -> bytes:
    return encode.metrics(journal, now_ms, (), {"service.name": "prober"})


def _taken_ms(body: bytes) -> int:
    """When a payload was taken of which this is a part."""
    scope = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0]
    (first, *_) = getattr(scope.metrics[0], scope.metrics[0].WhichOneof("data") or "").data_points
    return int(first.time_unix_nano) // 1_000_000


def test_gauges_and_the_state_of_delivery_are_in_the_payloads(
    receiver: Any, answer: Any, journal: Any, run: MakeRun, to: Any, shipping: Any, ship: Ship
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(n) for n in range(9)])
    server.rule = lambda path, body: answer(503 if path == LOGS else 200)
    one = shipping(opened, to(server.url))

    def told() -> bool:
        return len(server.taken(METRICS)) > 2 and only(one, "traces").health().waiting == 0

    ship(one, told)
    request = ExportMetricsServiceRequest.FromString(server.taken(METRICS)[-1])
    metrics = {m.name: m for m in request.resource_metrics[0].scope_metrics[0].metrics}
    backlog = {
        next(a.value.string_value for a in point.attributes if a.key == "prober.signal"): point
        for point in metrics["prober.export.backlog"].gauge.data_points
    }
    assert backlog["logs"].as_double == 9
    assert backlog["traces"].as_double == 0
    assert "prober.export.errors" in metrics
    assert {"prober.export.age", "prober.export.quarantined"} <= set(metrics)


def test_readings_that_fail_cost_one_payload_and_are_logged(
    receiver: Any,
    journal: Any,
    metrics_to: Any,
    shipping: Any,
    ship: Ship,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, opened = receiver(), journal()
    calls = threading.Semaphore(2)

    def readings() -> tuple[()]:
        if calls.acquire(blocking=False):
            raise OSError("the disk is gone")
        return ()

    ship(shipping(opened, metrics_to(server.url), readings=readings), lambda: server.requests)
    assert caplog.text.count("no metric payload was taken") == 2


# gRPC


def test_everything_arrives_over_grpc_after_an_outage(
    journal: Any, run: MakeRun, to: Any, shipping: Any, free_port: Callable[[], int]
) -> None:
    opened, port = journal(), free_port()
    opened.write([run(n) for n in range(600)])
    seen: dict[str, list[bytes]] = {LOGS: [], METRICS: [], TRACES: []}

    def handler(path: str, reply: bytes) -> grpc.RpcMethodHandler:
        async def export(body: bytes, context: Any) -> bytes:
            seen[path].append(body)
            return reply

        return grpc.unary_unary_rpc_method_handler(export)

    partial = ExportLogsPartialSuccess(rejected_log_records=3, error_message="too long")
    replies = {
        ("logs", "Logs", LOGS): ExportLogsServiceResponse(
            partial_success=partial
        ).SerializeToString(),
        ("metrics", "Metrics", METRICS): b"",
        ("trace", "Trace", TRACES): b"",
    }

    async def serve() -> grpc.aio.Server:
        server = grpc.aio.server()
        for (package, name, path), reply in replies.items():
            service = f"opentelemetry.proto.collector.{package}.v1.{name}Service"
            methods = {"Export": handler(path, reply)}
            server.add_generic_rpc_handlers(
                [grpc.method_handlers_generic_handler(service, methods)]
            )
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        return server

    async def main() -> None:
        one = shipping(opened, to(f"http://127.0.0.1:{port}", protocol="grpc"))
        await one.start()
        server = None
        async with asyncio.timeout(60):
            while not all(seen.values()) or len(seen[LOGS]) < 2:
                failed = counted(opened, "prober.export.errors", error="UNAVAILABLE")
                if failed > 2 and server is None:
                    server = await serve()
                await asyncio.sleep(0.01)
        await one.stop(30)
        assert server is not None
        await server.stop(None)

    asyncio.run(main())
    records = [record for body in seen[LOGS] for record in decode.records(body).records]
    assert records == [run(n) for n in range(600)]
    assert decode.claims(seen[METRICS][-1]).runs == {("checkout", "eu-west-1", "passed", None): 600}
    assert counted(opened, "prober.export.rejected", signal="logs") == 6


def test_a_library_is_loaded_when_a_destination_needs_it() -> None:
    script = (
        "import sys; import prober.telemetry.deliver;"
        "from prober.config import Destination; from prober.telemetry.transport import sender;"
        "assert not {'grpc', 'httpx', 'opentelemetry.sdk'} & set(sys.modules);"
        "sender(Destination(name='x', endpoint='http://localhost'), 'logs');"
        "assert 'grpc' not in sys.modules and 'httpx' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
