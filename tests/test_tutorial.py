"""The tutorial leads from an empty directory to a judged SLO, at an application of others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.author import Author, commands
from tests.conftest import ROOT, SHORT, lives, unused_port, wait_until
from tests.test_docs import Block, blocks, is_file

PAGE = ROOT / "docs" / "journeys.md"
STEPS = [block for block in blocks(PAGE) if is_file(block) or "tutorial" in block.words]
#: Where the page has the application and the evaluator.
APPLICATION, EVALUATOR = "5232", "8750"
#: A run comes every quarter of a minute, and one that died is tidied up by the next.
TIDY_S = 90


@pytest.fixture
def author(tmp_path: Path, browser_path: str) -> Iterator[Author]:
    """Somebody with an empty directory, and `prober` on the path."""
    directory = tmp_path / "empty"
    directory.mkdir()
    application, evaluator = unused_port(), unused_port()
    environ = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PROBER_BROWSER": browser_path,
        "PROBER_SANDBOX": "off" if os.geteuid() == 0 else "on",
        "TMPDIR": str(tmp_path),  # its runs wait for no place among those of other tests
        "PROBER_URL": f"http://127.0.0.1:{evaluator}",
        "NO_COLOR": "1",
    }
    instead = {
        APPLICATION: str(application),
        EVALUATOR: str(evaluator),
        "prober up": f"prober up --listen 127.0.0.1:{evaluator}",
    }
    with ExitStack() as ends:
        yield Author(directory, environ, instead, ends)


def typed(block: Block) -> int:
    return 0 if is_file(block) else len(commands(block))


def install(author: Author, block: Block) -> None:
    """What needs a package index: a machine without one skips, but not in a pipeline."""
    try:
        author.follow(block)
    except AssertionError as error:
        if os.environ.get("CI") == "true":
            raise
        said = str(error).strip().splitlines()[0]
        pytest.skip(f"the application of the tutorial cannot be installed here: {said}")


def calendars(author: Author) -> set[str]:
    """Those that the application keeps."""
    users = author.directory / "app" / "collections" / "collection-root"
    return {path.name for path in users.glob("*/*") if not path.name.startswith(".")}


def kill_a_run(author: Author, agent: subprocess.Popen[bytes]) -> str:
    """End a worker while its run has a calendar; the calendar's name."""
    (name,) = wait_until(lambda: calendars(author), TIDY_S)
    below = psutil.Process(agent.pid).children(recursive=True)
    workers = [each for each in below if lives(each) and "prober.agent.worker" in each.cmdline()]
    for worker in workers:
        worker.kill()
    psutil.wait_procs(workers)
    return name


def test_the_page_says_how_many_commands_it_takes() -> None:
    assert f"It is {sum(map(typed, STEPS))} commands" in PAGE.read_text()


def test_the_linter_has_nothing_to_say_of_it(tmp_path: Path) -> None:
    for block in STEPS:
        if block.words[0] == "python":
            (tmp_path / Path(block.words[1]).name).write_text(block.text)
    done = subprocess.run(
        [sys.executable, "-m", "prober", "check", "--strict", *map(str, tmp_path.iterdir())],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.timeout(1800)
def test_an_author_gets_to_a_judged_slo_and_leaves_nothing_behind(
    author: Author, show: Callable[[str], None]
) -> None:
    began_s = time.monotonic()
    followed = [block for block in STEPS if not (SHORT and "prober mutate" in block.text)]
    for block in followed:
        step = install if any("pip install" in each for each in commands(block)) else Author.follow
        step(author, block)
    minutes = (time.monotonic() - began_s) / 60
    show(f"tutorial: {sum(map(typed, followed))} commands, {minutes:.1f} minutes")

    (slo,) = json.loads(author.run("prober status --json").stdout)["slos"]
    assert (slo["name"], slo["state"]) == ("manage-calendar", "FULL")
    assert all(result["counts"]["good"] >= 10 for result in slo["results"])

    application, up = author.kept
    left = wait_until(lambda: {kill_a_run(author, up)} & calendars(author), TIDY_S)
    wait_until(lambda: not left & calendars(author), TIDY_S)
    assert author.leave(up) == 0, author.log(up)
    assert application.poll() is None, author.log(application)
    assert calendars(author) == set()
