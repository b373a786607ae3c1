"""Looks at a real evaluator's page while runs arrive, with tiny numbers: that it measures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import pages
from benchmarks.report import Figure, Skipped
from benchmarks.settings import Settings

SETTINGS = Settings(url="", browser="", runs=1, patience_s=0, journals=(1000,))


@pytest.mark.long
@pytest.mark.timeout(600)
def test_pages_looks_at_a_status_that_is_made_anew_each_time_while_runs_arrive() -> None:
    found = {each.name: each for each in pages.measure(SETTINGS) if isinstance(each, Figure)}
    name = "20 contracts, 1,000 runs"
    assert set(found) == {
        f"{name}: first page",
        f"{name}: page",
        f"{name}: the same page again",
        f"{name}: a contract, the first look",
        f"{name}: a run",
        f"{name}: taken in meanwhile",
        f"{name}: from a run's end until it is there",
        f"{name}: memory of the evaluator",
    }
    assert found[f"{name}: page"].n == 4
    assert "p95" in found[f"{name}: page"].note
    assert found[f"{name}: taken in meanwhile"].median > 0
    assert found[f"{name}: taken in meanwhile"].held, "every run that was offered is there"


def test_pages_says_when_the_disk_is_too_small() -> None:
    assert [type(each) for each in pages.measure(replace(SETTINGS, journals=(10**12,)))] == [
        Skipped
    ]
