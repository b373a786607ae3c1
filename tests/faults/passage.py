"""What every request to the shop goes through: a place to strike in the middle of a run."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

#: Of one hop: what belongs to a connection is not passed on.
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Request(BaseHTTPRequestHandler):
    """A request on its way, and what can be answered in the shop's place."""

    protocol_version = "HTTP/1.1"
    passage: ClassVar[Passage]

    def do_GET(self) -> None:
        with suppress(OSError):
            act = self.passage.acts.get(urlsplit(self.path).path)
            if act is None or not act(self):
                self.pass_on()

    do_POST = do_GET  # noqa: N815  # the base class wants these names

    def pass_on(self, change: Callable[[bytes], bytes] = lambda body: body) -> None:
        """Ask the shop and hand over what it answers, its body changed."""
        shop = http.client.HTTPConnection(self.passage.behind, timeout=60)
        length = int(self.headers.get("Content-Length") or 0)
        try:
            shop.request(self.command, self.path, self.rfile.read(length), dict(self.headers))
            reply = shop.getresponse()
            body = change(reply.read())
        finally:
            shop.close()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, status: int, body: str = "", **headers: str) -> bool:
        """Answer in the shop's place."""
        data = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        return True

    def reset(self) -> bool:
        """Cut the connection with a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
        return True

    def raw(self, data: bytes, *, then_s: float = 0.0) -> bool:
        """Send bytes as they are, then nothing for a while, then the end."""
        self.close_connection = True
        self.wfile.write(data)
        self.wfile.flush()
        self.passage.closing.wait(then_s)
        return True

    def log_message(self, format: str, *args: object) -> None:
        pass


Act = Callable[[Request], object]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    address_family = socket.AF_INET

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class Passage:
    """A reverse proxy that acts on the requests of a path before it passes them on.

    What acts says whether it answered; if not, the request goes on to the shop.
    """

    def __init__(self, shop: str, host: str, tls: ssl.SSLContext | None = None) -> None:
        self.behind, self.host = urlsplit(shop).netloc, host
        self.acts: dict[str, Act] = {}
        self.closing = threading.Event()
        self._tls, self._port = tls, 0
        self._open()

    @property
    def port(self) -> int:
        """The same for as long as it lives, also while it is shut."""
        return self._port

    @contextmanager
    def on(self, path: str, act: Act) -> Iterator[None]:
        """Let requests of a path be acted on."""
        self.acts[path] = act
        try:
            yield
        finally:
            del self.acts[path]

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Let nobody in: connections are refused."""
        self._close()
        try:
            yield
        finally:
            self._open()

    def close(self) -> None:
        """For good."""
        self.closing.set()
        self._close()

    def _open(self) -> None:
        handler = type("Handler", (Request,), {"passage": self})
        self._server = _Server((self.host, self._port), handler)
        self._port = int(self._server.server_address[1])
        if self._tls:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        serve = partial(self._server.serve_forever, poll_interval=0.05)
        self._thread = threading.Thread(target=serve, daemon=True)
        self._thread.start()

    def _close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
