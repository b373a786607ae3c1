"""A fleet of containers on this machine's engine, started from regions/compose.yaml."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from prober import conventions
from prober.conventions import METRICS, prometheus_label, prometheus_name
from tests.conftest import CACHE, ROOT, unused_port, wait_until

REGIONS = ("ap-south-1", "eu-west-1", "us-east-1")
JOURNEYS = ("account_api", "checkout", "login")
SECRETS = {
    "token": "token-of-this-fleet-0c5e",
    "shop_user": "canary.user@shop.example",
    "shop_password": 'canary "pass/word" 7',
}
#: A loaded two-core machine starts seven containers and three browsers.
PATIENCE_S = 180.0
_PROJECT = "prober-fleet-test"
#: What Prometheus calls a metric, by its own name; and its own name of an attribute, by that.
_METRICS = {each.name: prometheus_name(each) for each in METRICS}
_LABELS = {
    prometheus_label(name): name
    for name in vars(conventions).values()
    if isinstance(name, str) and name.startswith(("prober.", "error."))
}
#: As often as shows something within a minute; what else there is, the shipped files say.
_OFTEN = """
metrics_interval: 1s
saturation: off
journeys:
  checkout: {{every: 20s, timeout: 15s}}
  login: {{every: 20s, timeout: 15s}}
  account_api: {{every: {every}, timeout: 2500ms}}
