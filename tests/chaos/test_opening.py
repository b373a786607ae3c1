"""A start waits for no journal, however long it was kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.opening import measure
from tests.conftest import SHORT

RUNS = 100_000 if SHORT else 1_000_000


@pytest.mark.browser
@pytest.mark.long
@pytest.mark.timeout(1500)
def test_a_start_with_a_million_runs_waits_for_seconds_at_most(
    tmp_path: Path, show: Callable[[str], None]
) -> None:
    said: list[str] = []
    waits = measure(tmp_path, RUNS, said.append)
    show("\n".join(said))
    assert waits.journal_s < 10, said
    assert waits.first_run_s < 10, said
    assert len(said) == 5
