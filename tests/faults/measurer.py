"""Who measures the shop: a runner of ours, and what a team has without one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from benchmarks.contestants import CONFTEST
from benchmarks.shop import PASSWORD, USER
from prober.model import Cause, Outcome
from tests.conftest import ROOT

#: A run is ended from outside long before.
PATIENCE_S = 120.0
_REGION = """\
region: here
base_url: {url}
sandbox: {sandbox}
data: {data}
concurrency: 1
secrets: {{shop_user: "{user}", shop_password: "{password}"}}
journeys:
  checkout: {{timeout: 10s}}
"""
_TEST = "from {module} import {name} as test_{name}  # noqa: F401\n"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a measurer works, and by what it is held."""

    directory: Path
    url: str
    #: What its command begins with, such as the way into a namespace.
    prefix: Sequence[str] = ()
    #: Further lines of its region file.
    lines: tuple[str, ...] = ()
    environ: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What a measurer said of one run."""

    outcome: str
    cause: Cause | None = None
    message: str = ""


@dataclass
class Ours:
    """A lane of an agent, in a process that is asked for slots."""

    place: Place
    journeys: Path
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self.place.directory.mkdir(parents=True, exist_ok=True)
        region = self.place.directory / "here.yaml"
        sandbox = "off" if os.geteuid() == 0 else "on"
        region.write_text(
            _REGION.format(
                url=self.place.url, sandbox=sandbox, data=self.place.directory / "data",
                user=USER, password=PASSWORD,
            ) + "".join(f"{line}\n" for line in self.place.lines)
        )  # fmt: skip
        with (self.place.directory / "runner.log").open("a") as log:
            self.process = subprocess.Popen(
                [*self.place.prefix, sys.executable, "-m", "tests.faults.runner", str(region),
                 str(self.journeys)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT,
                env={**os.environ, **dict(self.place.environ)},
            )  # fmt: skip
        self._hear()

    @property
    def root(self) -> psutil.Process:
        """What all its processes come from."""
        return psutil.Process(self.process.pid)

    def ask(self, journey: str, *, confirm: bool) -> None:
        """Have it make a run."""
        self._tell({"journey": journey, "confirm": confirm})

    def step_clock(self, seconds: float) -> None:
        """Set its wall clock."""
        self._tell({"step_clock_s": seconds})

    def answer(self) -> Said:
        """What it recorded of the run it was asked for: that of the first attempt."""
        runs = self._hear().get("runs", [])
        if not runs:
            return Said("nothing", None, self.log())
        first = min(runs, key=lambda run: run["id"]["attempt"])
        cause = Cause(first["cause"]) if first["cause"] else None
        return Said(Outcome(first["outcome"]), cause, first["message"] or "")

    def log(self) -> str:
        """The last it wrote to its log."""
        return (self.place.directory / "runner.log").read_text()[-2000:]

    def close(self) -> None:
        """End it, in order if it can."""
        assert self.process.stdin
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            end_tree(self.root)
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def _tell(self, order: dict[str, Any]) -> None:
        assert self.process.stdin
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout
        line = _read_line(self.process.stdout)
        return dict(json.loads(line)) if line else {}


@dataclass
class Peer:
    """pytest with pytest-playwright, one process a run, as a pipeline or a cron job has it."""

    place: Place
    browser: str
    #: The file of the journey that it makes.
    file: Path
    journey: str
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.place.directory.mkdir(parents=True, exist_ok=True)
        text = _TEST.format(module=self.file.stem, name=self.journey)
        (self.place.directory / "test_journey.py").write_text(text)
        (self.place.directory / "conftest.py").write_text(CONFTEST.format(browser=self.browser))

    @property
    def root(self) -> psutil.Process:
        """What all its processes come from."""
        assert self.process
        return psutil.Process(self.process.pid)

    def ask(self, journey: str, *, confirm: bool) -> None:
        """Have it make a run."""
        folder = str(self.place.directory)
        words = ["-q", "-p", "no:cacheprovider", "--rootdir", folder, "-c", os.devnull]
        secrets = {"PROBER_SECRET_SHOP_USER": USER, "PROBER_SECRET_SHOP_PASSWORD": PASSWORD}
        paths = {"PYTHONPATH": f"{self.file.parent}:{ROOT}"}
        self.process = subprocess.Popen(
            [*self.place.prefix, sys.executable, "-m", "pytest", *words,
             "--base-url", self.place.url, folder],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **secrets, **dict(self.place.environ), **paths},
        )  # fmt: skip

    def step_clock(self, seconds: float) -> None:
        """It times with the clock of the machine, which nobody sets for a test."""

    def answer(self) -> Said:
        """What its exit code says, which is all that a pipeline looks at."""
        assert self.process
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            end_tree(self.root)
            self.process.wait()
            return Said("nothing")
        return Said({0: "passed", 1: "failed"}.get(code, "error"))

    def close(self) -> None:
        """End what is left."""
        if self.process and self.process.poll() is None:
            end_tree(self.root)
        shutil.rmtree(self.place.directory, ignore_errors=True)


def end_tree(root: psutil.Process) -> None:
    """Kill a process and all that came from it."""
    with suppress(psutil.NoSuchProcess):
        for each in [*root.children(recursive=True), root]:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(signal.SIGCONT)
                each.kill()


def _read_line(stream: IO[str]) -> str:
    import select  # a process that hangs must not hang its test

    ready, _, _ = select.select([stream], [], [], PATIENCE_S)
    return stream.readline() if ready else ""
