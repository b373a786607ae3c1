"""A start waits for no journal, however long it was kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.opening import measure
from tests.conftest import SHORT

RUNS = 100_000 if SHORT else 1_000_000


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_a_start_with_a_million_runs_waits_for_seconds_at_most(tmp_path: Path) -> None:
    said: list[str] = []
    waits_s = measure(tmp_path, RUNS, said.append)
    assert waits_s < 10, said
    assert len(said) == 4
