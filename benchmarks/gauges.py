"""What may grow while an agent and an evaluator run for months, read from outside.

Memory is what no file can give back: anonymous and shared pages, swapped ones too, a page that
several have in proportion. Pages of programs are left out: the kernel drops them as it likes,
and how many count here depends on who else has the same browser open.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks import processes
from prober.agent.agent import JOURNAL

ROLES = ("supervisor", "workers", "drivers", "browsers", "evaluator")
#: Of processes that several share by fork, or lay in /dev/shm.
_MEMORY = ("Pss_Anon:", "Pss_Shmem:", "SwapPss:")
_BY_KIND = {"worker": "workers", "driver": "drivers"}
#: What an agent's directory has besides temporary files.
_NOT_TEMPORARY = ("data", "regions", "agent.log")
_SHARED_MEMORY = Path("/dev/shm")


class Gauge(NamedTuple):
    """One thing that is watched."""

    unit: str
    #: More in 30 days at the normal rate matters; None: it is there to grow.
    allowed: float | None


#: A pod has 2 GiB and 1 GB of /tmp, a login 1024 descriptors: three months leave most of it.
_MEMORY_MB, _DESCRIPTORS, _TASKS, _FILES, _FILES_MB = 100, 100, 30, 300, 100
GAUGES: Mapping[str, Gauge] = {
    **{f"{role}: memory": Gauge("MB", _MEMORY_MB) for role in ROLES},
    **{f"{role}: descriptors": Gauge("descriptors", _DESCRIPTORS) for role in ROLES},
    **{f"{role}: threads": Gauge("threads", _TASKS) for role in ROLES},
    "agent: processes": Gauge("processes", _TASKS),
    "agent: temporary files": Gauge("files", _FILES),
    "agent: temporary files' size": Gauge("MB", _FILES_MB),
    "agent: data but for the journal": Gauge("files", _FILES),
    "evaluator: data but for the journal": Gauge("files", _FILES),
    "everybody: files in /dev/shm": Gauge("files", _FILES),
    "agent: journal": Gauge("MB", None),
    "evaluator: journal": Gauge("MB", None),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look."""

    agent: int
    evaluator: int
    #: The agent's, with `data` in it; its temporary files are the rest.
    home: Path
    #: The evaluator's.
    data: Path

    def look(self) -> dict[str, float]:
        """Every gauge as it stands.

        Raises:
            RuntimeError: the agent or the evaluator has ended.
        """
        found = dict.fromkeys(GAUGES, 0.0)
        for role, pid in self._processes():
            found[f"{role}: memory"] += _memory_mb(pid)
            with contextlib.suppress(psutil.Error):
                found[f"{role}: descriptors"] += psutil.Process(pid).num_fds()
                found[f"{role}: threads"] += psutil.Process(pid).num_threads()
            found["agent: processes"] += role != "evaluator"
        temporary = [size for top in self._temporary() for size in _sizes(top)]
        found["agent: temporary files"] = len(temporary)
        found["agent: temporary files' size"] = sum(temporary) / 1e6
        found["everybody: files in /dev/shm"] = _files_at(_SHARED_MEMORY)
        for owner, data in (("agent", self.home / "data"), ("evaluator", self.data)):
            journal = [size for size in map(_size, _journal(data)) if size is not None]
            others = sum(1 for _ in _sizes(data)) - len(journal)
            found[f"{owner}: data but for the journal"] = others
            found[f"{owner}: journal"] = sum(journal) / 1e6
        return found

    def _processes(self) -> Iterator[tuple[str, int]]:
        """Each with its role."""
        for root, role in ((self.agent, "supervisor"), (self.evaluator, "evaluator")):
            if not processes.command(root):
                raise RuntimeError(f"the {role} has ended")
            for process in processes.tree(root):
                of = role if role == "evaluator" or process.pid == root else None
                kind = processes.kind_of(process.pid)
                yield of or _BY_KIND.get(kind, "browsers"), process.pid

    def _temporary(self) -> Iterator[Path]:
        return (path for path in self.home.iterdir() if path.name not in _NOT_TEMPORARY)


def _memory_mb(pid: int) -> float:
    """Of one process, in MB of 1,000,000 bytes; 0 when it has ended."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        kib = sum(int(line.split()[1]) for line in lines if line.startswith(_MEMORY))
        return kib * 1024 / 1e6
    return 0.0


def _files_at(top: Path) -> int:
    """Files right there, as Chromium leaves them; directories in it are somebody's work."""
    return sum(entry.is_file() for entry in os.scandir(top)) if top.is_dir() else 0


def _journal(data: Path) -> tuple[Path, Path]:
    """The journal's file and its log."""
    return data / JOURNAL, data / f"{JOURNAL}-wal"


def _sizes(top: Path) -> Iterator[int]:
    """Of every file there, in bytes; those that go meanwhile are left out."""
    if not top.is_dir():
        paths = [top]
    else:
        paths = [Path(parent, name) for parent, _, names in os.walk(top) for name in names]
    for path in paths:
        if (size := _size(path)) is not None:
            yield size


def _size(path: Path) -> int | None:
    with contextlib.suppress(OSError):
        return path.lstat().st_size
    return None
