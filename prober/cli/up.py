"""`prober up`: the evaluator and every region's agent on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prober.cli.logs import Form, LogFormat
from prober.cli.where import JOURNEYS, REGIONS, Journeys, Regions

if TYPE_CHECKING:
    import asyncio

    from prober.cli.inputs import Inputs
    from prober.cli.signals import Signals
    from prober.demo.machine import Machine


def command(
    journeys: Journeys = JOURNEYS,
    regions: Regions = REGIONS,
    listen: Annotated[
        str, typer.Option(help="Where the evaluator answers, host:port.")
    ] = "127.0.0.1:8750",
    data: Annotated[Path, typer.Option(help="Of the evaluator's journal.")] = Path(
        ".prober/evaluator"
    ),
    log_format: LogFormat = Form.TEXT,
) -> None:
    """Run the evaluator and all agents in one process tree, until told to stop.

    SIGHUP has all of them read their files again.
    """
    import asyncio

    from prober.cli import logs, signals
    from prober.cli.inputs import read_inputs

    logs.set_up(log_format)
    signals.begin()
    inputs = read_inputs(journeys, regions)
    up = _Up(inputs, journeys, regions, listen, data, log_format)
    raise typer.Exit(asyncio.run(up.keep()))


@dataclass(slots=True)
class _Up:
    """Everything on this machine."""

    inputs: Inputs
    journeys: Path
    regions: Path
    listen: str
    data: Path
    form: Form

    async def keep(self) -> int:
        """Until told to stop (0), or until a process ends by itself (1)."""
        import asyncio

        from prober.cli.signals import Signals
        from prober.demo.machine import Machine

        machine, told = Machine(self._say), Signals()
        told.attend()
        try:
            await self._start(machine)
            passing = asyncio.create_task(self._pass_on(machine, told))
            try:
                return await self._wait(machine, told.stop)
            finally:
                passing.cancel()
        finally:
            await machine.stop()

    async def _start(self, machine: Machine) -> None:
        import secrets

        environ = _environment(self.listen, secrets.token_urlsafe(24))
        more = ("--log-format", str(self.form))
        await machine.start(
            "evaluator",
            *("prober", "evaluator", "--contracts", str(self.journeys)),
            *("--data", str(self.data), "--listen", self.listen, *more),
            *(f"--evidence={region.evidence}" for region in self.inputs.regions),
            environ=environ,
            server=True,
        )
        for region in self.inputs.regions:
            file, journeys = str(self.regions / f"{region.name}.yaml"), str(self.journeys)
            command = ("prober", "agent", file, "--journeys", journeys, *more)
            await machine.start(region.name, *command, environ=environ)

    async def _wait(self, machine: Machine, stop: asyncio.Event) -> int:
        import asyncio

        stopping = asyncio.create_task(stop.wait())
        ending = asyncio.create_task(machine.ended())
        await asyncio.wait({stopping, ending}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if stop.is_set():
            ending.cancel()
            return 0
        self._say(f"up: {ending.result()} ended, so everything does")
        return 1

    async def _pass_on(self, machine: Machine, told: Signals) -> None:
        """Have everybody read their files again, if all of them are right taken together."""
        import asyncio
        import logging
        import signal

        from prober.errors import InputError

        log = logging.getLogger(__name__)
        while True:
            await told.reload.wait()
            told.reload.clear()
            try:
                await asyncio.to_thread(self._read_again)
                await machine.pass_on(signal.SIGHUP)
            except InputError as error:
                for problem in error.problems:
                    log.error("files read again and not taken up, the old go on: %s", problem)
            except Exception:  # a fault of ours must not end what works
                log.exception("the files could not be read again, the old go on")

    def _read_again(self) -> None:
        """Raises InputError when something is wrong, or takes other processes."""
        from prober.cli.inputs import read_inputs
        from prober.errors import InputError, Problem

        now = {region.name for region in self.inputs.regions}
        then = {region.name for region in read_inputs(self.journeys, self.regions).regions}
        mend = "take that back, or restart prober up"
        problems = [
            Problem(str(self.regions / f"{name}.yaml"), 0, "", what, mend)
            for names, what in ((then - now, "is a new region"), (now - then, "is gone"))
            for name in names
        ]
        if problems:
            raise InputError(problems)

    def _say(self, line: str) -> None:
        """A line of one of the processes, with its name."""
        print(_object(*line.split(": ", 1)) if self.form is Form.JSON else line, flush=True)


def _object(process: str, line: str) -> str:
    """A line as a JSON object, which it may be already."""
    import json

    try:
        found = json.loads(line)
    except ValueError:
        found = line
    fields = found if isinstance(found, dict) else {"message": line}
    return json.dumps({"process": process, **fields})


def _environment(listen: str, token: str) -> dict[str, str]:
    """A token of this tree's own, and its evaluator for regions that name no destination."""
    import os

    token = os.environ.get("PROBER_TOKEN") or token
    evaluator = f"http://{listen}"
    environ = {"PROBER_TOKEN": token, "PROBER_EVALUATOR": evaluator}
    if "OTEL_EXPORTER_OTLP_ENDPOINT" not in os.environ:
        for signal in ("logs", "metrics"):  # an evaluator keeps no traces
            variable = f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"
            environ[variable] = os.environ.get(variable) or f"{evaluator}/v1/{signal}"
        environ["OTEL_EXPORTER_OTLP_HEADERS"] = f"authorization=Bearer {token}"
    return environ
