"""What a receiver of OTLP says back, so that any sender understands it."""

from __future__ import annotations

from typing import Final

from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from prober.telemetry.wire import Walk

CONTENT_TYPE: Final = "application/x-protobuf"
#: From a request to its spans: a resource, a scope, a span.
_SPANS: Final = (1, 2, 2)


def logs(rejected: int, message: str) -> bytes:
    """The logs were taken, but for so many."""
    if not rejected:
        return ExportLogsServiceResponse().SerializeToString()
    part = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=message)
    return ExportLogsServiceResponse(partial_success=part).SerializeToString()


def metrics() -> bytes:
    """The metrics were taken."""
    return ExportMetricsServiceResponse().SerializeToString()


def traces(body: bytes, message: str) -> bytes:
    """No span of this request was taken.

    Raises:
        ValueError: the body is not an ExportTraceServiceRequest.
    """
    try:
        spans = sum(1 for _ in Walk().parts(memoryview(body), *_SPANS))
    except ValueError as error:
        raise ValueError(f"not an ExportTraceServiceRequest: {error}") from error
    part = ExportTracePartialSuccess(rejected_spans=spans, error_message=message)
    return ExportTraceServiceResponse(partial_success=part).SerializeToString()


def refusal(message: str) -> bytes:
    """The body of a reply that takes nothing: a google.rpc.Status, as OTLP asks."""
    body: bytes = Status(message=message).SerializeToString()
    return body
