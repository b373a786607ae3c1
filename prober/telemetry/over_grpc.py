"""OTLP over gRPC, with TLS and without."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from prober.destination import Destination, Signal
from prober.telemetry import proxy, reply, tls
from prober.telemetry.reply import Reply, Verdict

_SERVICES: Final = {
    "logs": logs_service_pb2.DESCRIPTOR.services_by_name["LogsService"].full_name,
    "metrics": metrics_service_pb2.DESCRIPTOR.services_by_name["MetricsService"].full_name,
    "traces": trace_service_pb2.DESCRIPTOR.services_by_name["TraceService"].full_name,
}
_PORTS: Final = {"http": 80, "https": 443}
#: RESOURCE_EXHAUSTED also means throttling, where a smaller request would be no help, and a
#: reply that is too large for ourselves.
_TOO_LARGE: Final = re.compile(
    r"^(?!.*CLIENT: Received).*(larger than max|too large|message size)", re.IGNORECASE
)
#: On its own gRPC waits up to two minutes before it connects again, and shares connections with
#: every other channel, dead ones too.
_OPTIONS: Final = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5000),
)


class GrpcSender:
    """OTLP/gRPC; `http://` means without TLS."""

    def __init__(self, destination: Destination, signal: Signal) -> None:
        """Connects at the first request.

        Raises:
            InputError: a certificate, a key or a proxy cannot be used.
        """
        self._url = destination.url(signal)
        gzipped = destination.compression == "gzip"
        self._compression = grpc.Compression.Gzip if gzipped else grpc.Compression.NoCompression
        self._metadata = [(k.lower(), v) for k, v in destination.sent_headers().items()]
        self._signal, self._timeout_s = signal, destination.timeout_ms / 1000
        self._papers = tls.Papers(destination)
        self._options = (*_OPTIONS, *proxy.grpc_options(self._url))
        self._channel: grpc.aio.Channel | None = None

    async def send(self, body: bytes) -> Reply:
        """Send an export request once; the deadline covers all of it."""
        self._channel = self._channel or self._connect()
        export = self._channel.unary_unary(f"/{_SERVICES[self._signal]}/Export")
        try:
            answer = await export(body, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED or self._papers.renewed():
                await self.close()  # a connection that is dead looks like one that is slow
            return _refusal(error)
        return reply.success(self._signal, body, answer)

    async def close(self) -> None:
        """Close the connection."""
        channel, self._channel = self._channel, None
        if channel:
            await channel.close()

    def _connect(self) -> grpc.aio.Channel:
        where = urlsplit(self._url)
        target = where.netloc if where.port else f"{where.netloc}:{_PORTS[where.scheme]}"
        shared = {"options": self._options, "compression": self._compression}
        if where.scheme == "http":
            return grpc.aio.insecure_channel(target, **shared)
        return grpc.aio.secure_channel(target, self._papers.credentials(), **shared)


def _refusal(error: grpc.aio.AioRpcError) -> Reply:
    name, details = error.code().name, error.details() or ""
    after_s = _retry_info_s(error)
    verdict = Verdict.BAD if name == "INVALID_ARGUMENT" else Verdict.RETRY
    if name == "RESOURCE_EXHAUSTED" and not after_s and _TOO_LARGE.search(details):
        verdict = Verdict.SPLIT
    if name == "UNAVAILABLE" and (complaint := tls.grpc_complaint(details)):
        return Reply(Verdict.RETRY, "tls", complaint)
    kind = "timeout" if name == "DEADLINE_EXCEEDED" else name
    return Reply(verdict, kind, reply.excerpt(details.encode()), retry_after_s=after_s)


def _retry_info_s(error: grpc.aio.AioRpcError) -> float:
    """How long the status details ask to wait; 0 when they do not."""
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    info = RetryInfo()
    try:
        for detail in Status.FromString(details).details:
            if detail.Unpack(info):
                return max(0.0, float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9))
    except DecodeError:
        pass  # details that cannot be read ask for nothing
    return 0.0
