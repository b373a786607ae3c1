"""A TCP way to a port that can be shut, go dead without a word, or be a CONNECT proxy."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field


@dataclass(eq=False)
class _Pair:
    """One connection through the gate, both ends of it."""

    near: socket.socket
    far: socket.socket
    dead: threading.Event = field(default_factory=threading.Event)

    def pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.dead.is_set():  # what comes is swallowed, and the ends stay open
                    continue
                sink.sendall(data)
            if not self.dead.is_set():
                sink.shutdown(socket.SHUT_WR)


class Gate:
    """Forwards to a loopback port; as a proxy it goes there whatever CONNECT asks for."""

    def __init__(self, to_port: int, proxy: bool = False) -> None:
        self.to_port, self.proxy = to_port, proxy
        #: Hosts and ports that CONNECT asked for.
        self.asked: list[str] = []
        #: Connections are closed as soon as they are there.
        self.shut = False
        self.accepted = 0
        self._pairs: list[_Pair] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def die(self) -> None:
        """Let the connections there are go dead: open, and nothing passes any more."""
        for pair in self._pairs:
            pair.dead.set()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for pair in self._pairs:
            for end in (pair.near, pair.far):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.accepted += 1
                if self.shut or (self.proxy and not self._asked(near)):
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self.to_port))
                pair = _Pair(near, far)
                self._pairs.append(pair)
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=pair.pump, args=ends, daemon=True).start()

    def _asked(self, near: socket.socket) -> bool:
        head = b""
        while b"\r\n\r\n" not in head:
            head += near.recv(4096)
        method, target, *_ = head.decode().split()
        self.asked.append(target)
        near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return method == "CONNECT"
