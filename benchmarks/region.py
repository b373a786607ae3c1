"""The region file of an agent under measurement, and the agent itself as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.settings import Settings
from benchmarks.shop import PASSWORD, USER

NAME = "bench"
_FILE = """\
region: {name}
base_url: {url}
secrets: {{shop_user: "{user}", shop_password: "{password}"}}
concurrency: 1
sandbox: off # as raw Playwright has it
data: {data}
"""


def write_region(directory: Path, url: str, more: str = "", name: str = NAME) -> Path:
    """A region file in a directory of its own, with further lines of YAML; again: another."""
    file = directory / "regions" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    values = {"name": name, "user": USER, "password": PASSWORD, "data": directory / "data"}
    file.write_text(_FILE.format(url=url, **values) + more)
    return file


@contextmanager
def agent(settings: Settings, region: Path, journeys: Path) -> Iterator[int]:
    """A running `prober agent` that says it is ready; its pid."""
    command = [sys.executable, "-m", "prober", "agent", str(region), "--journeys", str(journeys)]
    log = region.parent.parent / "agent.log"
    environ = {
        **os.environ,
        "PROBER_BROWSER": settings.browser,
        "TMPDIR": str(region.parent.parent),  # an allowance shared with nobody
    }
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environ
        ) as process,
    ):
        try:
            assert process.stdout
            if "is ready" not in (line := process.stdout.readline()):
                raise RuntimeError(f"the agent is not ready: {line}{log.read_text()}")
            yield process.pid
        finally:
            process.terminate()
            process.communicate()
