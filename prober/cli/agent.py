"""`prober agent`: one region's agent, until told to stop."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prober.cli.logs import Form, LogFormat
from prober.cli.where import JOURNEYS, Journeys

if TYPE_CHECKING:
    from prober.agent.agent import Agent
    from prober.agent.definition import Definition
    from prober.config import Region

log = logging.getLogger(__name__)

#: From being told to end to the end, whatever still goes on; most of it is for runs.
END_S = 29.0


def command(
    region: Annotated[Path, typer.Argument(help="The region's file: regions/<region>.yaml.")],
    journeys: Journeys = JOURNEYS,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
    log_format: LogFormat = Form.TEXT,
) -> None:
    """Run a region's journeys on schedule, journal every run, and ship it over OTLP.

    SIGHUP, or POST /-/reload, has it read all its files again.
    """
    import asyncio
    import os

    from prober.agent.agent import Agent
    from prober.cli import logs, signals
    from prober.variables import given

    logs.set_up(log_format, verbose=verbose)
    signals.begin()
    token = (given("PROBER_TOKEN", os.environ) or "").strip()
    logs.hide({"PROBER_TOKEN": token})
    agent = Agent(read(journeys, region), lambda: read(journeys, region), token=token or None)
    asyncio.run(_serve(agent))


def read(journeys: Path, file: Path) -> Definition:
    """All that the files say, checked as a whole; its secrets are kept out of the log.

    Raises:
        InputError: with every problem of every file.
        ProberError: the journeys' files cannot be had.
    """
    from prober.agent.code import Code
    from prober.agent.definition import Definition
    from prober.cli.inputs import read_inputs

    code = Code.of(journeys)  # before they are checked: what changes meanwhile is found out
    inputs = read_inputs(journeys, file)
    (region,) = inputs.regions
    _hide(region)
    for problem in region.exposed:
        log.warning("%s", problem)
    return Definition.of(region, inputs.journeys, inputs.contracts, code)


def _hide(region: Region) -> None:
    from prober.cli import logs

    known = {name: value for name, value in region.origins.items() if isinstance(value, str)}
    for destination in region.otlp:
        for name, value in destination.headers.items():
            words = value.get_secret_value().split()
            known |= {f"{destination.name} {name}": words[-1]} if words else {}
    logs.hide(known)


async def _serve(agent: Agent) -> None:
    from prober.cli.garbage import settle
    from prober.cli.signals import Signals

    def ready() -> None:
        settle()
        print(f"agent {region} is ready: {count} journeys", flush=True)

    told = Signals(reload=agent.reload.asked, within_s=END_S)
    told.attend()
    region, count = agent.definition.region.name, len(agent.definition.journeys)
    await agent.run(told.stop, ready)
    told.finish()
