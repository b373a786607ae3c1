"""What slo.md says in its text about vectors that the sample leaves out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import pytest

MONTH = {"window_days": "30", "budget": "216/5"}


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        pytest.param(
            "projection",
            MONTH | {"type": "rolling", "existing": [], "bad_per_day": "1"},
            {"naive_days": Fraction(216, 5), "rolloff_days": None, "consumed_at_end": "25/36"},
            id="P05: a failure a day levels off at 30",
        ),
        pytest.param(
            "projection",
            MONTH
            | {
                "type": "calendar",
                "days_left": "20",
                "existing": [["3", "10"]],
                "bad_per_day": "1",
            },
            {"rolloff_days": None, "consumed_at_end": "25/36"},
            id="P06: not in this window",
        ),
        pytest.param(
            "projection",
            MONTH | {"type": "calendar", "elapsed_days": "10", "bad": "10", "bad_per_day": "2"},
            {"naive_days": "83/5", "rolloff_days": "83/5", "consumed_at_end": "125/108"},
            id="in this window",
        ),
        pytest.param(
            "impact",
            {
                "model": "value_per_journey",
                "journeys_per_hour": "4000",
                "value_per_journey": "225/4",
                "bad": "48",
                "valid": "60",
                "start": "2026-06-29T14:00:00Z",
                "end": "2026-06-29T15:00:00Z",
            },
            {"users": 3200, "amount": 180_000},
            id="I02: users and money between 14:00 and 15:00",
        ),
        pytest.param(
            "impact",
            {"model": "value_per_journey", "users": "3200", "value_per_journey": "56.25"},
            {"amount": 180_000},
            id="users known from elsewhere",
        ),
        pytest.param(
            "composite",
            {"model": "serial", "components": ["999/1000"] * 5},
            {"sli": Fraction(999**5, 1000**5)},
            id="M02: five hard dependencies",
        ),
        pytest.param("burn", {"target": "9/10"}, {"max_burn": 10}, id="nothing burns faster"),
        pytest.param(
            "burn", {"percent": "10", "long_h": "72", "window_h": "672"}, {"burn": "14/15"},
            id="10 % in 72 h of 28 d",
        ),
        pytest.param(
            "burn", {"bad": "1", "valid": "60", "target": "999/1000"}, {"burn": "50/3"},
            id="a failure in an hour",
        ),
        pytest.param(
            "burn", {"burn": "5", "window_days": "30"}, {"days": 6}, id="5x lasts 6 of 30 days"
        ),
        pytest.param(
            "burn", {"burn": "72/5", "long_h": "1", "window_h": "720"}, {"percent": 2},
            id="what 14.4x burns in an hour",
        ),
    ],
)  # fmt: skip
def test_the_text_holds(
    kind: str,
    given: Mapping[str, Any],
    expected: Mapping[str, Any],
    answers: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]],
) -> None:
    told = answers[kind](given)
    for name, value in expected.items():
        assert told[name] == (None if value is None else Fraction(value))
