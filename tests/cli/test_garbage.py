"""How soon what nobody can reach is let go of."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Makes garbage of what has become old, beside a lot that stays; prints how much was there at most.
LITTLE = """
import collections, weakref
from prober.cli.garbage import settle

class Knot:
    def __init__(self):
        self.itself = self

stays = [[number] for number in range(300_000)]
settle()
held, alive, most = collections.deque(maxlen=10_000), weakref.WeakSet(), 0
for number in range(60_000):
    held.append(Knot())
    alive.add(held[-1])
    most = max(most, len(alive) - len(held))
print(most)
"""
#: Either command up to where it says that it is ready; prints how much is left alone from then on.
AGENT = """
import asyncio, gc
from types import SimpleNamespace as Space
from prober.cli.agent import _serve

async def run(stop, started):
    started()
    print(gc.get_freeze_count())

what = Space(region=Space(name="here"), journeys=[])
asyncio.run(_serve(Space(definition=what, reload=Space(asked=asyncio.Event()), run=run)))
"""
EVALUATOR = """
import asyncio, gc
from prober.cli.evaluator import _serve
from prober.evaluator import evaluator

async def serve(settings, ready, *, stop, reload):
    ready("evaluator is ready")
    print(gc.get_freeze_count())

evaluator.serve = serve
asyncio.run(_serve(None))
"""


def printed(script: str) -> list[str]:
    end = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return end.stdout.splitlines()


def test_garbage_is_found_soon_however_much_is_loaded() -> None:
    (most,) = printed(LITTLE)
    assert int(most) < 20_000


@pytest.mark.parametrize(("command"), [AGENT, EVALUATOR], ids=["agent", "evaluator"])
def test_what_a_process_has_loaded_when_it_is_ready_is_left_alone(command: str) -> None:
    ready, frozen = printed(command)
    assert "is ready" in ready
    assert int(frozen) > 10_000
