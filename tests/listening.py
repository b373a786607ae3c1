"""A web server that hears what is asked of it."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Request(NamedTuple):
    """What came."""

    method: str
    path: str
    #: By name in small letters.
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found


class Listener:
    """A web server; it can refuse, redirect, hang, or be gone."""

    #: By which connections are kept, and answered even when it is gone.
    protocol = "HTTP/1.1"

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        #: Everything that came.
        self.asked: list[Request] = []
        self.awake = threading.Event()
        self.awake.set()
        self.address, self.port = address, 0
        self.open()

    def open(self) -> None:
        """Listen, on the same port each time."""
        members = {"listener": self, "protocol_version": self.protocol}
        handler = type("Handler", (_Handler,), members)
        self._server = ThreadingHTTPServer((self.address, self.port), handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        """Be gone: connections are refused."""
        self.awake.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    def answer(self, request: Request, status: int) -> dict[str, str]:
        """Headers of the reply to a request."""
        return {"Content-Length": "0", **self.headers}


class _Handler(BaseHTTPRequestHandler):
    listener: Listener

    def do_POST(self) -> None:
        listener = self.listener
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, text)
        listener.asked.append(request)
        listener.awake.wait(60)
        status = listener.status
        answer = listener.answer(request, status)
        with suppress(OSError):
            self.send_response_only(status)
            for name, value in answer.items():
                self.send_header(name, value)
            self.end_headers()

    do_GET = do_HEAD = do_POST  # noqa: N815  # the base class wants these names

    def log_message(self, *_: Any) -> None:
        return
