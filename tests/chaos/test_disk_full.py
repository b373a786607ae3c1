"""A disk that is full, for real: measuring goes on, all is counted, and room is all it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: An agent's slots, with a journal on a volume of some megabytes that somebody else fills.
STORY = """
import asyncio, json, resource, signal, sys
from pathlib import Path

sys.path.insert(0, sys.argv[3])
from prober.journal import backup
from prober.journal.journal import Journal
from tests.agent.rig import HOUR_MS, Rig

kind, folder = sys.argv[1], Path(sys.argv[2])
path, ballast = folder / "journal.db", folder / "ballast"
EVERY_MS = 60_000
said = {}
backup._PATIENCE_S = 0.2
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def fill():
    if kind == "limit":  # no file may grow any more
        size = path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        return
    with ballast.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def free():
    if kind == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        ballast.unlink()


def size():
    return sum(f.stat().st_size for f in folder.glob("journal.*"))


async def story():
    rig = Rig(path)
    await rig.start()
    for _ in range(60):
        await rig.passes(EVERY_MS)
    said["before"] = rig.states()
    for n in range(2):  # it happens again and again
        fill()
        for _ in range(120):
            await rig.passes(EVERY_MS)
        rig.journal.keep_safe(rig.time.wall_ms + n * HOUR_MS)
        said[f"waiting {n}"], said[f"lost {n}"] = rig.pen.waiting, rig.pen.lost
        said[f"size {n}"] = size()
        said[f"ready {n}"] = rig.journal.damage
        free()
        await rig.passes(EVERY_MS)
        said[f"waits {n}"] = rig.pen.waiting
    said["orders"], said["states"], said["due"] = len(rig.script.orders), rig.states(), rig.due()
    rig.journal.keep_safe(rig.time.wall_ms + 10 * HOUR_MS)
    await rig.kill()
    book = Journal.open(path)
    said["mishap"] = str(book.mishap)
    book.close()
    said["after"] = size()


asyncio.run(story())
print(json.dumps(said))
"""


def tell(kind: str, folder: Path) -> dict[str, Any]:
    """What came of the story on a volume of its own."""
    folder.mkdir()
    command = [sys.executable, "-c", STORY, kind, str(folder), str(ROOT)]
    if kind == "volume":
        apart = ["unshare", "--user", "--map-root-user", "--mount"]
        mount = f"mount -t tmpfs -o size=12m none {folder}"
        if subprocess.run([*apart, "sh", "-c", mount], capture_output=True, check=False).returncode:
            pytest.skip("this machine lets nobody mount")
        command = [*apart, "sh", "-c", f'{mount} && exec "$@"', "sh", *command]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=170)
    assert ended.returncode == 0, ended.stderr
    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return said


@pytest.mark.long
@pytest.mark.parametrize("kind", ["volume", "limit"])
def test_a_full_disk_stops_nobody_and_costs_nothing_once_there_is_room(
    tmp_path: Path, kind: str
) -> None:
    said = tell(kind, tmp_path / "data")
    assert said["orders"] == said["before"] + 2 * 121, "every slot was run"
    for n in range(2):
        assert said[f"waiting {n}"] > 20, "the disk was full, and it is counted"
        assert said[f"lost {n}"] == 0
        assert said[f"waits {n}"] == 0, "no restart was needed"
        assert said[f"ready {n}"] is None, "a full disk is no damage"
        assert said[f"size {n}"] < 12 * 2**20, "the log stays within bounds"
    assert said["states"] == said["due"], "every slot has its state"
    assert said["mishap"] == "None"
