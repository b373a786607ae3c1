from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics

from prober.destination import Destination, Signal
from prober.telemetry.reply import Reply, Verdict
from prober.telemetry.transport import sender

BODY = logs.ExportLogsServiceRequest(
    resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[LogRecord()] * 3)])]
).SerializeToString()
POINTS = metrics.ExportMetricsServiceRequest(
    resource_metrics=[
        ResourceMetrics(
            scope_metrics=[
                ScopeMetrics(metrics=[Metric(name="m", gauge={"data_points": [{"as_int": 1}] * 3})])
            ]
        )
    ]
).SerializeToString()
To = Callable[..., Destination]


def send(destination: Destination, signal: Signal = "logs", times: int = 1) -> Reply:
    async def main() -> Reply:
        one = sender(destination, signal)
        try:
            for _ in range(times):
                reply = await one.send(POINTS if signal == "metrics" else BODY)
            return reply
        finally:
            await one.close()

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((status, Verdict.ACCEPTED) for status in (200, 202, 204)),
        *((status, Verdict.RETRY) for status in (300, 301, 302, 307, 308)),
        *((status, Verdict.RETRY) for status in (401, 403, 404, 405, 408, 415, 429)),
        *((status, Verdict.RETRY) for status in (500, 501, 502, 503, 504, 507)),
        (400, Verdict.BAD),
        (422, Verdict.BAD),
        (413, Verdict.SPLIT),
    ],
)
def test_a_status_means(status: int, verdict: Verdict, receiver: Any, answer: Any, to: To) -> None:
    server = receiver()
    server.say(answer(status, headers={"Location": f"{server.url}/elsewhere"}))
    reply = send(to(server.url))
    assert reply.verdict is verdict
    assert reply.error_type == ("" if verdict is Verdict.ACCEPTED else str(status))
    assert [request.path for request in server.requests] == ["/v1/logs"], "no redirect is followed"


def test_a_request_is_gzipped_protobuf_with_the_destinations_headers(receiver: Any, to: To) -> None:
    server = receiver()
    send(to(server.url, headers={"Authorization": "Bearer abc"}), times=2)
    first, second = server.requests
    assert first.headers["content-type"] == "application/x-protobuf"
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["authorization"] == "Bearer abc"
    assert first.raw == second.raw
    assert first.body == BODY


def test_compression_can_be_turned_off(receiver: Any, to: To) -> None:
    server = receiver()
    send(to(server.url, compression="none"))
    assert server.requests[0].raw == BODY
    assert "content-encoding" not in server.requests[0].headers


def test_an_endpoint_of_one_signal_is_used_as_it_is(receiver: Any, to: To) -> None:
    server = receiver()
    send(to("http://127.0.0.1:1", endpoints={"logs": f"{server.url}/otlp/in"}))
    assert [request.path for request in server.requests] == ["/otlp/in"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(
            metrics.ExportMetricsServiceResponse(
                partial_success=metrics.ExportMetricsPartialSuccess(
                    rejected_data_points=3, error_message="too old"
                )
            ).SerializeToString(),
            "application/x-protobuf",
            id="as protobuf",
        ),
        pytest.param(
            b'{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"too old"},"new":1}',
            "application/json; charset=utf-8",
            id="as JSON, which some answer whatever they were asked",
        ),
    ],
)
def test_partial_success_is_read(
    body: bytes, kind: str, receiver: Any, answer: Any, to: To
) -> None:
    server = receiver()
    server.say(answer(200, body, {"Content-Type": kind}))
    reply = send(to(server.url), "metrics")
    assert (reply.verdict, reply.rejected, reply.message) == (Verdict.ACCEPTED, 3, "too old")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(b"<html>please sign in</html>", "text/html", id="a login page"),
        pytest.param(b"x1", "text/plain", id="text that happens to parse as protobuf"),
        pytest.param(b"\xff\xff\xff", "application/x-protobuf", id="broken protobuf"),
        pytest.param(b"{", "application/json", id="broken JSON"),
    ],
)
def test_a_success_that_cannot_be_read_is_none(
    body: bytes, kind: str, receiver: Any, answer: Any, to: To
) -> None:
    server = receiver()
    server.say(answer(200, body, {"Content-Type": kind}))
    reply = send(to(server.url))
    assert (reply.verdict, reply.error_type) == (Verdict.RETRY, "unreadable")


def test_retry_after_is_taken_in_seconds_and_as_a_date(receiver: Any, answer: Any, to: To) -> None:
    server = receiver()
    date = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    server.say(*(answer(429, headers={"Retry-After": said}) for said in ("7200", date, "soon")))
    seconds, dated, nonsense = (send(to(server.url)).retry_after_s for _ in range(3))
    assert seconds == 7200
    assert 7100 < dated <= 7200
    assert nonsense == 0


def test_a_refusals_text_is_kept_on_one_short_line(receiver: Any, answer: Any, to: To) -> None:
    server = receiver()
    server.say(answer(400, b"out of\norder \x1b[31m" + b"x" * 9999))
    message = send(to(server.url)).message
    assert message.startswith("out of order [31m")
    assert len(message) <= 200


def test_silence_ends_with_the_deadline(receiver: Any, answer: Any, to: To) -> None:
    server = receiver()
    server.say(answer(hangs=True))
    began_s = time.monotonic()
    reply = send(to(server.url, timeout="200ms"))
    assert (reply.verdict, reply.error_type) == (Verdict.RETRY, "timeout")
    assert time.monotonic() - began_s < 10


