"""Tidying: the layout of a journey is the formatter's, where the author has one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

_PATIENCE_S = 30


def tidy(text: str, path: Path) -> str:
    """A journey's text as ruff lays it out by the author's settings; as it is without ruff.

    Args:
        text: of the journey.
        path: where it is to be, from which ruff finds its settings.
    """
    beside = Path(sys.executable).parent / "ruff"
    ruff = str(beside) if beside.is_file() else shutil.which("ruff")
    if ruff is None:
        return text
    try:
        done = subprocess.run(
            [ruff, "format", "--stdin-filename", str(path), "-"],
            input=text,
            capture_output=True,
            encoding="utf-8",
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):  # the author's formatter is no reason to fail
        return text
    return done.stdout if done.returncode == 0 and done.stdout else text
