"""One pool after another: what replaces one is ready before, and what cannot be is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from prober.agent.code import Code
from prober.agent.pool import PoolSettings, Renewal
from prober.agent.pools import Pools
from prober.agent.watch import Order
from prober.errors import ProberError
from prober.journey import Journey
from prober.model import Kind, Outcome, Run, RunId
from tests.agent.test_pool import LIGHT
from tests.agent.test_worker import GOOD
from tests.faults.bench import Bench, temporary_entries

pytestmark = pytest.mark.browser

MakeBench = Callable[..., Bench]


def order(journey: Journey, slot_ms: int) -> Order:
    return Order(id=RunId(journey.name, "here", slot_ms, 1, Kind.MANUAL), journey=journey)


def settings_of(bench: Bench) -> PoolSettings:
    return replace(bench.settings, code=Code.of(bench.directory / "journeys"))


async def ended(pools: Pools) -> None:
    """Until only the newest is there."""
    async with asyncio.timeout(60):
        while pools._leaving:
            await asyncio.sleep(0.01)


def test_a_pool_takes_over_while_a_run_goes_on_in_the_one_before(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    bench, gate = make_bench(renewal=Renewal(runs=1)), tmp_path / "gate"
    held = f"while not os.path.exists({str(gate)!r}): time.sleep(0.02)\n            assert"
    slow = bench.journey(LIGHT.replace("assert", held), timeout="60s")
    quick = bench.journey(LIGHT)

    async def story() -> None:
        pools = Pools(settings_of(bench))
        first, roots = pools.current, [pools.current._root]
        going: asyncio.Task[Run] = asyncio.create_task(first.run(order(slow, 1)))
        around = replace(bench.settings.around, secrets={"a_key": "another-secret"})
        second = await pools.prepare(replace(settings_of(bench), around=around), [quick])
        pools.succeed(second, [going])  # type: ignore[list-item]  # lanes wait for more than runs
        roots.append(second._root)
        assert pools.live == 2
        assert (await second.run(order(quick, 2))).outcome is Outcome.PASSED
        assert not going.done()
        gate.touch()
        assert (await going).outcome is Outcome.PASSED
        await ended(pools)
        assert not roots[0].exists()
        async with asyncio.timeout(60):
            while pools.renewed["runs"] < 2:
                await asyncio.sleep(0.01)
        assert pools.current is second
        await pools.stop()
        assert pools.renewed["runs"] == 2, "each made one run: what both counted is there"
        assert not any(root.exists() for root in roots)

    bench.do(story())


@pytest.mark.parametrize("wrong", ["the code", "the browser"])
def test_what_cannot_take_over_is_refused_and_leaves_nothing(
    make_bench: MakeBench, tmp_path: Path, wrong: str
) -> None:
    bench = make_bench()
    journey = bench.journey(GOOD)
    settings = settings_of(bench)
    if wrong == "the code":
        (bench.directory / "journeys" / "more.py").write_text("x = 1\n")
    else:
        browser = tmp_path / "browser"
        browser.write_text("#!/bin/sh\nexit 1\n")
        browser.chmod(0o755)
        executables = dict.fromkeys(settings.browser["executables"], str(browser))
        settings = replace(settings, browser={**settings.browser, "executables": executables})

    async def story() -> None:
        pools = Pools(settings_of(bench))
        before = temporary_entries()
        with pytest.raises(ProberError, match=r"try again|no browser starts"):
            await pools.prepare(settings, [journey])
        assert pools.live == 0
        assert temporary_entries() == before
        assert (await pools.current.run(order(journey, 1))).outcome is Outcome.PASSED
        await pools.stop()

    bench.do(story())
