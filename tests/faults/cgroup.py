"""What the kernel can hold a measurer to: memory, processor time, processes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

CGROUPS = Path("/sys/fs/cgroup")


class Cgroup:
    """Limits that the kernel holds a tree of processes to, in either version of cgroups."""

    def __init__(self, name: str) -> None:
        self.name = f"prober-{os.getpid()}-{name}"
        self.one = (CGROUPS / "memory").is_dir()
        self.paths = (
            {each: CGROUPS / each / self.name for each in ("memory", "cpu", "pids")}
            if self.one
            else dict.fromkeys(("memory", "cpu", "pids"), CGROUPS / self.name)
        )

    def up(self) -> None:
        """Make it; skips the test where that cannot be done."""
        try:
            for path in self.paths.values():
                path.mkdir(exist_ok=True)
            self._write("pids", "pids.max", "max")
        except OSError as error:
            pytest.skip(f"no control group can be made: {error}")

    def take(self, pid: int) -> None:
        """Put a process and all it will start into it."""
        for path in set(self.paths.values()):
            (path / "cgroup.procs").write_text(str(pid))

    def memory(self, megabytes: int | None) -> None:
        """How much memory there is."""
        limit = -1 if self.one else "max"
        given = limit if megabytes is None else megabytes << 20
        self._write("memory", "memory.limit_in_bytes" if self.one else "memory.max", str(given))

    def processor(self, percent: int | None) -> None:
        """How much of one processor there is."""
        if self.one:
            self._write("cpu", "cpu.cfs_quota_us", "-1" if percent is None else f"{percent}000")
        else:
            quota = "max" if percent is None else f"{percent}000"
            self._write("cpu", "cpu.max", f"{quota} 100000")

    def processes(self, most: int | None) -> None:
        """How many processes and threads there may be."""
        self._write("pids", "pids.max", "max" if most is None else str(most))

    def _write(self, controller: str, file: str, text: str) -> None:
        (self.paths[controller] / file).write_text(text)

    def down(self) -> None:
        """Remove it, once all in it have ended."""
        for path in set(self.paths.values()):
            with contextlib.suppress(OSError):
                path.rmdir()
