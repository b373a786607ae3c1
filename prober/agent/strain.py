"""Strain: what the machine around a run did to it, and whether a verdict can stand on that.

A worker reads the kernel's counters right before its journey's code begins and right after it
has ended, so that no step pays for it. What a kernel does not offer is left out, not guessed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Final, TypeVar

from prober.agent.verdict import Doubt
from prober.model import Cause

#: What a run may lose of its time to others. One that lost more says nothing about how fast the
#: target was; docs/decisions.md has the measurement.
LIMIT: Final = 0.25
#: An event loop that was late for less may have been busy itself.
STANDSTILL_S: Final = 0.5
#: How many times as long as usual a page of our own may take.
SLOW_REFERENCE: Final = 3.0
_REMEMBERED = 10
_LOOK_S = 0.2
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
#: What others used is counted in whole ticks, begun and ended within one: less is not known.
UNKNOWN_S: Final = 2 * _TICK_S
_NS_S, _US_S = 1e-9, 1e-6
_LONGEST = 1 << 20

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the kernel has counted until a moment, in seconds."""

    at_s: float
    #: By process of a worker, its driver and its browser: processor time of all its threads.
    used_s: Mapping[int, float]
    #: The same of its children that have ended and were waited for, and of theirs.
    ended_s: Mapping[int, float]
    #: By process: how long its main thread was ready to run and had no processor.
    waited_s: Mapping[int, float]
    #: Of the processors there are for us: busy, and taken by the hypervisor for others.
    machine_s: Mapping[str, float]
    #: By resource: how long somebody here has stood waiting for it.
    stalled_s: Mapping[str, float]
    #: How long our control group was held back by its quota.
    throttled_s: Mapping[str, float]

    @classmethod
    def take(cls, pid: int) -> Reading:
        """Of a process and all that came from it; costs a fraction of a millisecond."""
        family = list(_family(pid))
        return cls(
            at_s=time.monotonic(),
            used_s=_each(_used_s, family),
            ended_s=_each(_ended_s, family),
            waited_s=_each(_waited_s, family),
            machine_s=_machine_s(),
            stalled_s=_each(_stalled_s, ("cpu", "memory", "io")),
            throttled_s=_throttled_s(),
        )

    def since(self, before: Reading) -> dict[str, float]:
        """What happened between two readings, by the names of `Run.host`."""
        watched_s = max(self.at_s - before.at_s, _US_S)
        found = {"watched": watched_s, **_processors(before, self)}
        for took_s in _grown(before.throttled_s, self.throttled_s).values():
            found["cpu_throttled"] = took_s
        stalled = _grown(before.stalled_s, self.stalled_s)
        found |= {f"{name}_pressure": took_s / watched_s for name, took_s in stalled.items()}
        found |= _free_memory()
        return {name: round(value, 4) for name, value in found.items()}


class Lag:
    """How late an event loop was while this was open: by that much the whole machine may be."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def __aenter__(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    async def __aexit__(self, *raised: object) -> None:
        self._watching.cancel()

    async def _watch(self) -> None:
        while True:
            start_s = time.monotonic()
            await asyncio.sleep(_LOOK_S)
            self.longest_s = max(self.longest_s, time.monotonic() - start_s - _LOOK_S)


class Usual:
    """What something took lately: whether it is slow now."""

    def __init__(self) -> None:
        self._took_us: deque[int] = deque(maxlen=_REMEMBERED)

    def note(self, took_us: int) -> None:
        """Remember what it took, unless it was not done."""
        if took_us:
            self._took_us.append(took_us)

    def times(self, took_us: int) -> float | None:
        """How many times the usual that is; None when one of them is not known."""
        if not self._took_us or not took_us:
            return None
        return round(took_us / median(self._took_us), 2)


def doubts(host: Mapping[str, float]) -> Iterator[Doubt]:
    """Why nothing can be said about the target, by what a run's `host` says."""
    watched_s = host.get("watched", 0.0)
    for what, lost_s in _losses(host, watched_s).items():
        if lost_s > max(LIMIT * watched_s, UNKNOWN_S):
            share = f"{lost_s:.2f} s of {watched_s:.2f} s, above {LIMIT:.0%}"
            yield _saturated(f"{what} for {share}")
    if (times := host.get("reference", 0.0)) > SLOW_REFERENCE:
        yield _saturated(f"a page of our own took its browser {times:g} times as long as usual")


def _losses(host: Mapping[str, float], watched_s: float) -> dict[str, float]:
    """Seconds that a run may have lost, by what it lost them to."""
    lag_s = host.get("loop_lag", 0.0)
    return {
        "its processes waited for processors that others had": host.get("cpu_wait", 0.0),
        "the quota of the control group held it back": host.get("cpu_throttled", 0.0),
        "processes here waited for memory": host.get("memory_pressure", 0.0) * watched_s,
        "nothing ran here": lag_s if lag_s >= STANDSTILL_S else 0.0,
    }


def _saturated(why: str) -> Doubt:
    return Doubt(Cause.SATURATED, f"this machine was too busy to measure: {why}")


# Processors


def _processors(before: Reading, after: Reading) -> dict[str, float]:
    """What a run used of them, and what others kept from it.

    Its own threads wait for each other on every machine with few processors. So a wait is
    laid to others in proportion to what they used meanwhile.
    """
    used_s = sum(_grown(before.used_s, after.used_s).values()) + _ended(before, after)
    machine = _grown(before.machine_s, after.machine_s)
    if not machine or not after.waited_s:
        return {}
    waited_s = sum(_grown(before.waited_s, after.waited_s).values())
    others_s = max(0.0, machine["busy"] - used_s)
    all_s = max(others_s + used_s, _US_S)
    # A thread whose processor the hypervisor took seems to run: it neither waits nor works.
    stolen = min(1.0, machine["stolen"] / max(machine["stolen"] + machine["busy"], _US_S))
    return {
        "cpu_used": used_s,
        "cpu_wait": waited_s * others_s / all_s + used_s * stolen,
        "cpu_others": others_s / all_s,
        "cpu_steal": stolen,
    }


