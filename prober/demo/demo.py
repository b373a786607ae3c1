"""The demo: a shop that servers call healthy, and users who cannot buy anything in it.

Everything in it is the real thing, on this machine and over loopback: the shop, an agent
for each of three regions with a real browser, OTLP between them and the evaluator.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from prober.demo.machine import Machine

REGIONS = ("eu-west-1", "us-east-1", "ap-south-1")
FAULT = "wrong_total"
_HERE = Path(__file__).parent
_PERIOD_S = 3.0
#: How the story divides the time it has: healthy, broken.
_HEALTHY, _BROKEN = 0.45, 0.95
_SHORTEST_STORY_S = 60.0
_REGION = """\
region: {region}
base_url: {shop}
journeys:
  checkout: {{every: 15s, timeout: 10s}}
  login: {{every: 15s, timeout: 10s}}
  account_api: {{every: 5s, timeout: 4s}}
secrets: {{shop_user: "${{SHOP_USER}}+{region}", shop_password: "${{SHOP_PASSWORD}}"}}
otlp:
  - name: evaluator
    endpoint: {evaluator}
    signals: [logs, metrics]
    headers: {{authorization: "Bearer ${{PROBER_TOKEN}}"}}
metrics_interval: 5s
sandbox: off # loopback only, and the demo must also run as root
saturation: off # the story is told on a busy machine too
data: {data}
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """What the evaluator and the shop say at one time."""

    #: State, consumed share and counts by SLO name.
    slos: dict[str, dict[str, Any]]
    shop_5xx: int

    def runs(self, slo: str) -> int:
        """Valid runs of an SLO so far."""
        counts = self.slos[slo]["counts"]
        return int(counts["good"] + counts["bad"])

    def told(self) -> bool:
        """Whether the story came true: users failed silently, and only the journey saw it."""
        checkout, login = self.slos["checkout"], self.slos["login"]
        return (
            checkout["state"] == "EXHAUSTED"
            and checkout["silent_failures"] == checkout["counts"]["bad"] > 0
            and login["counts"]["bad"] == 0
            and self.shop_5xx == 0
        )


