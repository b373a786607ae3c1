"""`prober run`: a journey once, now, with its steps as they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from prober.cli.play import order_of, play, pool_of
from prober.cli.show import Show
from prober.cli.where import JOURNEYS, REGIONS, Journeys, Regions
from prober.model import Cause, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from prober.agent.pool import Pool, PoolSettings
    from prober.journey import Journey
    from prober.model import Run

_GRAVITY = (Outcome.PASSED, Outcome.INCONCLUSIVE, Outcome.FAILED)
EXIT = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.INCONCLUSIVE: 3}


def command(
    journey: Annotated[str, typer.Argument(help="The journey's name.")],
    region: Annotated[
        str | None, typer.Option(help="Whose settings to use; default the first.")
    ] = None,
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Keep a Playwright trace.")] = False,
    repeat: Annotated[int, typer.Option(min=1, help="How many times.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, nothing else.")] = False,
    journeys: Journeys = JOURNEYS,
    regions: Regions = REGIONS,
) -> None:
    """Run a journey now. Exit code: 0 passed, 1 failed, 3 inconclusive, 2 bad input."""
    import asyncio

    from prober.agent.setting import pool_settings
    from prober.cli import logs
    from prober.cli.inputs import read_inputs
    from prober.config import resolve

    logs.set_up()
    inputs = read_inputs(journeys, regions)
    chosen = inputs.region(region)
    wanted = next(iter(resolve(chosen, [inputs.journey(journey)])), inputs.journey(journey))
    settings = pool_settings(chosen, [wanted], headed=headed)
    session = _Session(settings, wanted, chosen.name, trace=trace, quiet=json)
    runs = asyncio.run(session.repeat(repeat))
    worst = max((run.outcome for run in runs), key=_GRAVITY.index)
    if json:
        print(_object(journey, chosen.name, worst, runs))
    raise typer.Exit(EXIT[worst])


class _Session:
    """A pool for as many runs as were asked for."""

    def __init__(
        self, settings: PoolSettings, journey: Journey, region: str, *, trace: bool, quiet: bool
    ) -> None:
        self._settings = settings
        self._journey = journey
        self._region = region
        self._trace = trace
        self._quiet = quiet

    async def repeat(self, times: int) -> list[Run]:
        """Run the journey so many times, one after the other."""
        async with pool_of(self._settings) as pool:
            return [run async for run in self._runs(pool, times)]

    async def _runs(self, pool: Pool, times: int) -> AsyncIterator[Run]:
        for _ in range(times):
            show = None if self._quiet else Show(self._journey, self._region)
            trace = self._trace and self._journey.needs_browser
            order = order_of(self._journey, self._region, trace=trace)
            run = await play(pool, order, show.event if show else lambda event: None)
            if show:
                show.end(run, self._settings.around.evidence)
            yield run
            if run.cause is Cause.CANCELLED:
                return


def _object(journey: str, region: str, worst: Outcome, runs: list[Run]) -> str:
    """What `--json` prints; docs/journeys.md describes it."""
    from json import dumps, loads

    found = {"journey": journey, "region": region, "outcome": worst}
    return dumps(found | {"runs": [loads(run.to_json()) for run in runs]}, indent=2)
