"""What an exclusion does to a budget, for people."""

from __future__ import annotations

import pytest

from prober.cli.exclude import _effects


@pytest.mark.parametrize(
    ("returned", "state", "said"),
    [
        ("3/10", "FULL", "30% of the budget comes back, FULL instead of WARNING"),
        ("1/300", "WARNING", "0.33% of the budget comes back, it stays WARNING"),
        (
            "-1/1500",
            "WARNING",
            "0.06% more of the budget is consumed, for fewer runs count, it stays WARNING",
        ),
    ],
)
def test_an_effect_says_what_is_gained_or_lost(returned: str, state: str, said: str) -> None:
    about = {"slo": "checkout", "objective": "availability", "window": "30d", "flags": ()}
    effect = {**about, "returned": returned, "state": state, "raw_state": "WARNING"}
    assert list(_effects([effect])) == [f"  checkout availability over 30d: {said}"]


@pytest.mark.parametrize("returned", [None, "0"])
def test_an_effect_that_is_none_or_unknown_says_nothing(returned: str | None) -> None:
    assert not list(_effects([{"slo": "a", "objective": "b", "window": "c", "flags": (),
                               "returned": returned}]))  # fmt: skip
