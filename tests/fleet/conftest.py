"""One fleet for all tests of this directory: it is started once, and what is left is removed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fleet.fleet import Fleet, require_images


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Containers that run, judge, count and watch each other."""
    require_images()
    running = Fleet(tmp_path_factory.mktemp("fleet"))
    try:
        running.up()
        yield running
    finally:
        running.close()