"""


def require_images() -> None:
    """Skip where the machine cannot have containers, fail where images were not built."""
    place = CACHE / "image"
    if (place / "absent").exists():
        pytest.skip(f"no fleet: {(place / 'absent').read_text().strip()}")
    if not (place / "victoria").exists():
        pytest.fail("the images are not built: make fleet", pytrace=False)


def composer() -> list[str]:
    """What Compose is called here; the test is skipped where there is none."""
    asked = ["docker", "compose", "version"]
    if shutil.which("docker") and not subprocess.run(asked, capture_output=True).returncode:
        return asked[:2]
    if not shutil.which("docker-compose"):
        pytest.skip("neither `docker compose` nor docker-compose is here")
    return ["docker-compose"]


class Fleet:
    """The containers of regions/compose.yaml under a name, networks and volumes of their own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._compose = composer()
        self.ports = {
            name: str(unused_port())
            for name in ("PROBER_PORT", "VICTORIA_PORT", "SHOP_PORT", "ALARMS_PORT")
        }
        self.evaluator = _client(self.ports["PROBER_PORT"])
        self.victoria = _client(self.ports["VICTORIA_PORT"])
        self.shop = _client(self.ports["SHOP_PORT"])
        self.alarms = _client(self.ports["ALARMS_PORT"])
        self._write_files()

    def _write_files(self) -> None:
        for name in ("journeys", "regions", "secrets"):
            (self.directory / name).mkdir(mode=0o755)
        (self.directory / "secrets").chmod(0o700)  # bound file by file: only its owner enters it
        for name, value in SECRETS.items():
            (self.directory / "secrets" / name).write_text(value)
        contracts = (ROOT / "prober/demo/contracts").glob("*.slo.yaml")
        for file in (*(ROOT / "journeys").glob("*.py"), *contracts):
            shutil.copy(file, self.directory / "journeys")
        self.configure(every="3s")

    def configure(self, every: str) -> None:
        """Write the region files that agents read when they start."""
        for region in REGIONS:
            shipped = (ROOT / "regions/compose" / f"{region}.yaml").read_text()
            text = shipped + _OFTEN.format(every=every)
            (self.directory / "regions" / f"{region}.yaml").write_text(text)

    # The engine

    def compose(self, *arguments: str) -> None:
        """Run Compose on the shipped file; an assertion with what it said when it fails."""
        environ = {
            **os.environ,
            **self.ports,
            "COMPOSE_PROJECT_NAME": _PROJECT,
            "VICTORIA_IMAGE": (CACHE / "image" / "victoria").read_text().strip(),
            "VMALERT_IMAGE": (CACHE / "image" / "vmalert").read_text().strip(),
            "PROBER_JOURNEYS": str(self.directory / "journeys"),
            "PROBER_REGIONS": str(self.directory / "regions"),
            "PROBER_SECRETS": str(self.directory / "secrets"),
        }
        command = [*self._compose, *arguments]
        done = subprocess.run(
            command, cwd=ROOT / "regions", env=environ, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"

    def up(self) -> None:
        """Start everything, after what an earlier one may have left is gone."""
        self.down()
        self.compose("up", "--detach")

    def down(self) -> None:
        """Remove containers, networks and volumes."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")

    def container(self, service: str) -> str:
        """The id of a service's container."""
        labels = {"project": _PROJECT, "service": service}
        filters = [f"--filter=label=com.docker.compose.{k}={v}" for k, v in labels.items()]
        return docker("ps", "--all", "--quiet", "--no-trunc", *filters).strip()

    def containers(self, services: tuple[str, ...]) -> list[str]:
        """The ids of several services' containers."""
        return [self.container(service) for service in services]

    def inside(self, service: str, *command: str) -> str:
        """What a command prints that is run inside of a service's container."""
        return docker("exec", self.container(service), *command)

    def is_ready(self, region: str) -> bool:
        """Whether an agent says that the next slot can be run."""
        ask = "import urllib.request as r; r.urlopen('http://127.0.0.1:8750/readyz', timeout=5)"
        command = ["docker", "exec", self.container(region), "python", "-Ic", ask]
        return subprocess.run(command, capture_output=True).returncode == 0

    def cut(self, service: str, network: str) -> None:
        """Take a container off a network."""
        docker("network", "disconnect", f"{_PROJECT}_{network}", self.container(service))

    def mend(self, service: str, network: str) -> None:
        """Put it back."""
        docker("network", "connect", f"{_PROJECT}_{network}", self.container(service))

    # What it says of itself

    def held(self) -> Mapping[tuple[str, str], tuple[int, int]]:
        """By journey and region: runs that the evaluator holds, and those that it misses."""
        rows = self._status().get("journeys", {})
        return {
            (journey, row["region"]): (row["held"], row["missing"] or 0)
            for journey, found in rows.items()
            for row in found
        }

    def states(self) -> dict[str, str]:
        """The state of each SLO."""
        return {
            slo["name"]: result["state"]
            for slo in self._status().get("slos", [])
            for result in slo["results"]
        }

    def _status(self) -> dict[str, Any]:
        """Of the evaluator; empty while nobody answers."""
        try:
            reply = self.evaluator.get("/api/v1/status")
        except httpx.TransportError:
            return {}
        status: dict[str, Any] = reply.json() if reply.is_success else {}
        return status

    def settled(self) -> bool:
        """Whether the evaluator misses no run that a region has counted."""
        held = self.held()
        return len(held) == len(REGIONS) * len(JOURNEYS) and not any(
            missing for _, missing in held.values()
        )

    def series(self, metric: str) -> list[tuple[dict[str, str], int]]:
        """Every series of a counter at VictoriaMetrics: its own attributes, and its total.

        Both by the names that Prober gives them, not by those of Prometheus.
        """
        self.victoria.get("/internal/force_flush").raise_for_status()
        query = f"last_over_time({_METRICS[metric]}[1h])"
        moment = {
            "time": str(time.time()),
            "latency_offset": "1ms",
        }  # its own now is cut to seconds
        question = {"query": query, "nocache": "1", **moment}
        reply = self.victoria.get("/api/v1/query", params=question)
        return [
            (
                {_LABELS[k]: v for k, v in each["metric"].items() if k in _LABELS},
                int(each["value"][1]),
            )
            for each in reply.raise_for_status().json()["data"]["result"]
        ]

    def pages(self) -> set[tuple[str, str]]:
        """Alerts about the fleet itself that want somebody now, and the region of each."""
        found = self.alarms.get("/api/v1/alerts").raise_for_status().json()["data"]["alerts"]
        return {
            (each["labels"]["alertname"], each["labels"].get("prober_region", ""))
            for each in found
            if each["state"] == "firing" and each["labels"]["severity"] == "page"
        }

    def runs(self, region: str, **wanted: str) -> int:
        """How many runs of a region VictoriaMetrics counts, by attributes such as `outcome`."""
        attributes = {f"prober.{name}": value for name, value in wanted.items()}
        attributes["prober.region"] = region
        found = self.series("prober.runs")
        return sum(total for labels, total in found if attributes.items() <= labels.items())

    def until(self, predicate: Callable[[], Any], deadline_s: float = PATIENCE_S) -> Any:
        """The first true value; with the containers' last words when there is none in time."""
        try:
            return wait_until(predicate, deadline_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.last_words()}") from None

    def last_words(self) -> str:
        """The end of every container's log."""
        said = []
        for service in (*REGIONS, "evaluator"):
            log = docker("logs", "--tail", "15", self.container(service), check=False)
            said.append(f"--- {service}\n{log}")
        return "\n".join(said)

    def close(self) -> None:
        """Remove what there is of it."""
        self.down()
        for client in (self.evaluator, self.victoria, self.shop, self.alarms):
            client.close()


def docker(*arguments: str, check: bool = True) -> str:
    """What the engine's client prints; an assertion when it fails."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    assert not check or done.returncode == 0, f"docker {arguments}: {done.stderr}"
    return done.stdout if check else done.stdout + done.stderr


def inspected(container: str) -> Any:
    """What the engine knows of a container."""
    return json.loads(docker("inspect", container))[0]


def processes(container: str) -> Iterator[dict[str, str]]:
    """Every process of a container: its pid and parent here, its state and command line."""
    columns = ("pid", "ppid", "stat", "args")
    for line in docker("top", container, "-eo", ",".join(columns)).splitlines()[1:]:
        yield dict(zip(columns, line.split(None, 3), strict=True))


def _client(port: str) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)
