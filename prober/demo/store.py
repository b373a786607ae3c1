"""What the shop remembers between requests, in memory and within bounds."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Store(Generic[Value]):
    """Values under keys nobody guesses: a bounded number, each forgotten when left idle."""

    def __init__(
        self, limit: int = 10_000, idle_s: float = 1800, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._kept: OrderedDict[str, tuple[float, Value]] = OrderedDict()  # longest idle first
        self._limit, self._idle_s, self._now = limit, idle_s, now

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, value: Value) -> str:
        """Keep a value; returns its key."""
        key = secrets.token_urlsafe(24)
        self._kept[key] = (self._now(), value)
        while len(self._kept) > self._limit or self._is_over(next(iter(self._kept))):
            self._kept.popitem(last=False)
        return key

    def get(self, key: str) -> Value | None:
        """The value, which is then fresh again."""
        if key not in self._kept or self._is_over(key):
            return None
        value = self._kept[key][1]
        self._kept[key] = (self._now(), value)
        self._kept.move_to_end(key)
        return value

    def drop(self, key: str) -> None:
        """Forget it."""
        self._kept.pop(key, None)

    def _is_over(self, key: str) -> bool:
        return self._now() - self._kept[key][0] > self._idle_s
