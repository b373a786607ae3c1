"""Every recipe of the cookbook passes on a site that works, and fails on one that does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.kitchen import VARIABLES, Kitchen, open_kitchen
from tests.test_docs import SITE, blocks, is_file, write_region

COOKBOOK = ROOT / "docs" / "cookbook.md"
RECIPES = [
    Path(block.words[1]).stem
    for block in blocks(COOKBOOK)
    if is_file(block) and block.words[0] == "python"
]
#: So that it is soon known that something will not come.
IMPATIENT = "PATIENCE_S = 30", "PATIENCE_S = 2"


@pytest.fixture(scope="module")
def kitchen() -> Iterator[Kitchen]:
    with open_kitchen() as opened:
        yield opened


@pytest.fixture(scope="module")
def files(kitchen: Kitchen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the page, in a directory."""
    directory = tmp_path_factory.mktemp("cookbook")
    for block in blocks(COOKBOOK):
        if is_file(block):
            file = directory / block.words[1]
            text = block.text.replace(SITE, kitchen.url).replace(*IMPATIENT)
            file.parent.mkdir(exist_ok=True)
            if file.suffix == ".yaml":
                write_region(file, f"{text}sandbox: off\n")
            else:
                file.write_text(text)
    return directory


def prober(files: Path, kitchen: Kitchen, browser: str, *words: str) -> Any:
    environ = os.environ | VARIABLES | {"INBOX": kitchen.others, "PROBER_BROWSER": browser}
    return subprocess.run(
        [sys.executable, "-m", "prober", *words],
        cwd=files,
        env=environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_passes_where_all_is_well_and_fails_where_its_part_is_broken(
    recipe: str, files: Path, kitchen: Kitchen, browser_path: str
) -> None:
    for broken, code in (("", 0), (recipe, 1)):
        kitchen.broken = broken
        done = prober(files, kitchen, browser_path, "run", recipe, "--json")
        assert done.returncode == code, done.stdout + done.stderr
        (run,) = json.loads(done.stdout)["runs"]
        assert run["cause"] in (None, "assertion")


def test_the_linter_has_nothing_to_say_of_a_recipe(
    files: Path, kitchen: Kitchen, browser_path: str
) -> None:
    journeys = sorted(map(str, files.glob("journeys/*.py")))
    done = prober(files, kitchen, browser_path, "check", "--strict", *journeys)
    assert done.returncode == 0, done.stdout + done.stderr
