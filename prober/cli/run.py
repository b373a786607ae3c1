"""`prober run`: a journey once, now, with its steps as they happen."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from prober.agent.mutation import HINTS
from prober.cli import hints as locators
from prober.cli.hints import Hints
from prober.cli.play import order_of, play, pool_of
from prober.cli.show import Show
from prober.cli.where import JOURNEYS, REGIONS, Journeys, Regions
from prober.errors import ProberError
from prober.model import Cause, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from prober.agent.pool import Pool, PoolSettings
    from prober.cli.repeats import Repeats
    from prober.journey import Journey
    from prober.model import Run

_GRAVITY = (Outcome.PASSED, Outcome.INCONCLUSIVE, Outcome.FAILED)
_USAGE = 2
EXIT = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.INCONCLUSIVE: 3}


def command(
    journey: Annotated[str, typer.Argument(help="The journey's name.")],
    region: Annotated[
        str | None, typer.Option(help="Whose settings to use; default the first.")
    ] = None,
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Keep a Playwright trace.")] = False,
    repeat: Annotated[int, typer.Option(min=1, help="How many times.")] = 1,
    watch: Annotated[
        bool, typer.Option("--watch", help="Run again whenever a file is saved, until Ctrl-C.")
    ] = False,
    hints: Hints = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, nothing else.")] = False,
    journeys: Journeys = JOURNEYS,
    regions: Regions = REGIONS,
) -> None:
    """Run a journey now. Exit code: 0 passed, 1 failed, 3 inconclusive, 2 bad input."""
    from prober.cli import logs

    if watch and json:
        raise typer.BadParameter("is for people, leave out --json", param_hint="--watch")
    logs.set_up()

    def runs() -> Repeats:
        return _repeat(
            *(journey, region, journeys, regions),
            times=repeat, headed=headed, trace=trace, quiet=json, hints=hints,
        )  # fmt: skip

    if watch:
        raise typer.Exit(_watch(runs, (journeys, regions)))
    found = runs()
    if json:
        print(_object(journey, found))
    raise typer.Exit(EXIT[_worst(found)])


def _repeat(
    name: str,
    region: str | None,
    journeys: Path,
    regions: Path,
    *,
    times: int,
    headed: bool,
    trace: bool,
    quiet: bool,
    hints: bool,
) -> Repeats:
    """Read the files, and run the journey so many times."""
    import asyncio

    from prober.agent.display import require_display
    from prober.agent.setting import pool_settings
    from prober.cli.inputs import read_inputs
    from prober.cli.repeats import Repeats
    from prober.config import resolve

    inputs = read_inputs(journeys, regions)
    chosen = inputs.region(region)
    wanted = next(iter(resolve(chosen, [inputs.journey(name)])), inputs.journey(name))
    if headed and wanted.needs_browser:
        require_display("leave out --headed")
    settings = pool_settings(chosen, [wanted], headed=headed)
    session = _Session(settings, wanted, chosen.name, trace=trace, quiet=quiet)
    runs = asyncio.run(session.repeat(times, hints=hints))
    found = Repeats(runs, wanted.timeout_ms, session.locators)
    if times > 1 and not quiet:
        found.show(Console(highlight=False))
    if session.locators is not None and not quiet:
        locators.show(session.locators, Console(highlight=False))
    return found


def _watch(runs: Callable[[], Repeats], places: Iterable[Path]) -> int:
    """Run again and again until Ctrl-C; the exit code of the last time."""
    from prober.cli import tell
    from prober.cli.edits import await_edit, stamps

    places, code = list(places), _USAGE
    console = Console(highlight=False)
    with suppress(KeyboardInterrupt):
        while True:
            before = stamps(places)
            try:
                found = runs()
            except ProberError as error:
                tell(error)
                code = _USAGE
            else:
                code = EXIT[_worst(found)]
                if any(run.cause is Cause.CANCELLED for run in found.runs):
                    break
            console.print(Text("\nwaiting for a change, Ctrl-C ends", "dim"))
            changed = await_edit(places, before)
            console.print(Text(f"{', '.join(changed)} changed\n", "dim"))
    return code


def _worst(found: Repeats) -> Outcome:
    return max((run.outcome for run in found.runs), key=_GRAVITY.index)


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
        #: What pages offer instead of weak locators; None: nobody asked.
        self.locators: list[dict[str, Any]] | None = None

    async def repeat(self, times: int, *, hints: bool) -> list[Run]:
        """Run the journey so many times, one after the other, and once more for hints."""
        async with pool_of(self._settings) as pool:
            runs = [run async for run in self._runs(pool, times)]
            if hints and self._journey.needs_browser and runs[-1].cause is not Cause.CANCELLED:
                await self._ask(pool)
            return runs

    async def _ask(self, pool: Pool) -> None:
        """A run in which nothing is measured, so that asking takes no time of a step."""
        heard: list[dict[str, Any]] = []

        def hear(event: dict[str, Any]) -> None:
            heard.extend(event["hints"] if event["at"] == "hinted" else ())

        directory = str(Path(self._journey.file).parent)
        mutation = {"kind": HINTS, "directory": directory}
        await play(pool, order_of(self._journey, self._region, mutation=mutation), hear)
        self.locators = locators.told(heard, pool.vault.redactor.text)

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


def _object(journey: str, found: Repeats) -> str:
    """What `--json` prints; docs/authors.md describes it."""
    from json import dumps, loads

    said = {"journey": journey, "region": found.runs[0].id.region, "outcome": _worst(found)}
    runs = [loads(run.to_json()) for run in found.runs]
    return dumps(said | {"runs": runs, "summary": found.to_dict()}, indent=2)