class Demo:
    """One telling of the story."""

    def __init__(self, port: int, say: Callable[[str], None]) -> None:
        self._say = say
        self._began = time.monotonic()
        self._shop = f"http://127.0.0.1:{_free_port()}"
        self._evaluator = f"http://127.0.0.1:{port or _free_port()}"
        self._token = secrets.token_urlsafe(24)
        self._http = httpx.AsyncClient(timeout=10, trust_env=False)

    async def play(self, stop: asyncio.Event, exit_after_s: float | None) -> bool:
        """Tell the story to its end; whether it came true.

        Args:
            stop: ends it early.
            exit_after_s: all of its time, starting included; None: go on until stopped.
        """
        machine = Machine(self._line)
        with tempfile.TemporaryDirectory(prefix="prober-demo-") as directory:
            try:
                await self._start(machine, Path(directory))
                return await self._tell(stop, exit_after_s)
            finally:
                self._note("stopping")
                await machine.stop()
                await self._http.aclose()

    async def _start(self, machine: Machine, directory: Path) -> None:
        self._note("starting a shop, an evaluator, and an agent with a browser in three regions")
        journeys = _copy_journeys(directory)
        port = self._shop.rpartition(":")[2]
        customer = _customer(directory)
        shop = ("prober.demo.shop", "--port", port)
        await machine.start("shop", *shop, environ=customer, server=True)
        environ = customer | {"PROBER_TOKEN": self._token}
        files = self._write_regions(directory)
        await machine.start(
            "evaluator",
            *("prober", "evaluator", "--contracts", str(journeys)),
            *("--data", str(directory / "evaluator"), "--channels", _nobody(directory)),
            *("--listen", self._evaluator.removeprefix("http://")),
            *(f"--evidence={directory / region / 'evidence'}" for region in REGIONS),
            environ=environ,
            server=True,
        )
        for file in files:
            options = ("--journeys", str(journeys))
            await machine.start(file.stem, "prober", "agent", str(file), *options, environ=environ)
        await machine.ready()
        self._note(f"the status page is {self._evaluator}, the shop is {self._shop}")
        self._note("login, checkout and account_api run in three regions")
        self._note("the browser's sandbox is off: this demo visits nothing but this machine")

    async def _tell(self, stop: asyncio.Event, exit_after_s: float | None) -> bool:
        total_s = max(exit_after_s or 0.0, _SHORTEST_STORY_S)
        left_s = total_s - self._elapsed_s()
        begin_s = self._elapsed_s()
        await self._watch(stop, begin_s + left_s * _HEALTHY, lambda now: now.runs("checkout") >= 4)
        if not stop.is_set():
            self._note("NOW THE SHOP CHARGES THE WRONG AMOUNT. It still answers 200 to everything.")
            await self._break(FAULT)
        now = await self._watch(stop, begin_s + left_s * _BROKEN, Moment.told)
        if stop.is_set():
            return False
        self._conclude(now)
        if exit_after_s is None:
            self._note("it goes on: look at the page, end it with Ctrl-C")
            await self._watch(stop, float("inf"), lambda _: False)
        return now.told()

    async def _watch(
        self, stop: asyncio.Event, until_s: float, enough: Callable[[Moment], bool]
    ) -> Moment:
        """Say now and then how things stand, until it is enough or the time has come."""
        while True:
            now = await self._look()
            self._note(_standing(now))
            if stop.is_set() or enough(now) or self._elapsed_s() >= until_s:
                return now
            try:
                async with asyncio.timeout(min(_PERIOD_S, max(0.1, until_s - self._elapsed_s()))):
                    await stop.wait()
            except TimeoutError:
                continue

    def _conclude(self, now: Moment) -> None:
        bad = now.slos["checkout"]["counts"]["bad"]
        silent = now.slos["checkout"]["silent_failures"]
        self._note("what happened:")
        self._note(f"  {bad} customers could not check out, {silent} of them silently")
        self._note(f"  the shop's own count of 5xx answers: {now.shop_5xx}")
        self._note(
            f"  the checkout SLO is {now.slos['checkout']['state']}, "
            f"the login SLO is {now.slos['login']['state']}"
        )

    async def _look(self) -> Moment:
        status = (await self._http.get(f"{self._evaluator}/api/v1/status")).json()
        metrics = (await self._http.get(f"{self._shop}/metrics")).text
        total = next(
            line for line in metrics.splitlines() if line.startswith("shop_responses_5xx_total ")
        )
        slos = {slo["name"]: slo["results"][0] for slo in status["slos"]}
        return Moment(slos, int(float(total.split()[1])))

    async def _break(self, fault: str) -> None:
        reply = await self._http.post(f"{self._shop}/_faults", json={"fault": fault})
        reply.raise_for_status()

    def _write_regions(self, directory: Path) -> list[Path]:
        files = []
        (directory / "regions").mkdir()
        for region in REGIONS:
            file = directory / "regions" / f"{region}.yaml"
            data = directory / region
            file.write_text(
                _REGION.format(region=region, shop=self._shop, evaluator=self._evaluator, data=data)
            )
            files.append(file)
        return files

    def _line(self, line: str) -> None:
        if "is ready" not in line:
            self._say(f"         {line}")

    def _note(self, line: str) -> None:
        self._say(f"{self._elapsed_s():6.1f} s  {line}")

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began


def _nobody(directory: Path) -> str:
    """A file of channels without any: whoever has one here is told nothing of the demo's story."""
    file = directory / "channels.yaml"
    file.write_text("channels: {}\n")
    return str(file)


def _copy_journeys(directory: Path) -> Path:
    """The example journeys, with contracts that show something within a minute."""
    packaged = _HERE / "journeys"
    source = packaged if packaged.is_dir() else _HERE.parent.parent / "journeys"
    target = directory / "journeys"
    target.mkdir()
    for file in (*source.glob("*.py"), *(_HERE / "contracts").glob("*.slo.yaml")):
        shutil.copy(file, target)
    return target


def _customer(directory: Path) -> dict[str, str]:
    """A customer made up for this demo; in files, for an environment can be read by others."""
    made_up = {
        "SHOP_USER": f"customer-{secrets.token_hex(4)}",
        "SHOP_PASSWORD": secrets.token_urlsafe(12),
    }
    environ = {}
    for name, value in made_up.items():
        file = directory / name.lower()
        file.touch(mode=0o600)
        file.write_text(value)
        environ[f"{name}_FILE"] = str(file)
    return environ


def _standing(now: Moment) -> str:
    """One line a look, in columns, so that what changes catches the eye."""
    parts = []
    for name, result in sorted(now.slos.items()):
        left = result["remaining"]
        budget = f"{_percent(left['decimal'])} left" if left else "no runs yet"
        good = f"{result['counts']['good']}/{now.runs(name)}"
        parts.append(f"{name} {good:>5} good {budget:<11} {result['state']:<9}")
    return f"{' | '.join(parts)} | shop 5xx: {now.shop_5xx}"


def _percent(decimal: str) -> str:
    return f"{float(decimal):.0%}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
