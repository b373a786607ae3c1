"""CPU and memory of a process and everything that came from it, read from /proc.

The CPU time of an ended child goes to the parent that collected it, so the sum over a tree
of own and collected time never falls while its root lives and adopts its orphans.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_SUBREAPER = 36
_PROC = Path("/proc")
#: Less CPU time than this is none.
SETTLED_S = 0.01
_LOOK_S = 0.1
_PATIENCE_S = 2.0


class Process(NamedTuple):
    """One process: its parent, and CPU time in seconds."""

    pid: int
    parent: int
    own_s: float
    #: Of children that ended and were collected, and of theirs.
    ended_s: float


class Busy(NamedTuple):
    """CPU time of the whole machine since it started, in seconds."""

    busy_s: float
    total_s: float


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent ends before them."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def tree(root: int) -> list[Process]:
    """A process and all its descendants."""
    below: dict[int, list[Process]] = {}
    found = []
    for process in _all():
        below.setdefault(process.parent, []).append(process)
        if process.pid == root:
            found.append(process)
    for process in found:
        found += below.get(process.pid, [])
    return found


def cpu_s(processes: Iterable[Process]) -> float:
    """CPU time that processes and their collected children have used."""
    return sum(process.own_s + process.ended_s for process in processes)


def settle(used_s: Callable[[], float]) -> None:
    """Wait until what a run left to do is done: renderers that end, browsers that start."""
    ends, before_s = time.monotonic() + _PATIENCE_S, -1.0
    while (now_s := used_s()) - before_s > SETTLED_S and time.monotonic() < ends:
        before_s = now_s
        time.sleep(_LOOK_S)


def cpu_by_kind(processes: Iterable[Process]) -> Mapping[str, float]:
    """The same by kind: `python`, `driver`, `browser`, `renderer`, `gpu-process`, `utility`."""
    found: defaultdict[str, float] = defaultdict(float)
    for process in processes:
        kind = kind_of(process.pid)
        found["browser" if kind == "zygote" else kind] += process.own_s
        # A zygote's ended children were renderers; a browser's, its helpers.
        found["renderer" if kind == "zygote" else f"{kind}, ended below"] += process.ended_s
    return found


def kind_of(pid: int) -> str:
    """What a process is, by its command line."""
    words = command(pid)
    if "prober.agent.worker" in words:
        return "worker"
    # Helpers write their whole command line into one word.
    if "--type=" in (text := " ".join(words)):
        return text.split("--type=")[1].split()[0]
    program = Path(text.split(" ")[0]).name
    return next((kind for part, kind in _PROGRAMS.items() if part in program), program or "gone")


def command(pid: int) -> list[str]:
    """The words that a process was started with; none of one that has ended."""
    with contextlib.suppress(OSError):
        text = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")
        return text.rstrip("\0").split("\0")
    return []


_PROGRAMS: Mapping[str, str] = {
    "node": "driver",
    "python": "python",
    "chrom": "browser",
    "headless": "browser",
}


def pss_mb(processes: Iterable[Process]) -> Mapping[str, float]:
    """Proportional set size by kind, in MB of 1,000,000 bytes."""
    found: defaultdict[str, float] = defaultdict(float)
    for process in processes:
        found[kind_of(process.pid)] += _pss_kib(process.pid) * 1024 / 1e6
    return found


def peak_mb(pid: int) -> float:
    """The most memory that a process ever had, in MB of 1,000,000 bytes."""
    status = (_PROC / str(pid) / "status").read_text()
    (kib,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kib) * 1024 / 1e6


def machine() -> Busy:
    """How busy all cores have been; what a hypervisor took counts as busy."""
    ticks = [int(word) for word in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return Busy((sum(ticks) - idle) * _TICK_S, sum(ticks) * _TICK_S)


def _all() -> Iterable[Process]:
    for entry in os.listdir(_PROC):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                text = (_PROC / entry / "stat").read_text()
                words = text.rpartition(")")[2].split()
                used = [int(word) * _TICK_S for word in words[11:15]]
                yield Process(int(entry), int(words[1]), sum(used[:2]), sum(used[2:]))


def _pss_kib(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
