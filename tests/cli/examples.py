"""Examples of a page that a journal answers: run among the files of a directory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path


def examples(page: str) -> list[str]:
    """Each as it stands in the page: the prompt, and what is printed."""
    return re.findall(r"```console journal\n(.*?)```", page, re.DOTALL)


def shown(example: str) -> str:
    """What an example says that is printed."""
    return example.split("\n", 1)[1]


def printed(example: str, directory: Path) -> str:
    """What the journal of a directory has it print; an assertion with what it said if it fails."""
    prompt, _ = example.split("\n", 1)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"{prompt.removeprefix('$ ')} --journal ."],
        cwd=directory,
        env=os.environ | {"PATH": path, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
