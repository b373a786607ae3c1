"""Which browser is taken, and what is said when there is none."""

from __future__ import annotations

import json
from pathlib import Path

import playwright
import pytest

from prober.agent.installed import find
from prober.errors import ProberError


def executable(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def revision(name: str) -> str:
    listing = Path(playwright.__file__).parent / "driver" / "package" / "browsers.json"
    browsers = json.loads(listing.read_text())["browsers"]
    return next(str(browser["revision"]) for browser in browsers if browser["name"] == name)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without browsers; its PATH is `bin`."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def test_the_chosen_one_is_taken_for_everything(bare: Path) -> None:
    chosen = executable(bare / "mine")
    for kind in ("headless-shell", "chromium"):
        assert find(kind, {"PROBER_BROWSER": chosen}) == chosen


def test_a_chosen_one_that_cannot_run_is_refused(bare: Path) -> None:
    with pytest.raises(ProberError, match="nothing cannot be run: mend or unset it"):
        find("headless-shell", {"PROBER_BROWSER": str(bare / "nothing")})


def test_playwrights_own_goes_before_the_systems(bare: Path) -> None:
    executable(bare / "bin" / "chromium-headless-shell")
    place = f"chromium_headless_shell-{revision('chromium-headless-shell')}"
    own = executable(bare / "own" / place / "linux" / "headless_shell")
    assert find("headless-shell", {"PLAYWRIGHT_BROWSERS_PATH": str(bare / "own")}) == own


def test_another_version_of_playwrights_is_not_taken(bare: Path) -> None:
    executable(bare / "own" / "chromium_headless_shell-1" / "linux" / "headless_shell")
    system = executable(bare / "bin" / "chromium-headless-shell")
    assert find("headless-shell", {"PLAYWRIGHT_BROWSERS_PATH": str(bare / "own")}) == system


def test_a_full_browser_stands_in_for_the_shell(bare: Path) -> None:
    full = executable(bare / "bin" / "chromium")
    assert find("headless-shell", {}) == full


def test_the_shell_does_not_stand_in_for_a_full_browser(bare: Path) -> None:
    executable(bare / "bin" / "chromium-headless-shell")
    with pytest.raises(ProberError, match="there is no chromium browser here: run `playwright"):
        find("chromium", {})


def test_no_browser_at_all_is_said_with_the_mend(bare: Path) -> None:
    with pytest.raises(ProberError, match="set PROBER_BROWSER to its path"):
        find("headless-shell", {})
