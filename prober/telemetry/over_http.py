"""OTLP over HTTP: protobuf bodies, no redirects, and replies read with a limit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from prober.destination import Destination, Signal
from prober.errors import InputError, Problem
from prober.telemetry import proxy, reply, tls
from prober.telemetry.encode import compress
from prober.telemetry.reply import Reply, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable


class HttpSender:
    """OTLP/HTTP with protobuf bodies; redirects are not followed."""

    def __init__(self, destination: Destination, signal: Signal) -> None:
        """Connects at the first request.

        Raises:
            InputError: a certificate, a key or a proxy cannot be used.
        """
        gzipped = destination.compression == "gzip"
        self._headers = {
            "Content-Type": reply.PROTOBUF,
            "Accept-Encoding": "gzip",
            **({"Content-Encoding": "gzip"} if gzipped else {}),
            **destination.sent_headers(),
        }
        self._pack: Callable[[bytes], bytes] = compress if gzipped else bytes
        self._signal, self._url = signal, destination.url(signal)
        self._timeout_s = destination.timeout_ms / 1000
        self._papers = tls.Papers(destination)
        self._client = self._connect()

    async def send(self, body: bytes) -> Reply:
        """Send an export request once; the deadline covers all of it."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(body)
        except (TimeoutError, httpx.TimeoutException):
            return Reply(Verdict.RETRY, "timeout", f"no reply within {self._timeout_s:g} s")
        except (httpx.HTTPError, OSError) as error:  # httpx lets some of TLS through as it is
            await self._renew()
            if complaint := tls.complaint(error):
                return Reply(Verdict.RETRY, "tls", complaint)
            return Reply(Verdict.RETRY, "network", str(error) or type(error).__name__)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _post(self, body: bytes) -> Reply:
        packed = self._pack(body)
        async with self._client.stream("POST", self._url, content=packed) as answer:
            said = await _read(answer)
        headers = answer.headers
        encoding = headers.get("content-encoding", "")
        if answer.is_success:
            kind = headers.get("content-type", "")
            return reply.success(self._signal, body, said, kind, encoding)
        return reply.refusal(answer.status_code, said, encoding, headers.get("retry-after", ""))

    async def _renew(self) -> None:
        """Take up certificates that were renewed on disk."""
        if self._papers.renewed():
            old, self._client = self._client, self._connect()
            await old.aclose()

    def _connect(self) -> httpx.AsyncClient:
        try:
            return httpx.AsyncClient(
                headers=self._headers,
                timeout=self._timeout_s,
                verify=self._papers.context(),
                trust_env=not proxy.is_here(self._url),
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            what, mend = f"cannot be used ({error})", "write http:// or https:// and a host"
            variables = "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or NO_PROXY"
            raise InputError([Problem("the environment", 0, variables, what, mend)]) from error


async def _read(answer: httpx.Response) -> bytes:
    """The body as it came, and no more of it than a reply may have."""
    said = bytearray()
    async for chunk in answer.aiter_raw():
        said += chunk
        if len(said) > reply.LONGEST_BODY:
            break
    return bytes(said)
