"""Where log lines go: to stderr, one a line, with the time in UTC, for people or as JSON.

What a line is about stands beside its text: the identity of a run, where it is about one. No
line shows a secret that is known here, whoever logs it.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Final

import typer

from prober import logged
from prober.logged import fields_of, hidden

if TYPE_CHECKING:
    from prober.agent.redact import Redactor


class Form(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


LogFormat = Annotated[
    Form, typer.Option("--log-format", help="Log lines for people, or as JSON objects.")
]


def set_up(form: Form = Form.TEXT, *, verbose: bool = False) -> None:
    """Send log lines to stderr; other libraries only when they warn."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_FORMS[form])
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.captureWarnings(True)
    logging.getLogger("prober").setLevel(logging.INFO if verbose else logging.WARNING)


def hide(secrets: Mapping[str, str]) -> None:
    """Show these by their names from now on, in every line; of each name the newest few."""
    redactor = _redactor()
    redactor.learn(secrets)
    logged.hide(redactor.text)


@cache
def _redactor() -> Redactor:
    """The one of this process, however often its files are read again."""
    from prober.agent.redact import Redactor

    return Redactor({})


class _Lines(logging.Formatter):
    """`time LEVEL logger: message [journey=… slot_ms=…]`, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in fields_of(record).items())
        text = f"{_time(record)} {record.levelname:<7} {record.name}: {record.getMessage()}"
        text += f" [{fields}]" if fields else ""
        if found := _exception(record):
            text += " | " + " | ".join(line.strip() for line in found.splitlines())
        return "".join(c if c.isprintable() else " " for c in hidden(text))


class _Objects(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        found = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if exception := _exception(record):
            found["exception"] = exception
        # Before they are packed: within an escape a secret's first letter could be another's last.
        return json.dumps({n: hidden(v) if isinstance(v, str) else v for n, v in found.items()})


_FORMS: Final = {Form.TEXT: _Lines(), Form.JSON: _Objects()}


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _exception(record: logging.LogRecord) -> str | None:
    if not record.exc_info or record.exc_info[1] is None:
        return None
    return "".join(traceback.format_exception(record.exc_info[1])).rstrip()
