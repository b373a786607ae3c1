"""Which make of machine this is: what latency depends on and nobody would call by its name."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

_CPU = Path("/proc/cpuinfo")
_DIGITS = 8


def make(cpu: Path = _CPU) -> str:
    """A digest of processor, cores and kernel: the same on equal machines, without a name of any.

    Args:
        cpu: where the kernel tells of the processor.
    """
    parts = (_model(cpu), str(os.cpu_count()), platform.system(), platform.release())
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:_DIGITS]


def _model(cpu: Path) -> str:
    """The processor's model, or its architecture where that is all there is to know."""
    try:
        lines = cpu.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    told = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(told, platform.machine())
