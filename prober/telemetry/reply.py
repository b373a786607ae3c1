"""What a destination said to a request, and what that means for the data.

Whatever does not say that the data arrived keeps it: a redirect, a login page with status 200,
a refused token, a body that is cut off. Nothing that a destination says can raise here, stop
delivery for good, or move a counter by more than was sent.
"""

from __future__ import annotations

import json
import time
import zlib
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from prober.destination import Signal

PROTOBUF: Final = "application/x-protobuf"
#: A reply says yes, or why not: more than this is something else.
LONGEST_BODY: Final = 1 << 20
#: Of a refusal's text, as much as a log line wants.
_EXCERPT: Final = 200


class Verdict(StrEnum):
    """What a reply means for the data of its request."""

    ACCEPTED = "accepted"  #: it arrived; partial success counts as arrived
    RETRY = "retry"  #: send the same again later: outage, throttling, wrong configuration
    SPLIT = "split"  #: too large
    BAD = "bad"  #: something in it will never be taken


_RESPONSES: Final = {
    "logs": logs_service_pb2.ExportLogsServiceResponse,
    "metrics": metrics_service_pb2.ExportMetricsServiceResponse,
    "traces": trace_service_pb2.ExportTraceServiceResponse,
}
_REJECTED: Final = {
    "logs": "rejected_log_records",
    "metrics": "rejected_data_points",
    "traces": "rejected_spans",
}
#: Every other status is an outage or a wrong configuration: the data stays.
_STATUSES: Final = {400: Verdict.BAD, 413: Verdict.SPLIT, 422: Verdict.BAD}


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a request."""

    verdict: Verdict
    #: For a refusal: the HTTP or gRPC status, `timeout`, `network`, `tls` or `unreadable`.
    error_type: str = ""
    message: str = ""
    #: Records, points or spans that were not taken although the request was accepted.
    rejected: int = 0
    #: Not before this many seconds.
    retry_after_s: float = 0.0

    @property
    def complaint(self) -> str | None:
        """What the destination has against the request, None when it took all of it."""
        if self.verdict is not Verdict.ACCEPTED:
            return f"{self.error_type} {self.message}".strip()
        if self.rejected or self.message:
            return f"{self.rejected} rejected: {self.message}"
        return None


def refusal(status: int, body: bytes, encoding: str = "", retry_after: str = "") -> Reply:
    """The reply of an HTTP status that is not of the 200 class."""
    try:
        text = _plain(body, encoding)
    except ValueError as error:
        text = str(error).encode()
    verdict = _STATUSES.get(status, Verdict.RETRY)
    return Reply(verdict, str(status), excerpt(text), retry_after_s=seconds(retry_after))


def success(
    signal: Signal, sent: bytes, body: bytes, kind: str = PROTOBUF, encoding: str = ""
) -> Reply:
    """The reply of a 200-class status: it counts when its body can be read.

    Args:
        signal: what was sent.
        sent: the request, uncompressed.
        body: of the reply, as it came.
        kind: its content type.
        encoding: its content encoding.
    """
    answer = _RESPONSES[signal]()
    kind = kind.partition(";")[0].strip().lower()
    try:
        plain = _plain(body, encoding)
        if plain and kind == "application/json":
            json_format.ParseDict(_object(plain), answer, ignore_unknown_fields=True)
        elif plain and kind not in ("", PROTOBUF):
            raise DecodeError(f"a body of type {kind}: {excerpt(plain)}")
        else:
            answer.ParseFromString(plain)
    except (DecodeError, json_format.ParseError, RecursionError, ValueError) as error:
        return Reply(Verdict.RETRY, "unreadable", excerpt(f"a success with {error}".encode()))
    partial = answer.partial_success
    return _partly(getattr(partial, _REJECTED[signal]), signal, sent, partial.error_message)


def excerpt(text: bytes) -> str:
    """The beginning of a text from outside, on one line."""
    beginning = text[:_EXCERPT].decode(errors="replace")
    return " ".join("".join(c if c.isprintable() else " " for c in beginning).split())


def seconds(retry_after: str) -> float:
    """How long a Retry-After asks to wait: seconds or an HTTP date; 0 when it says neither."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    return max(0.0, until.replace(tzinfo=until.tzinfo or UTC).timestamp() - time.time())


def _partly(claimed: int, signal: Signal, sent: bytes, message: str) -> Reply:
    """All but so many were taken; a claim that cannot be is said, and not counted."""
    text = excerpt(message.encode())
    if not claimed:
        return Reply(Verdict.ACCEPTED, message=text)
    there = _items(signal, sent)
    if not 0 <= claimed <= there:
        text = f"it said {claimed} of {there} {text}".rstrip()
    return Reply(Verdict.ACCEPTED, message=text, rejected=min(max(claimed, 0), there))


def _items(signal: Signal, sent: bytes) -> int:
    """How many records, points or spans a request of ours has."""
    if signal == "logs":
        logs = logs_service_pb2.ExportLogsServiceRequest.FromString(sent)
        return sum(len(s.log_records) for part in logs.resource_logs for s in part.scope_logs)
    if signal == "traces":
        traces = trace_service_pb2.ExportTraceServiceRequest.FromString(sent)
        return sum(len(s.spans) for part in traces.resource_spans for s in part.scope_spans)
    metrics = metrics_service_pb2.ExportMetricsServiceRequest.FromString(sent)
    return sum(
        len(getattr(metric, metric.WhichOneof("data") or "gauge").data_points)
        for part in metrics.resource_metrics
        for scope in part.scope_metrics
        for metric in scope.metrics
    )


def _object(text: bytes) -> dict[str, Any]:
    """What JSON says.

    Raises:
        ValueError: it is none, or no object.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("JSON that is no object")
    return found


def _plain(body: bytes, encoding: str) -> bytes:
    """A body without its compression.

    Raises:
        ValueError: it is too long, cut off, or compressed in a way that nobody asked for.
    """
    if len(body) > LONGEST_BODY:
        raise ValueError(f"more than {LONGEST_BODY} bytes")
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise ValueError(f"a body of encoding {encoding}")
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacking.decompress(body, LONGEST_BODY)
    except zlib.error as error:
        raise ValueError(f"a body that is no gzip ({error})") from error
    if not unpacking.eof:
        raise ValueError("a gzip body that is cut off or too long")
    return plain
