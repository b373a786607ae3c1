"""What every benchmark is tried with."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from benchmarks.settings import Settings
from benchmarks.shop import open_shop
from prober.agent.installed import find


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """Tiny numbers against a running shop."""
    with open_shop() as (url, pid):
        yield Settings(
            url=url,
            browser=find("headless-shell"),
            runs=1,
            others=(pid, os.getpid()),
            patience_s=0,
            journals=(1000,),
        )
