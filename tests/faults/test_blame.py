"""The blame matrix: every fault of our own is told from a fault of the site.

`make blame` prints it as a table of true origin against what was recorded, beside what pytest with
pytest-playwright says of the same shop, the same faults and the same minutes.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from prober.model import Cause, Outcome
from tests.conftest import SHORT, Shop
from tests.faults.confusion import Confusion
from tests.faults.matrix import FAULTS, Fault, Origin
from tests.faults.measurer import Ours, Peer, Said
from tests.faults.scene import Scene

pytestmark = [pytest.mark.browser, pytest.mark.blame]

#: How often each fault strikes, and how often the peer meets it.
REPEAT = int(os.environ.get("PROBER_REPEAT", 1 if SHORT else 10))
PEER = int(os.environ.get("PROBER_PEER", 0 if SHORT else REPEAT))
#: How often a pipeline's machine may have other work when a fault strikes.
PATIENCE = 4
#: Of the target's faults, what share may be without a verdict.
UNDECIDED = 0.01


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    made = Scene(tmp_path_factory.mktemp("scene"), shop)
    yield made
    made.close()
    shop.close()


def met(scene: Scene, measurer: Ours | Peer, fault: Fault) -> Said:
    """What a measurer says of a run that meets a fault."""
    scene.measurer = measurer
    with fault.strike(scene):
        measurer.ask(fault.journey, confirm=fault.confirm)
        return measurer.answer()


def met_in_peace(scene: Scene, fault: Fault) -> Said:
    """What ours says; asked again in the short form when this machine had other work.

    A pipeline shares its machine, and what was set aside for that says nothing about the fault.
    """
    if not SHORT or fault.origin is Origin.HOST:
        return met(scene, scene.ours(fault.world), fault)
    for _ in range(PATIENCE):
        said = met(scene, scene.ours(fault.world), fault)
        if said.cause is not Cause.SATURATED:
            return said
    pytest.skip(f"this machine had other work each of {PATIENCE} times: {said.message}")


@pytest.mark.timeout(60 + 100 * REPEAT + 60 * PEER)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.origin}: {fault.name}")
def test_whose_fault_it_is(fault: Fault, scene: Scene, confusion: Confusion) -> None:
    ours = [met_in_peace(scene, fault) for _ in range(REPEAT)]
    theirs: list[Said] = []
    confusion.ours[fault], confusion.theirs[fault] = ours, theirs
    for _ in range(PEER if fault.peer else 0):
        peer = scene.peer(fault.world, fault.journey)
        theirs.append(met(scene, peer, fault))
        peer.close()
    said = Counter(each.outcome for each in ours)
    if fault.origin is Origin.TARGET:
        assert not said[Outcome.PASSED], ours
        assert said[Outcome.INCONCLUSIVE] <= max(UNDECIDED * REPEAT, REPEAT > 1), ours
    else:
        assert not said[Outcome.FAILED], ours
