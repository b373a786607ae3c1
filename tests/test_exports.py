"""What users import and call: public names, the verbs, and how quickly they explain themselves."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest

import prober
from prober.cli import VERBS

#: Nothing a person who asks for help should wait for.
HEAVY = ("playwright", "apscheduler", "httpx", "grpc", "pyotp")


def python(*arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def test_public_names_and_all_agree() -> None:
    public = [
        name
        for name, value in vars(prober).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    ]
    own = {name for name in public if name != "annotations"}
    # The function `journey` hides its module of the same name, as it is meant to.
    assert own == set(prober.__all__)
    assert prober.__all__ == sorted(prober.__all__)


def test_every_public_name_says_what_it_is() -> None:
    assert all(getattr(prober, name).__doc__ for name in prober.__all__)


def test_importing_prober_brings_no_browser_library() -> None:
    loaded = python("-c", "import sys, prober; print(*sys.modules)").split()
    assert not {"playwright", "pydantic", "opentelemetry", "typer"} & set(loaded)


def test_help_lists_every_verb() -> None:
    lines = python("-m", "prober", "--help").split("Commands:")[1].splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]
    assert sorted(listed) == sorted(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_says_how_it_is_used_and_loads_nothing_heavy(verb: str) -> None:
    program = (
        "import atexit, sys; from prober.cli import main; "
        "atexit.register(lambda: print('LOADED', *sys.modules)); main()"
    )
    words, _, loaded = python("-c", program, verb, "--help").partition("LOADED")
    assert verb in words.splitlines()[0]
    assert "--help" in words
    assert not set(HEAVY) & set(loaded.split())
