"""A command that is run for a secret: what it prints is one, and nothing of it is told."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from prober.agent import errand, process
from prober.errors import SecretUnreadable
from tests.conftest import wait_until

MINUTE_MS = 60_000


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = set(process.started)
    yield
    assert process.started <= before


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_what_a_command_prints_is_the_secret_whatever_it_complains_of() -> None:
    said = "import sys; print('correct horse'); print('a warning', file=sys.stderr)"
    assert errand.run(python(said), MINUTE_MS) == "correct horse"


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (
            python("print('correct-horse'); raise SystemExit(3)"),
            "its command ended with exit code 3",
        ),
        (python("import os; os.kill(os.getpid(), 9)"), "its command ended with exit code -9"),
        (("/nowhere/pass", "shop"), "its command cannot be started (No such file or directory)"),
        (("nul\0",), "its command cannot be started (its name is none)"),
        (python("print('short')"), "the secret is shorter than 6 characters"),
        (python("pass"), "the secret is shorter than 6 characters"),
        (python("while True: print('x' * 999)"), "what its command prints holds more than 65536"),
        (python("import os; os.write(1, b'\\xff' * 9)"), "what its command prints holds no UTF-8"),
    ],
)
def test_a_command_that_gives_no_secret_says_why_and_shows_nothing(
    command: tuple[str, ...], what: str
) -> None:
    with pytest.raises(SecretUnreadable, match=re.escape(what)) as caught:
        errand.run(command, MINUTE_MS)
    assert "horse" not in str(caught.value)
    assert "shop" not in str(caught.value)


@pytest.mark.parametrize("output", ["", "os.close(1); os.close(2)"])
def test_a_command_that_does_not_end_is_killed_with_what_it_started(
    tmp_path: Path, output: str
) -> None:
    pids = tmp_path / "pids"
    code = f"""import os, subprocess, time
child = subprocess.Popen(['sleep', '600'])
open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')
{output}
time.sleep(600)"""
    began = time.monotonic()
    with pytest.raises(SecretUnreadable, match="took longer than 1s"):
        errand.run(python(code), 1000)
    assert time.monotonic() - began < 20
    for pid in map(int, pids.read_text().split()):
        wait_until(lambda pid=pid: not psutil.pid_exists(pid) or is_zombie(pid))


def is_zombie(pid: int) -> bool:
    try:
        return str(psutil.Process(pid).status()) == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
