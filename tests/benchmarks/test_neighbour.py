"""A victim beside hostile journeys, end to end with tiny numbers: that it measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import neighbour
from benchmarks.report import Figure
from benchmarks.settings import Settings
from prober.discovery import load


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.timeout(600)
def test_neighbour_sets_a_journey_beside_a_hostile_one_of_the_same_agent(
    settings: Settings,
) -> None:
    results = neighbour.measure(settings, neighbour.HOSTILE[:1])
    (name,) = (each.name for each in neighbour.HOSTILE[:1])
    said = {result.name: result for result in results}
    alone = said[f"{neighbour.VICTIM} alone: steps"]
    assert isinstance(alone, Figure)
    assert alone.median > 0
    if len(results) > 2:  # else no run had all its steps on a machine as busy as this one, it says
        ratio, there = (
            said[f"steps, beside one that {name} ÷ alone"],
            said[f"runs of the one that {name}"],
        )
        assert isinstance(ratio, Figure)
        assert isinstance(there, Figure)
        assert ratio.median > 0
        assert there.median > 0, "the hostile one did its worst meanwhile"


@pytest.mark.parametrize("hostile", neighbour.HOSTILE, ids=lambda each: each.name)
def test_a_hostile_journey_is_a_journey(tmp_path: Path, hostile: neighbour.Hostile) -> None:
    file = tmp_path / "hostile.py"
    file.write_text(hostile.source)
    [(journey, _)] = load(file)
    assert journey.timeout_ms < journey.every_ms
    assert journey.needs_browser == (hostile.needs == "page")


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        pytest.param(1, (0, 0), id="one value"),
        pytest.param(6, (0, 5), id="all of a few"),
        pytest.param(10, (1, 8), id="the second and the last but one of ten"),
        pytest.param(30, (9, 20), id="the tenth and the tenth from the end of thirty"),
    ],
)
def test_where_a_median_lies(count: int, expected: tuple[int, int]) -> None:
    assert neighbour.interval([float(n) for n in range(count)]) == expected