def test_no_connection_and_a_dropped_one_are_the_network(
    receiver: Any, answer: Any, to: To, free_port: Callable[[], int]
) -> None:
    server = receiver()
    server.say(answer(drops=True))
    for url in (server.url, f"http://127.0.0.1:{free_port()}"):
        reply = send(to(url))
        assert (reply.verdict, reply.error_type) == (Verdict.RETRY, "network")
        assert reply.message


# gRPC

Export = Callable[[logs.ExportLogsServiceRequest, Any], Awaitable[Any]]


def send_grpc(to: To, export: Export, **settings: Any) -> Reply:
    """The reply of a gRPC server with this method to one request."""

    class Servicer(logs_grpc.LogsServiceServicer):
        async def Export(self, request: Any, context: Any) -> Any:  # noqa: N802  # its own name
            return await export(request, context)

    add_to_server: Callable[..., None] = logs_grpc.add_LogsServiceServicer_to_server

    async def main() -> Reply:
        server = grpc.aio.server()
        add_to_server(Servicer(), server)
        port = server.add_insecure_port("localhost:0")
        await server.start()
        one = sender(to(f"http://localhost:{port}", protocol="grpc", **settings), "logs")
        try:
            return await one.send(BODY)
        finally:
            await one.close()
            await server.stop(None)

    return asyncio.run(main())


def test_grpc_delivers_with_metadata_and_reads_partial_success(to: To) -> None:
    seen: list[Any] = []

    async def export(request: Any, context: Any) -> Any:
        seen.append((request.SerializeToString(), dict(context.invocation_metadata())))
        return logs.ExportLogsServiceResponse(
            partial_success=logs.ExportLogsPartialSuccess(
                rejected_log_records=2, error_message="too long"
            )
        )

    reply = send_grpc(to, export, headers={"X-Token": "abc"})
    assert (reply.verdict, reply.rejected, reply.message) == (Verdict.ACCEPTED, 2, "too long")
    (body, metadata) = seen[0]
    assert body == BODY
    assert metadata["x-token"] == "abc"


@pytest.mark.parametrize(
    ("code", "details", "verdict", "error_type"),
    [
        ("INVALID_ARGUMENT", "bad", Verdict.BAD, "INVALID_ARGUMENT"),
        ("UNAVAILABLE", "", Verdict.RETRY, "UNAVAILABLE"),
        ("UNAUTHENTICATED", "", Verdict.RETRY, "UNAUTHENTICATED"),
        ("PERMISSION_DENIED", "", Verdict.RETRY, "PERMISSION_DENIED"),
        ("UNIMPLEMENTED", "", Verdict.RETRY, "UNIMPLEMENTED"),
        ("INTERNAL", "", Verdict.RETRY, "INTERNAL"),
        ("RESOURCE_EXHAUSTED", "quota", Verdict.RETRY, "RESOURCE_EXHAUSTED"),
        (
            "RESOURCE_EXHAUSTED",
            "grpc: received message larger than max (5 vs. 4)",
            Verdict.SPLIT,
            "RESOURCE_EXHAUSTED",
        ),
    ],
)
def test_a_grpc_status_means(
    code: str, details: str, verdict: Verdict, error_type: str, to: To
) -> None:
    async def export(request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode[code], details)

    reply = send_grpc(to, export)
    assert (reply.verdict, reply.error_type, reply.message) == (verdict, error_type, details)


def test_a_grpc_server_says_how_long_to_wait(to: To) -> None:
    status = Status(code=8, message="slow down")
    status.details.add().Pack(RetryInfo(retry_delay={"seconds": 90, "nanos": 500_000_000}))

    async def export(request: Any, context: Any) -> Any:
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max rate")

    reply = send_grpc(to, export)
    assert (reply.verdict, reply.retry_after_s) == (Verdict.RETRY, 90.5)


@pytest.mark.parametrize(("seconds", "asks"), [(315_576_000_000, 315_576_000_000), (-9, 0)])
def test_what_a_grpc_server_asks_for_may_be_absurd(seconds: int, asks: float, to: To) -> None:
    status = Status(code=14)
    status.details.add().Pack(RetryInfo(retry_delay={"seconds": seconds}))

    async def export(request: Any, context: Any) -> Any:
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "")

    reply = send_grpc(to, export)
    assert (reply.verdict, reply.retry_after_s) == (Verdict.RETRY, asks)


def test_a_grpc_reply_that_is_too_large_for_us_is_no_reason_to_send_less(to: To) -> None:
    async def export(request: Any, context: Any) -> Any:
        return logs.ExportLogsServiceResponse(
            partial_success=logs.ExportLogsPartialSuccess(error_message="x" * 5_000_000)
        )

    reply = send_grpc(to, export, compression="none")
    assert (reply.verdict, reply.error_type) == (Verdict.RETRY, "RESOURCE_EXHAUSTED")


def test_grpc_silence_ends_with_the_deadline(to: To) -> None:
    async def export(request: Any, context: Any) -> Any:
        await asyncio.sleep(60)

    reply = send_grpc(to, export, timeout="200ms")
    assert (reply.verdict, reply.error_type) == (Verdict.RETRY, "timeout")


def test_nobody_at_a_grpc_port_is_a_reason_to_retry(to: To, free_port: Callable[[], int]) -> None:
    reply = send(to(f"http://127.0.0.1:{free_port()}", protocol="grpc"))
    assert (reply.verdict, reply.error_type) == (Verdict.RETRY, "UNAVAILABLE")
