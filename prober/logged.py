"""What log lines are about, and what must not stand in them.

A structured log shows fields beside the text. Whoever knows secrets says here how they are taken
out; `prober.cli.logs` does it to every line.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_fields: ContextVar[Mapping[str, Any]] = ContextVar("fields")
#: Under this name a line carries fields of its own.
_OWN = "prober_fields"
#: Each reads every line: who learns of more secrets says so to the one that is here already.
_hiding: list[Callable[[str], str]] = []


def hide(redacted: Callable[[str], str]) -> None:
    """Have texts of the log changed by this from now on; again it does nothing."""
    if redacted not in _hiding:
        _hiding.append(redacted)


def hidden(text: str) -> str:
    """A text as a log may show it."""
    for redacted in tuple(_hiding):
        text = redacted(text)
    return text


@contextmanager
def about(**fields: Any) -> Iterator[None]:
    """Give every line that is logged within, in tasks and threads begun within too, fields."""
    before = _fields.set({**_here(), **fields})
    try:
        yield
    finally:
        _fields.reset(before)


def beside(**fields: Any) -> dict[str, Any]:
    """Fields of one line: `log.info("…", extra=beside(journey="checkout"))`."""
    return {_OWN: {**_here(), **fields}}


def fields_of(record: logging.LogRecord) -> Mapping[str, Any]:
    """The fields of a line; asked in the context that logs it."""
    found: Mapping[str, Any] = getattr(record, _OWN, None) or _here()
    return found


def _here() -> Mapping[str, Any]:
    return _fields.get({})
