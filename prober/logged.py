"""What log lines are about: fields that a structured log shows beside the text."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_fields: ContextVar[Mapping[str, Any]] = ContextVar("fields")
#: Under this name a line carries fields of its own.
_OWN = "prober_fields"


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
