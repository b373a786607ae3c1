"""`prober up`: the evaluator and every region's agent on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prober.cli.evaluator import Limits, Protect
from prober.cli.logs import Form, LogFormat
from prober.cli.where import JOURNEYS, REGIONS, Channels, Journeys, Regions

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
    channels: Channels = None,
    protect_reads: Protect = False,
    limits: Limits = 1,
    log_format: LogFormat = Form.TEXT,
) -> None:
    """Run the evaluator and all agents in one process tree, until told to stop.

    SIGHUP has all of them read their files again.
    """
    import asyncio
    import os

    from prober.cli import logs, signals
    from prober.variables import given

    logs.set_up(log_format)
    signals.begin()
    files = _Files(journeys, regions, channels)
    inputs, token = files.read(), given("PROBER_TOKEN", os.environ)
    if protect_reads:
        from prober.evaluator.evaluator import see_that_somebody_reads

        see_that_somebody_reads(token, data)
    judging = [f"--limits={limits}", *(["--protect-reads"] if protect_reads else [])]
    up = _Up(inputs, files, listen, data, (*files.options, *judging), token, log_format)
    raise typer.Exit(asyncio.run(up.keep()))


@dataclass(frozen=True, slots=True)
class _Files:
    """What is read, and read again when told to."""

    journeys: Path
    regions: Path
    channels: Path | None

    def read(self) -> Inputs:
        """Raises InputError with all that is wrong."""
        from prober.cli.inputs import read_inputs
        from prober.errors import InputError
        from prober.evaluator.alerts.channels import load

        inputs = read_inputs(self.journeys, self.regions)
        if problems := load(self.channels).check(inputs.contracts):
            raise InputError(problems)
        return inputs

    @property
    def options(self) -> tuple[str, ...]:
        """Those of an evaluator that reads them too."""
        told = (f"--channels={self.channels}",) if self.channels else ()
        return (f"--contracts={self.journeys}", *told)


@dataclass(slots=True)
class _Up:
    """Everything on this machine."""

    inputs: Inputs
    files: _Files
    listen: str
    data: Path
    #: Of the evaluator, beside its address and its data.
    options: tuple[str, ...]
    #: None: nobody gave one.
    token: str | None
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

        environ = _environment(self.listen, self.token or secrets.token_urlsafe(24))
        more = ("--log-format", str(self.form))
        await machine.start(
            "evaluator",
            *("prober", "evaluator", *self.options),
            *("--data", str(self.data), "--listen", self.listen, *more),
            *(f"--evidence={region.evidence}" for region in self.inputs.regions),
            environ=environ,
            server=True,
        )
        for region in self.inputs.regions:
            file = str(self.files.regions / f"{region.name}.yaml")
            command = ("prober", "agent", file, "--journeys", str(self.files.journeys), *more)
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
        from prober.errors import InputError, Problem

        now = {region.name for region in self.inputs.regions}
        then = {region.name for region in self.files.read().regions}
        mend = "take that back, or restart prober up"
        problems = [
            Problem(str(self.files.regions / f"{name}.yaml"), 0, "", what, mend)
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
    """The token of this tree, and its evaluator for regions that name no destination."""
    import os

    evaluator = f"http://{listen}"
    environ = {"PROBER_TOKEN": token, "PROBER_EVALUATOR": evaluator}
    if "OTEL_EXPORTER_OTLP_ENDPOINT" not in os.environ:
        for signal in ("logs", "metrics"):  # an evaluator keeps no traces
            variable = f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"
            environ[variable] = os.environ.get(variable) or f"{evaluator}/v1/{signal}"
        environ["OTEL_EXPORTER_OTLP_HEADERS"] = f"authorization=Bearer {token}"
    return environ