def _ended(before: Reading, after: Reading) -> float:
    """What processes of the family used between two readings that ended meanwhile.

    Who waited for one is charged with all that it ever used, so what it had used before is not
    of this time.
    """
    gone = before.used_s.keys() - after.used_s.keys()
    known_s = sum(before.used_s[pid] + before.ended_s.get(pid, 0.0) for pid in gone)
    return max(0.0, sum(_grown(before.ended_s, after.ended_s).values()) - known_s)


def _family(pid: int) -> Iterator[int]:
    """A process and its descendants, as far as main threads started them."""
    if sys.platform != "linux":
        return
    yield pid
    for child in _words(f"/proc/{pid}/task/{pid}/children"):
        yield from _family(int(child))


def _used_s(pid: int) -> float | None:
    """By the process's own clock, which any process may read: see clock_getcpuclockid(3)."""
    with contextlib.suppress(OSError):
        return time.clock_gettime(~pid << 3 | 2)
    return None


def _ended_s(pid: int) -> float | None:
    # The name in parentheses may hold anything; `cutime` and `cstime` are fields 16 and 17.
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) * _TICK_S if len(fields) > 14 else None


def _waited_s(pid: int) -> float | None:
    words = _words(f"/proc/{pid}/schedstat")
    return int(words[1]) * _NS_S if len(words) == 3 else None


def _machine_s() -> dict[str, float]:
    """Of the processors that we may run on."""
    lines = _text("/proc/stat").splitlines()
    ours = _our_processors()
    rows = [line.split() for line in lines[: 1 + (os.cpu_count() or 1)] if line[:3] == "cpu"]
    counted = [row[1:9] for row in rows if row[0] in ours and len(row) > 8]
    ticks = [sum(map(int, column)) for column in zip(*counted, strict=True)]
    if not ticks:
        return {}
    user, nice, system, _, _, interrupts, soft, stolen = ticks
    busy = user + nice + system + interrupts + soft
    return {"busy": busy * _TICK_S, "stolen": stolen * _TICK_S}


@cache
def _our_processors() -> frozenset[str]:
    """By their names in /proc/stat; `cpu` is all of them."""
    mine = os.sched_getaffinity(0) if sys.platform == "linux" else set()
    if len(mine) == os.cpu_count():
        return frozenset({"cpu"})
    return frozenset(f"cpu{number}" for number in mine)


# Control groups and pressure


def _stalled_s(resource: str) -> float | None:
    """In our control group where that is known, on the machine otherwise."""
    for path in (f"{_group('')}/{resource}.pressure", f"/proc/pressure/{resource}"):
        for line in _text(path).splitlines():
            if line.startswith("some "):
                return int(line.rpartition("total=")[2]) * _US_S
    return None


def _throttled_s() -> dict[str, float]:
    for controller, name, unit_s in (
        ("", "throttled_usec", _US_S),
        ("cpu", "throttled_time", _NS_S),
    ):
        for line in _text(f"{_group(controller)}/cpu.stat").splitlines():
            if line.startswith(f"{name} "):
                return {name: int(line.split()[1]) * unit_s}
    return {}


def _free_memory() -> dict[str, float]:
    """What processes here may still take, in MB: of the machine, or of the group's limit."""
    words = _text("/proc/meminfo").partition("MemAvailable:")[2].split()
    if not words:
        return {}
    free = [int(words[0]) * 1024]
    for controller, limit, usage in (
        ("", "memory.max", "memory.current"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        most, now = (_text(f"{_group(controller)}/{name}").strip() for name in (limit, usage))
        if most.isdigit() and now.isdigit():
            free.append(int(most) - int(now) + _reclaimable(controller))
    return {"memory_free": min(free) / 1e6}


def _reclaimable(controller: str) -> int:
    """Bytes of a group's files in memory, which go when memory is wanted."""
    stat = _text(f"{_group(controller)}/memory.stat")
    name = "total_inactive_file" if controller else "inactive_file"
    return next(
        (int(line.split()[1]) for line in stat.splitlines() if line.startswith(f"{name} ")), 0
    )


@cache
def _group(controller: str) -> str:
    """The directory of our control group: of version 2, or of a controller of version 1."""
    root = f"/sys/fs/cgroup/{controller}".rstrip("/")
    for line in _text("/proc/self/cgroup").splitlines():
        _, named, path = line.split(":", 2)
        # A container may see the path of its group on the host, and its group as the root.
        if controller in named.split(",") and os.path.isdir(root + path):
            return (root + path).rstrip("/")
    return root


# Files


def _words(path: str) -> list[str]:
    return _text(path).split()


def _text(path: str) -> str:
    """What a file of the kernel says; nothing where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, _LONGEST).decode()
    except OSError:  # the process ended meanwhile
        return ""
    finally:
        os.close(descriptor)


def _each(read: Callable[[Key], float | None], keys: Iterable[Key]) -> dict[Key, float]:
    found = {key: read(key) for key in keys}
    return {key: value for key, value in found.items() if value is not None}


def _grown(before: Mapping[Key, float], after: Mapping[Key, float]) -> dict[Key, float]:
    """By how much each has grown; one that was not there began at nought."""
    return {key: value - before.get(key, 0.0) for key, value in after.items()}
