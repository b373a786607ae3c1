"""An errand: a command of the region file that is run for the secret it prints.

The supervisor runs it, with its own environment, and not a worker, which has none. What it
says on stderr goes nowhere: programs that deal in secrets show them when they complain.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Sequence

from prober.agent import process
from prober.errors import SecretUnreadable
from prober.source import LARGEST, usable
from prober.units import format_ms

_BY_HAND = "run it by hand as this user to see why"


def run(command: Sequence[str], timeout_ms: int) -> str:
    """The secret that a command prints, without the end of its last line.

    Args:
        command: the program and its arguments; no shell reads them.
        timeout_ms: it is killed after that, with all that it started.

    Raises:
        SecretUnreadable: it cannot be run, fails, or prints none that could be used. Neither
            what it printed nor its arguments are told.
    """
    try:
        child = process.start(command)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its name is none"
        what = f"its command cannot be started ({why})"
        raise SecretUnreadable(what, "name a program that this user may run") from None
    try:
        raw = _output(child, time.monotonic() + timeout_ms / 1000)
    except (TimeoutError, subprocess.TimeoutExpired):
        what = f"its command took longer than {format_ms(timeout_ms)}"
        raise SecretUnreadable(what, f"{_BY_HAND}, or write a longer timeout") from None
    finally:
        code = process.end(child)
    if code and len(raw) <= LARGEST:
        raise SecretUnreadable(f"its command ended with exit code {code}", _BY_HAND)
    return usable(raw, "what its command prints")


def _output(child: subprocess.Popen[bytes], ends: float) -> bytes:
    """What a program prints until it ends, or more than is ever used."""
    assert child.stdout
    raw = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, ends - time.monotonic())):
            chunk = os.read(child.stdout.fileno(), LARGEST)
            raw += chunk
            if len(raw) > LARGEST:
                return raw
            if not chunk:
                child.wait(max(0.0, ends - time.monotonic()))
                return raw
    raise TimeoutError
