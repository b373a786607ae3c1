"""Processes and their leavings: adopting, sweeping, reaping, on Linux and as far as others go.

Chromium sits in a session of its own and its helpers double-fork, so killing a process group
leaves it alive. The supervisor adopts orphans (PR_SET_CHILD_SUBREAPER), and after a kill
takes down everything that came from the worker, recognised by descent or by its TMPDIR.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_PREFIX = "prober-"
_SWEEP_S = 2.0

#: Children that this process started itself and waits for.
started: set[int] = set()
#: Directories for temporary files that this process made.
_made: set[Path] = set()
#: Held while a child is not in `started` yet: `reap` would take its exit status away.
_starting = threading.Lock()
log = logging.getLogger(__name__)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def sweep(pid: int, temporary: Path) -> None:
    """Kill a worker and everything that came from it, reap it, remove its files."""
    ends = time.monotonic() + _SWEEP_S
    doomed: set[psutil.Process] = set()
    while time.monotonic() < ends:
        doomed.update(_lineage(pid, temporary))
        for process in doomed:
            with contextlib.suppress(psutil.Error):
                process.kill()
        reap()
        # One that is dying no longer shows where it came from: it is remembered until reaped.
        doomed = {process for process in doomed if not _is_over(process)}
        if not doomed:
            break
        time.sleep(0.01)
    shutil.rmtree(temporary, ignore_errors=True)
    _made.discard(temporary)  # what is left of it is cleared later, as others' leavings are


def reap() -> None:
    """Collect adopted children that have ended; our own are collected by who started them."""
    with _starting:
        for child in psutil.Process().children():
            if child.pid not in started and _is_zombie(child):
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(child.pid, os.WNOHANG)


async def reap_for_ever(every_s: float = 10.0) -> None:
    """Collect them again and again."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await asyncio.to_thread(reap)
        except Exception:  # the next time must come
            log.exception("children that had ended could not be collected, trying again")


def start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, whose output is read and whose errors are not.

    Raises:
        OSError: it cannot be started.
    """
    with _starting:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        started.add(child.pid)
    return child


def end(child: subprocess.Popen[bytes]) -> int:
    """A program's exit code, one of `start`; one that goes on is killed, session and all."""
    if child.poll() is None:  # else its number may be another's by now
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    code = child.wait()
    started.discard(child.pid)
    if child.stdout:
        child.stdout.close()
    return code


def stopped(pid: int) -> dict[str, bool]:
    """What somebody has stopped, by name: whether it is the worker or its driver."""
    found = {}
    for process in _family(pid):
        with contextlib.suppress(psutil.Error):
            if process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP):
                found[process.name()] = pid in (process.pid, process.ppid())
    return found


def resident_bytes(pid: int) -> int:
    """Memory of a worker with driver and browser, shared pages counted once where known."""
    total = 0
    for process in _family(pid):
        with contextlib.suppress(psutil.Error, OSError):
            memory = process.memory_full_info() if sys.platform == "linux" else None
            total += memory.pss if memory else process.memory_info().rss
    return total


def make_temporary_root() -> Path:
    """A directory for this supervisor's workers; those of dead supervisors are cleared first."""
    clear_leavings()
    root = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    _made.add(root)
    return root


def clear_leavings() -> None:
    """End what supervisors left behind that were killed: processes and files."""
    for root in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        owner = root.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdigit() and _is_left(root, int(owner)) and _is_mine(root):
            for process in _with_temporary(root):
                with contextlib.suppress(psutil.Error):
                    process.kill()
            shutil.rmtree(root, ignore_errors=True)


def _is_left(root: Path, owner: int) -> bool:
    """Whether nobody uses a directory any more.

    Started again in its container a process has the number of the one before it.
    """
    return root not in _made if owner == os.getpid() else not psutil.pid_exists(owner)


def _lineage(pid: int, temporary: Path) -> list[psutil.Process]:
    adopted = [
        process
        for child in psutil.Process().children()
        if child.pid != pid and _is_within(child, temporary)
        for process in [child, *_below(child)]
    ]
    return [*_family(pid), *adopted]


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return []
    return [process, *_below(process)]


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _with_temporary(root: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        if _is_within(process, root):
            yield process


def _is_within(process: psutil.Process, directory: Path) -> bool:
    try:
        return Path(process.environ().get("TMPDIR", "")).is_relative_to(directory)
    except (psutil.Error, OSError):
        return False


def _is_over(process: psutil.Process) -> bool:
    """Gone, or our own child that only waits for who started it."""
    return not process.is_running() or (process.pid in started and _is_zombie(process))


def _is_zombie(process: psutil.Process) -> bool:
    return _status(process) in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD, "gone")


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.NoSuchProcess:
        return "gone"


def _is_mine(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.stat().st_uid == os.getuid()
    return False
