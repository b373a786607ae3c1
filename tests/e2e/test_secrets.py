"""No secret of a journey leaves its worker: files, wires, outputs and processes are searched."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx
import psutil
import pytest

from prober.journal.journal import Journal
from prober.model import Outcome, Run
from prober.telemetry import decode
from tests.conftest import wait_until
from tests.e2e.conftest import JOURNEYS, ROOT, Liar, Place

USER, PASSWORD = "canary.user+x@shop.example", 'canary "pass/word" & é 7'
FORMS = {
    text.encode()
    for secret in (USER, PASSWORD)
    for text in (
        secret,
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        base64.b64encode(secret.encode()).decode().rstrip("=")[:-1],
    )
}


@pytest.mark.long
@pytest.mark.browser
def test_no_secret_is_in_any_file_wire_output_environment_or_command_line(
    place: Place,
    liar: Callable[[str], Liar],
    free_port: Callable[[], int],
    until: Callable[..., Any],
    tmp_path: Path,
) -> None:
    given = files_with_secrets(tmp_path)
    shop_port, port = free_port(), free_port()
    with shop(shop_port, given) as url:
        evaluator = place.evaluator(port)
        evaluator.start()
        receiver = liar(f"http://127.0.0.1:{port}")
        agent = place.agent("here", region_of(url, receiver.url), **given)
        agent.environ = given
        agent.start()
        seen: set[str] = set()

        def enough() -> bool:
            seen.update(processes_with_secrets(agent.pid))
            return {"login", "account_api"} <= passed(receiver) and failed_twice(receiver)

        until(enough, 120)
        output = run_once(place, given)
        agent.stop()
        evaluator.stop()
    assert not seen
    assert hits(output) == set()
    assert not [path for path, body in receiver.bodies if hits(body)]
    given_files = {Path(file) for file in given.values()}
    for path in tmp_path.rglob("*"):
        if path.is_file() and path not in given_files:
            assert not [part for part in contents(path) if hits(part)], path
    assert list(tmp_path.rglob("trace.zip"))


def passed(receiver: Liar) -> set[str]:
    return {run.id.journey for run in runs_in(receiver) if run.outcome is Outcome.PASSED}


def failed_twice(receiver: Liar) -> bool:
    """Whether a checkout failed and was confirmed, with a trace."""
    return any(run.id.attempt == 2 and run.artefacts for run in runs_in(receiver))


def files_with_secrets(directory: Path) -> dict[str, str]:
    environ = {}
    for name, value in {"SHOP_USER": USER, "SHOP_PASSWORD": PASSWORD}.items():
        file = directory / f"given-{name.lower()}"
        file.write_text(value)
        environ[f"{name}_FILE"] = str(file)
    return environ


@contextmanager
def shop(port: int, given: dict[str, str]) -> Iterator[str]:
    """A shop with the canary as its customer, that shows a wrong total."""
    command = [sys.executable, "-m", "prober.demo.shop", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **given})
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(url))
        httpx.post(f"{url}/_faults", json={"fault": "wrong_total"}, timeout=30).raise_for_status()
        yield url
    finally:
        process.terminate()
        process.wait(60)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/metrics").is_success
    except httpx.TransportError:
        return False


def region_of(url: str, receiver: str) -> str:
    return f"""
        base_url: {url}
        journeys:
          checkout: {{every: 30s, timeout: 10s}}
          login: {{every: 10s, timeout: 8s}}
          account_api: {{every: 2s, timeout: 1s}}
        otlp: [{{name: evaluator, endpoint: "{receiver}"}}]
        metrics_interval: 2s
        """


def runs_in(receiver: Liar) -> list[Run]:
    bodies = [body for path, body in receiver.bodies if path.endswith("/logs")]
    found = [record for body in bodies for record in decode.records(body).records]
    return [record for record in found if isinstance(record, Run)]


def processes_with_secrets(pid: int) -> set[str]:
    """Command lines of processes of an agent's tree that show a secret to their neighbours."""
    found = set()
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        for name in ("environ", "cmdline"):
            try:
                if hits(Path(f"/proc/{process.pid}/{name}").read_bytes()):
                    found.add(f"{name} of {process.cmdline()}")
            except (OSError, psutil.Error):
                continue
    return found


def run_once(place: Place, given: dict[str, str]) -> bytes:
    """What `prober run --json` prints for a run that fails."""
    command = [sys.executable, "-m", "prober", "run", "checkout", "--json", "--trace"]
    options = ["--journeys", str(JOURNEYS), "--regions", str(place.directory / "regions")]
    done = subprocess.run(
        [*command, *options],
        cwd=place.directory,
        env={**os.environ, **given},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    return done.stdout + done.stderr


def contents(path: Path) -> list[bytes]:
    """What a file holds, unpacked."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return [archive.read(name) for name in archive.namelist()]
    if path.name == "journal.db":
        journal = Journal.open(path)
        entries = journal.outbox.entries(0, journal.outbox.newest(), 10**6)
        journal.close()
        return [path.read_bytes(), *(entry.record.to_json().encode() for entry in entries)]
    return [path.read_bytes()]


def hits(data: bytes) -> set[bytes]:
    return {form for form in FORMS if form in data}
