"""Journeys that do not stop, and an agent that ends them: that the benchmark sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import stuck
from benchmarks.report import Figure
from benchmarks.settings import Settings
from prober.discovery import load


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.timeout(300)
def test_stuck_times_how_an_agent_ends_journeys_that_do_not_stop(settings: Settings) -> None:
    *late, left, missing, others = stuck.measure(settings)
    for each in late:
        assert isinstance(each, Figure)
        assert each.n == 2
        assert each.median > 0, "none is gone before its deadline"
    for each in (left, missing, others):
        assert isinstance(each, Figure)
        assert each.held, each.name


@pytest.mark.parametrize("each", stuck.STUCK, ids=lambda each: each.name)
def test_a_journey_that_sticks_is_a_journey(tmp_path: Path, each: stuck.Stuck) -> None:
    file = tmp_path / "stuck.py"
    file.write_text(each.source(tmp_path / "marks"))
    [(journey, _)] = load(file)
    assert journey.timeout_ms < journey.every_ms
    assert journey.needs_browser == (each.needs == "page")
