"""pytest as an author meets it: a process, in a directory of theirs."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Shop

#: Of people's own suites, to be run by a pytest of their own.
collect_ignore = ["suite"]
Pytest = Callable[..., subprocess.CompletedProcess[str]]
#: Plugins of this suite's own, which take a second to load and which an author need not have.
_FOREIGN = ("-p", "no:schemathesis", "-p", "no:hypothesispytest")


@pytest.fixture(scope="module")
def running_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One for all tests of a file."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    yield shop
    shop.close()


@pytest.fixture
def shop(running_shop: Shop) -> Shop:
    """The same, with nothing wrong."""
    running_shop.fault(None)
    return running_shop


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Python finds the plugin that pyproject.toml declares, however it was installed."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    place = tmp_path_factory.mktemp("installed")
    (place / "prober_declared-0.dist-info").mkdir()
    lines = [f"{name} = {target}\n" for name, target in declared["pytest11"].items()]
    (place / "prober_declared-0.dist-info" / "entry_points.txt").write_text(
        f"[pytest11]\n{''.join(lines)}"
    )
    (place / "prober_declared-0.dist-info" / "METADATA").write_text("Name: prober-declared\n")
    return place


@pytest.fixture
def environ(installed: Path, browser_path: str, tmp_path: Path) -> dict[str, str]:
    """A shell of an author, with nothing of this run of pytest in it."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    path = os.pathsep.join([str(installed), str(ROOT)])
    return found | {"PYTHONPATH": path, "PROBER_BROWSER": browser_path, "NO_COLOR": "1"}


@pytest.fixture
def run_pytest(tmp_path: Path, environ: dict[str, str]) -> Pytest:
    """`run_pytest(*arguments)`: a process of pytest in the test's own directory, typed into."""

    def run(*arguments: str, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *_FOREIGN, *arguments],
            cwd=tmp_path, env=environ | more, input=typed, capture_output=True,
            text=True, timeout=150,
        )  # fmt: skip

    return run


@pytest.fixture
def region(tmp_path: Path, shop: Shop) -> Path:
    """A region on the shop, the only one."""
    file = tmp_path / "regions" / "here.yaml"
    file.parent.mkdir()
    file.write_text(
        f"region: here\nbase_url: {shop.url}\n"
        "secrets:\n  shop_user: ada@shop.example\n  shop_password: analytical-engine\n"
        f"sandbox: {'off' if os.geteuid() == 0 else 'on'}\nsaturation: off\n"
    )
    return file
