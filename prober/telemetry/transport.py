"""One OTLP request to one destination, over HTTP or gRPC.

Libraries are imported when a destination needs them: each costs an agent resident memory.
"""

from __future__ import annotations

from typing import Protocol

from prober.destination import Destination, Signal
from prober.telemetry.reply import Reply


class Sender(Protocol):
    """Sends one signal to one destination."""

    async def send(self, body: bytes) -> Reply:
        """Send an export request, uncompressed protobuf, once; never raises for the network."""

    async def close(self) -> None:
        """Close the connections."""


def sender(destination: Destination, signal: Signal) -> Sender:
    """The sender for a destination's protocol; it connects at the first request.

    Raises:
        InputError: a certificate, a key or a proxy cannot be used.
    """
    if destination.protocol == "grpc":
        from prober.telemetry.over_grpc import GrpcSender

        return GrpcSender(destination, signal)
    from prober.telemetry.over_http import HttpSender

    return HttpSender(destination, signal)
