"""Collectors that lie: nothing is believed, nothing is lost, and it is shown at once."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from prober.destination import SIGNALS, Signal
from prober.model import Run
from prober.telemetry import decode, reply
from prober.telemetry.exposition import exposition
from prober.telemetry.reply import LONGEST_BODY, Verdict
from prober.telemetry.timing import Timing
from tests.telemetry.gate import Gate

PROTOBUF = {"Content-Type": "application/x-protobuf"}
ZIPPED = PROTOBUF | {"Content-Encoding": "gzip"}
HTML = b"<!doctype html><title>Sign in</title>"
MakeRun = Callable[..., Run]
#: Two log records, as they are sent.
SENT = ExportLogsServiceRequest(
    resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[LogRecord(), LogRecord()])])]
).SerializeToString()


def partly(rejected: int, message: str = "") -> bytes:
    part = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=message)
    return ExportLogsServiceResponse(partial_success=part).SerializeToString()


def lie(name: str, shown: str, status: int = 200, body: bytes = b"", **more: Any) -> Any:
    return pytest.param({"status": status, "body": body, **more}, shown, id=name)


LIES = [
    *(lie(f"a redirect, {n}", str(n), n, headers={"Location": "/v1/logs"}) for n in (301, 307)),
    lie("a redirect to nowhere, 304", "304", 304),
    lie("a page to sign in", "unreadable", body=HTML, headers={"Content-Type": "text/html"}),
    lie("a page without a content type", "unreadable", body=HTML),
    lie("a page that says it is protobuf", "unreadable", body=HTML, headers=PROTOBUF),
    lie("half a reply", "unreadable", body=partly(1, "no more")[:-3], headers=PROTOBUF),
    lie("JSON that says it is protobuf", "unreadable", body=b'{"ok":1}', headers=PROTOBUF),
    lie("a list", "unreadable", body=b"[]", headers={"Content-Type": "application/json"}),
    lie(
        "JSON without end",
        "unreadable",
        body=b"[" * 100_000,
        headers={"Content-Type": "application/json"},
    ),
    lie("plain text", "unreadable", body=b"ok", headers={"Content-Type": "text/plain"}),
    lie("gzip that is none", "unreadable", body=b"ok", headers=ZIPPED),
    lie("gzip that is cut off", "unreadable", body=gzip.compress(b"")[:-4], headers=ZIPPED),
    lie("a zip bomb", "unreadable", body=gzip.compress(bytes(50 * LONGEST_BODY)), headers=ZIPPED),
    lie("a body that does not end", "unreadable", body=bytes(3 * LONGEST_BODY), headers=PROTOBUF),
    lie(
        "an encoding that nobody asked for",
        "unreadable",
        body=b"ok",
        headers=PROTOBUF | {"Content-Encoding": "br"},
    ),
    lie("less than it promised", "network", raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"),
    lie("another protocol", "network", raw=b"SSH-2.0-OpenSSH_9.2\r\n"),
    lie("a reply a byte at a time", "timeout", drips=True),
    lie("nothing", "timeout", hangs=True),
    lie("a connection closed after the request", "network", drops=True),
    *(lie(f"a token refused, {n}", str(n), n) for n in (401, 403, 407)),
    *(lie(f"not here, {n}", str(n), n) for n in (404, 405, 415)),
    *(lie(f"an error, {n}", str(n), n, body=HTML) for n in (500, 502, 504)),
    lie("throttled", "429", 429, headers={"Retry-After": "0"}),
    lie("back in a million years", "503", 503, headers={"Retry-After": "9" * 300}),
    lie(
        "back in another millennium",
        "503",
        503,
        headers={"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"},
    ),
    lie("back before the flood", "503", 503, headers={"Retry-After": "-1"}),
    lie("a refusal in gzip that is none", "503", 503, body=b"busy", headers=ZIPPED),
]


@pytest.fixture
def quick() -> Timing:
    """Whatever is asked for, no pause is longer than these."""
    return Timing(0.01, 0.05, 0.02, longest_asked_s=0.05, jitter=lambda: 1.0)


def shown(page: str, metric: str) -> dict[str, float]:
    """The values of a metric for logs on a page, by `error_type`."""
    found = {}
    for line in page.splitlines():
        if line.startswith(f"{metric}{{") and 'prober_signal="logs"' in line:
            labels, value = line.removeprefix(metric).rsplit(" ", 1)
            kind = labels.partition('error_type="')[2].partition('"')[0]
            found[kind] = float(value)
    return found


@pytest.mark.parametrize(("said", "kind"), LIES)
def test_a_lie_is_shown_at_once_and_costs_nothing(
    said: dict[str, Any],
    kind: str,
    receiver: Any,
    answer: Any,
    journal: Any,
    run: MakeRun,
    to: Any,
    shipping: Any,
    ship: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(n) for n in range(9)])
    server.rule = lambda path, body: answer(**said)
    patience = "1s" if kind == "timeout" else "20s"  # who is only slow has not lied
    one = shipping(opened, to(server.url, signals=("logs",), timeout=patience))
    honest_from = []

    def told_and_then_honest() -> bool:
        if not honest_from:
            page = exposition(opened, one.readings())
            if shown(page, "prober_export_errors_total").get(kind, 0) < 1:
                return False
            assert shown(page, "prober_export_backlog") == {"": 9}, "it was not believed"
            (health,) = (each.health() for each in one.deliveries)
            assert str(health.last_error).startswith(kind)
            server.rule = lambda path, body: answer()
            honest_from.append(len(server.requests))
        return bool(opened.outbox.cursor("main", "logs").acked == 9)

    with caplog.at_level(logging.WARNING, "prober"):
        ship(one, told_and_then_honest)
    assert caplog.text.count(f"retry: {kind}") == 1
    assert "Traceback" not in caplog.text
    # One that was under way when the receiver turned honest may have been answered either way.
    records = [decode.records(each.body).records for each in server.requests[honest_from[0] - 1 :]]
    assert records[-1] == [run(n) for n in range(9)]
    assert len({each.raw for each in server.requests}) == 1
    assert [each.health().last_error for each in one.deliveries] == [None]


def test_a_connection_that_is_closed_before_the_request_is_shown_and_costs_nothing(
    receiver: Any, journal: Any, run: MakeRun, to: Any, shipping: Any, ship: Any
) -> None:
    server, opened = receiver(), journal()
    gate = Gate(server.server.server_port)
    opened.write([run(0)])
    gate.shut = True
    one = shipping(opened, to(gate.url, signals=("logs",)))

    def told() -> bool:
        page = exposition(opened, one.readings())
        if gate.accepted and shown(page, "prober_export_errors_total").get("network", 0):
            gate.shut = False
        return bool(server.requests)

    ship(one, told)
    gate.close()
    assert [decode.records(body).records for body in server.taken("/v1/logs")] == [[run(0)]]


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "400"), (422, "422"), (413, "413")], ids=["400", "422", "413"]
)
def test_what_is_refused_for_its_content_or_size_is_shown_and_kept(
    status: int,
    kind: str,
    receiver: Any,
    answer: Any,
    journal: Any,
    run: MakeRun,
    to: Any,
    shipping: Any,
    ship: Any,
) -> None:
    server, opened = receiver(), journal()
    opened.write([run(n) for n in range(4)])
    server.rule = lambda path, body: answer(status, HTML)
    one = shipping(opened, to(server.url, signals=("logs",)))
    ship(one, lambda: len(opened.outbox.quarantined("main", "logs")) == 4)
    page = exposition(opened, one.readings())
    assert shown(page, "prober_export_errors_total")[kind] >= 4
    assert shown(page, "prober_export_quarantined") == {"": 4}
    server.rule = lambda path, body: answer()
    again = shipping(journal(), to(server.url, signals=("logs",)))
    ship(again, lambda: len(server.taken("/v1/logs")) == 4)


@pytest.mark.parametrize(
    ("claimed", "counted"), [(1, 1), (9, 9), (10, 9), (2**63 - 1, 9), (-1, 0), (-(2**63), 0)]
)
def test_a_partial_success_counts_at_most_what_was_sent(
    claimed: int,
    counted: int,
    receiver: Any,
    answer: Any,
    journal: Any,
    run: MakeRun,
    to: Any,
    shipping: Any,
    ship: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, opened = receiver(), journal()
    server.rule = lambda path, body: answer(body=partly(claimed, "too long"), headers=PROTOBUF)
    one = shipping(opened, to(server.url, signals=("logs",)))
    rounds = iter(range(1, 3))

    def taken_twice() -> bool:
        acked = opened.outbox.cursor("main", "logs").acked
        if acked == opened.outbox.newest() and (nth := next(rounds, 0)):
            opened.write([run(100 * nth + n) for n in range(9)])
        return acked == 18

    ship(one, taken_twice)
    page = exposition(opened, one.readings())
    assert shown(page, "prober_export_rejected_total") == {"": 2 * counted}
    assert f"{counted} rejected: " in caplog.text
    assert "too long" in caplog.text


@given(
    st.sampled_from(SIGNALS),
    st.binary(max_size=300)
    | st.just(partly(1, "x"))
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["partialSuccess", "rejectedLogRecords", "errorMessage", "x"]),
                inner,
            )
        ),
    ).map(lambda value: json.dumps(value).encode()),
    st.sampled_from(["", "application/x-protobuf", "application/json", "text/html", "\0"]),
    st.sampled_from(["", "gzip", "identity", "br"]),
    st.booleans(),
)
def test_whatever_a_success_says_it_is_a_reply(
    signal: Signal, body: bytes, kind: str, encoding: str, zipped: bool
) -> None:
    packed = gzip.compress(body) if zipped else body
    found = reply.success(signal, SENT if signal == "logs" else b"", packed, kind, encoding)
    assert found.verdict in (Verdict.ACCEPTED, Verdict.RETRY)
    assert 0 <= found.rejected <= 2
    assert len(found.message) < 300
    assert found.message.isprintable()


@given(st.integers(300, 599), st.binary(max_size=300), st.sampled_from(["", "gzip"]), st.text())
def test_whatever_a_refusal_says_it_is_a_reply(
    status: int, body: bytes, encoding: str, retry_after: str
) -> None:
    found = reply.refusal(status, body, encoding, retry_after)
    assert found.verdict is not Verdict.ACCEPTED
    assert found.retry_after_s >= 0


def test_no_destination_can_ask_for_more_than_an_hour() -> None:
    timing = Timing(jitter=lambda: 1.0)
    asked = [
        timing.pause_s(1, seconds) for seconds in (0, 0.5, 90, 3600, 3601, 1e300, float("inf"))
    ]
    assert asked == [1, 1, 90, 3600, 3600, 3600, 3600]
