"""A real shop to run journeys against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Shop


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
