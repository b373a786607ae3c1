"""Turns: a lock that who waits longest has next."""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """A lock that is handed over, oldest first.

    A `threading.Lock` is free for whoever asks first: a thread that lets go of it and asks again
    at once has it nearly always, and who waits may wait for minutes.
    """

    def __init__(self) -> None:
        """Nobody has it."""
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def __enter__(self) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()  # by who had the turn before, and still taken for everybody else

    def __exit__(self, *_: object) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
