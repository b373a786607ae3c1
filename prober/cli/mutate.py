"""`prober mutate`: whether a journey notices what can go wrong on its way."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prober.agent.mutation import SURVEY, Kind, Mutation, chosen, mutations, unfitting
from prober.cli.run import EXIT
from prober.cli.trials import Standing, Trial, conclude, judge, line, plain, whole
from prober.cli.where import JOURNEYS, REGIONS, Journeys, Regions
from prober.model import Cause, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prober.agent.pool import Pool, PoolSettings
    from prober.agent.watch import Order
    from prober.cli.inputs import Inputs
    from prober.journey import Journey
    from prober.model import Run

#: A call to Playwright may wait so many times as long as the longest step of the plain run, and
#: never less than this.
_TIMES = 3
_LEAST_S = 2.0
#: What a worker keeps of a run's time for itself, at most.
_RESERVE_S = 2.0
_EXIT = {Standing.NOTICED: 0, Standing.UNNOTICED: 1, Standing.INCONCLUSIVE: 3}


def command(
    journey: Annotated[str, typer.Argument(help="The journey's name.")],
    region: Annotated[
        str | None, typer.Option(help="Whose settings to use; default the first.")
    ] = None,
    only: Annotated[
        list[Kind] | None, typer.Option(help="Only mutations of this kind; may be repeated.")
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(help="None whose name is this or fits this pattern; may be repeated."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many, of all kinds in turn.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, nothing else.")] = False,
    journeys: Journeys = JOURNEYS,
    regions: Regions = REGIONS,
) -> None:
    """Break what a journey needs, one thing a run, and say what it does not notice.

    Each is a run for real. Exit code: 0 all noticed, 1 some not, 3 nothing can be said of some,
    2 bad input; of a journey that does not pass by itself, that of `prober run`.
    """
    import asyncio

    from prober.agent.setting import pool_settings
    from prober.cli import logs
    from prober.cli.inputs import read_inputs
    from prober.config import resolve

    logs.set_up()
    inputs = read_inputs(journeys, regions)
    place = inputs.region(region)
    wanted = next(iter(resolve(place, [inputs.journey(journey)])), inputs.journey(journey))
    settings = _patient(pool_settings(place, [wanted]))
    session = _Session(settings, wanted, place.name, quiet=json)
    asyncio.run(session.try_all(only or (), skip or (), limit))
    session.end(list(_notes(wanted, inputs)), as_json=json)
    raise typer.Exit(session.exit)


def _patient(settings: PoolSettings) -> PoolSettings:
    """As they are, for runs on a busy machine too: nobody reads their times."""
    return replace(settings, around=replace(settings.around, saturation=False))


def _notes(journey: Journey, inputs: Inputs) -> Iterator[str]:
    """What no mutation shows."""
    from prober.slo.contract import Latency

    promised = (
        objective.sli
        for contract in inputs.contracts
        if contract.journey == journey.name
        for objective in contract.objectives
    )
    if journey.max_duration_ms is None and not any(isinstance(sli, Latency) for sli in promised):
        yield (
            "an answer that is late but within the timeout passes, and nothing judges how late: "
            '@journey(max_duration="…"), or an objective of latency in its contract'
        )


class _Session:
    """A plain run, and a run a mutation."""

    def __init__(
        self, settings: PoolSettings, journey: Journey, region: str, *, quiet: bool
    ) -> None:
        from rich.console import Console

        self._settings = settings
        self._journey, self._region = journey, region
        self._console = Console(highlight=False, quiet=quiet)
        self._redacted: Callable[[str], str] = str
        self._plain: Run | None = None
        self._trials: list[Trial] = []
        #: How many mutations there are, with those that were not asked for.
        self._known = 0

    @property
    def exit(self) -> int:
        """The command's exit code."""
        if self._passes:
            return _EXIT[whole(self._trials)]
        return EXIT[self._plain.outcome] if self._plain else _EXIT[Standing.INCONCLUSIVE]

    @property
    def _passes(self) -> bool:
        return self._plain is not None and self._plain.outcome is Outcome.PASSED

    async def try_all(self, only: Sequence[Kind], skip: Sequence[str], limit: int | None) -> None:
        """Make all runs, one after the other."""
        import time

        from prober.cli.play import pool_of

        async with pool_of(self._settings) as pool:
            self._redacted = pool.vault.redactor.text
            began = time.monotonic()
            known = mutations(await self._survey(pool))
            tried = chosen(known, only, skip, limit, self._redacted)
            self._known = len(known)
            if not self._passes:
                return
            self._doubt(unfitting(known, skip, self._redacted))
            self._announce(tried, time.monotonic() - began + self._patience_s / 2)
            for mutation in tried:
                if not await self._try(pool, mutation):
                    return

    def end(self, notes: Sequence[str], *, as_json: bool) -> None:
        """Say what came of it."""
        if as_json:
            print(self._object(notes))
        elif not self._passes:
            self._console.print("\nnothing was changed yet: mend the journey or the site first")
        else:
            conclude(self._trials, self._console, self._redacted)
            for note in notes:
                self._console.print(f"\nnote: {note}", soft_wrap=True, markup=False)

    async def _survey(self, pool: Pool) -> list[dict[str, Any]]:
        """The plain run, and the places on its way."""
        from prober.cli.play import order_of, play
        from prober.cli.show import Show

        places: list[dict[str, Any]] = []
        show = Show(self._journey, self._region, self._console)

        def hear(event: dict[str, Any]) -> None:
            places.extend(event["places"] if event["at"] == "surveyed" else ())
            show.event(event)

        order = order_of(self._journey, self._region, mutation={"kind": SURVEY})
        self._plain = await play(pool, order, hear)
        show.end(self._plain, self._settings.around.evidence)
        return places

    def _doubt(self, patterns: Sequence[str]) -> None:
        """Say of what was to be skipped that there is none of it."""
        for pattern in patterns:
            said = f"--skip {pattern!r} fits no mutation, write a name as it is shown, or 'slow *'"
            print(self._redacted(said), file=sys.stderr)

    def _announce(self, tried: Sequence[Mutation], one_s: float) -> None:
        of = f" of {self._known}" if len(tried) < self._known else ""
        minutes = max(1, round(len(tried) * one_s / 60))
        self._console.print(f"\n{len(tried)}{of} mutations, a run each, in about {minutes} min")

    @property
    def _patience_s(self) -> float:
        steps = self._plain.steps if self._plain else ()
        longest_us = max((step.duration_us for step in steps), default=0)
        return max(_LEAST_S, _TIMES * longest_us / 1e6)

    def _order(self, mutation: Mutation) -> Order:
        """A run with little patience: the plain one shows how long things take."""
        from prober.cli.play import order_of

        plain_s = self._plain.duration_us / 1e6 if self._plain else 0.0
        most_ms = round((_TIMES * plain_s + 2 * self._patience_s + _RESERVE_S) * 1000)
        hasty = replace(self._journey, timeout_ms=min(self._journey.timeout_ms, most_ms))
        return order_of(hasty, self._region, mutation=mutation.order(self._patience_s))

    async def _try(self, pool: Pool, mutation: Mutation) -> bool:
        """One trial; a second when nothing can be said after the first. Whether to go on."""
        with self._waiting(mutation):
            trial = await self._once(pool, mutation)
            again = trial.run.cause is not Cause.CANCELLED
            if trial.standing is Standing.INCONCLUSIVE and again:
                trial = await self._once(pool, mutation)
        self._trials.append(trial)
        self._console.print(line(trial, self._redacted), soft_wrap=True)
        return trial.run.cause is not Cause.CANCELLED

    async def _once(self, pool: Pool, mutation: Mutation) -> Trial:
        from prober.cli.play import play

        heard: set[str] = set()
        run = await play(pool, self._order(mutation), lambda event: heard.add(event["at"]))
        self._clear(run)
        return judge(mutation, run, struck="struck" in heard)

    def _clear(self, run: Run) -> None:
        """Nobody wants pictures of what was broken on purpose."""
        for name in run.artefacts:
            path = self._settings.around.evidence / name
            path.unlink(missing_ok=True)
            with suppress(OSError):
                path.parent.rmdir()

    def _waiting(self, mutation: Mutation) -> AbstractContextManager[object]:
        if self._console.is_terminal and not os.environ.get("CI"):
            return self._console.status(self._redacted(mutation.name))
        return nullcontext()

    def _object(self, notes: Sequence[str]) -> str:
        """What `--json` prints; docs/authors.md describes it."""
        from json import dumps, loads

        found: dict[str, Any] = {"journey": self._journey.name, "region": self._region}
        found["standing"] = whole(self._trials)
        found["plain"] = loads(self._plain.to_json()) if self._plain else None
        found["known"] = self._known
        found["mutations"] = [plain(trial, self._redacted) for trial in self._trials]
        return dumps(found | {"notes": list(notes)}, indent=2, ensure_ascii=False)
