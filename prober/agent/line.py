"""A worker's line to its supervisor: orders come in, events go out, also while a journey runs."""

from __future__ import annotations

import json
import os
import queue
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any


class Line:
    """The socket to the supervisor: one JSON object a line, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._lock = threading.Lock()
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._asked = 0
        #: Whether the journey's own time was up and its calls were ended.
        self.past: Callable[[], bool] = lambda: False

    def tell(self, event: dict[str, Any]) -> None:
        """Send an event."""
        data = json.dumps(event).encode() + b"\n"
        with self._lock:
            self._socket.sendall(data)

    def ask(self, event: dict[str, Any], within_s: float) -> dict[str, Any]:
        """Send an event and wait for the answer to it.

        Raises:
            TimeoutError: there was none in time.
        """
        self._asked += 1
        self.tell(event | {"number": self._asked})
        ends = time.monotonic() + within_s
        try:
            while True:
                answer = self._answers.get(timeout=max(0.0, ends - time.monotonic()))
                if answer["number"] == self._asked:  # not a late one to another
                    return answer
        except queue.Empty:
            raise TimeoutError from None

    def listen(self, orders: queue.SimpleQueue[dict[str, Any]]) -> None:
        """Pass orders and answers on; say `where` at once; end with the supervisor."""
        with self._socket.makefile("rb") as lines:
            for line in lines:
                order = json.loads(line)
                if order["do"] == "where":
                    self.tell({"at": "where", **_where(), "past": self.past()})
                elif order["do"] == "answer":
                    self._answers.put(order)
                else:
                    orders.put(order)
        # The supervisor is gone. The driver closes its browser when this process ends.
        os._exit(1)


def _where() -> dict[str, Any]:
    """Where the main thread is: in its own code, or waiting for Playwright."""
    frame: FrameType | None = sys._current_frames()[threading.main_thread().ident or 0]
    stack = traceback.extract_stack(frame)
    waiting = any("playwright" in entry.filename for entry in stack[-12:])
    last = [f"{Path(e.filename).name}:{e.lineno} in {e.name}" for e in stack[-3:]]
    return {"waiting": waiting, "stack": last}
