"""Fixtures of the bench, and the table of the blame matrix."""

from __future__ import annotations

import pytest

from tests.faults.bench import bench, make_bench, site
from tests.faults.confusion import Confusion

__all__ = ["bench", "make_bench", "site"]

_CONFUSION = pytest.StashKey[Confusion]()


@pytest.fixture
def confusion(pytestconfig: pytest.Config) -> Confusion:
    """What was said of each fault so far, printed at the end."""
    return pytestconfig.stash.setdefault(_CONFUSION, Confusion())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if _CONFUSION in config.stash:
        terminalreporter.section("whose fault it was")
        terminalreporter.write_line(config.stash[_CONFUSION].text())
