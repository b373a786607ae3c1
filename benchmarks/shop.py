"""The target: the demo shop in a process of its own, whose CPU belongs to nobody."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

USER = "ada@shop.example"
PASSWORD = "analytical-engine"


@contextmanager
def open_shop() -> Iterator[tuple[str, int]]:
    """A running shop's address, and its pid."""
    command = [sys.executable, "-m", "prober.demo.shop", "--user", USER, "--password", PASSWORD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            ready = process.stdout.readline()
            yield ready.split()[-1], process.pid  # "shop is ready on <address>"
        finally:
            process.terminate()
