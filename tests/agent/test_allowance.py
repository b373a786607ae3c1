"""Places for browser runs, shared by every agent of a machine."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path
from shutil import rmtree

import pytest

from prober.agent.allowance import Allowance, NoCapacity, hold

HOLD = """
import asyncio, sys
from pathlib import Path
from prober.agent.allowance import Allowance
async def hold():
    async with Allowance(1, Path(sys.argv[1])).place(10):
        print("held", flush=True)
        await asyncio.sleep(600)
asyncio.run(hold())
"""


async def most_at_once(places: int, runs: int, directory: Path) -> int:
    allowance, going, most = Allowance(places, directory), 0, 0

    async def run() -> None:
        nonlocal going, most
        async with allowance.place(20):
            going += 1
            most = max(most, going)
            await asyncio.sleep(0.02)
            going -= 1

    await asyncio.gather(*(run() for _ in range(runs)))
    return most


@pytest.mark.parametrize("places", [1, 2, 3])
def test_no_more_run_than_there_are_places(tmp_path: Path, places: int) -> None:
    assert asyncio.run(most_at_once(places, 12, tmp_path)) == places


def test_places_are_there_again_after_their_directory_was_cleaned_away(tmp_path: Path) -> None:
    allowance = Allowance(1, tmp_path / "places")

    async def hold() -> None:
        async with allowance.place(0):
            pass

    asyncio.run(hold())
    rmtree(tmp_path / "places")
    asyncio.run(hold())


def test_a_place_that_is_taken_looks_used(tmp_path: Path) -> None:
    allowance = Allowance(1, tmp_path)
    place = tmp_path / "place-0"
    place.touch()
    os.utime(place, (0, 0))

    async def hold() -> None:
        async with allowance.place(0):
            assert place.stat().st_mtime > 0

    asyncio.run(hold())


def test_a_place_that_cannot_be_locked_costs_no_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(OSError, match="No locks"):
            hold(tmp_path / "place-0")
    assert len(os.listdir("/proc/self/fd")) == before


def test_who_comes_first_is_served_first(tmp_path: Path) -> None:
    async def order() -> list[int]:
        allowance, served = Allowance(1, tmp_path), []

        async def run(number: int) -> None:
            async with allowance.place(20):
                served.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(*(run(number) for number in range(10)))
        return served

    assert asyncio.run(order()) == list(range(10))


def test_the_kernel_takes_a_place_back_from_a_dead_process(tmp_path: Path) -> None:
    async def take(within_s: float) -> None:
        async with Allowance(1, tmp_path).place(within_s):
            pass

    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=-1, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(NoCapacity, match="No place came free"):
            asyncio.run(take(0.1))
        other.kill()
        other.wait()
        asyncio.run(take(10))


def test_who_gives_up_waiting_holds_nothing(tmp_path: Path) -> None:
    async def give_up() -> None:
        allowance = Allowance(1, tmp_path)
        async with allowance.place(1):
            with pytest.raises(NoCapacity):
                async with allowance.place(0.05):
                    pass
        async with allowance.place(1):
            pass

    asyncio.run(give_up())
