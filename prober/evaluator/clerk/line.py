"""The line between the evaluator and its clerk: questions one way, answers and log lines back.

Both ends are ours and nobody else can reach them, so that what goes over it may be pickled.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from prober.journal.tally import Rule

#: The number of what needs no question: how the opening went.
FIRST = 0


class Opening(NamedTuple):
    """What a clerk is told first."""

    path: Path
    rules: tuple[Rule, ...]
    #: Whether every page is looked over before the first answer.
    whole: bool
    #: Below this no log line is wanted.
    log_level: int


class Question(NamedTuple):
    """What is asked of it: a method of `Clerk`."""

    number: int
    method: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What it says: a value, or what it raised."""

    number: int
    value: Any = None
    error: Exception | None = None

    @classmethod
    def to(cls, number: int, ask: Callable[[], Any]) -> Answer:
        """Whatever comes of it.

        An error goes without its traceback, and without those of what led to it: they would hold
        the body it is about, until the collector of cycles comes by.
        """
        try:
            return cls(number, ask())
        except Exception as error:  # noqa: BLE001  # whatever it is, who asked is to be told
            error.__cause__ = error.__context__ = None
            return cls(number, error=error.with_traceback(None))


class Out:
    """The clerk's end of a line; safe to use from several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._turn = connection, threading.Lock()

    def send(self, what: Answer | logging.LogRecord) -> None:
        """Raises OSError when nobody is at the other end."""
        with self._turn:
            self._connection.send(what)


class Told(logging.Handler):
    """Sends log lines to the evaluator, which shows them among its own."""

    def __init__(self, out: Out) -> None:
        super().__init__()
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        """Send a line as text; nobody reads it where the evaluator has ended."""
        record.msg, record.args = self.format(record), None
        record.exc_info = record.exc_text = None
        with contextlib.suppress(OSError):
            self._out.send(record)
