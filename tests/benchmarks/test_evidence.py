"""What evidence costs a run, end to end with tiny numbers: that it measures, and what is broken."""

from __future__ import annotations

import pytest

from benchmarks import evidence
from benchmarks.report import Figure
from benchmarks.settings import Settings

PLAIN, KEPT = "passes", "passes, all evidence"


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.timeout(600)
def test_evidence_sets_runs_with_it_beside_runs_without(settings: Settings) -> None:
    found = {each.name: each for each in evidence.measure(settings)}
    steps = ("open shop", "sign in", "add to cart", "pay", "confirmation", evidence.WHOLE)
    assert {f"{PLAIN}: {step}" for step in steps} <= found.keys()
    for name in ("all evidence", "traced"):
        assert {f"passes, {name} \N{MINUS SIGN} passes: {step}" for step in steps} <= found.keys()
        assert f"fails, {name} \N{MINUS SIGN} fails: count" in found
    files = {name: found[f"{name}: files"] for name in evidence.VARIANTS}
    for name, variant in evidence.VARIANTS.items():
        figure = files[name]
        assert isinstance(figure, Figure)
        assert (figure.median > 0) is (variant.fails or variant.trace), "a pass leaves no file"


@pytest.mark.parametrize(
    ("more_ms", "verdict"),
    [
        pytest.param([0.0] * 10, "shown", id="nothing"),
        pytest.param([29.0] * 10, "shown", id="less than 3 %"),
        pytest.param([31.0] * 10, "broken", id="more than 3 %"),
        pytest.param([-90.0, 90.0] * 5, "open", id="nobody can tell"),
        pytest.param([*[-90.0] * 2, *[90.0] * 8], "open", id="likely more"),
        pytest.param([-90.0, *[90.0] * 9], "broken", id="more beyond doubt"),
        pytest.param([90.0] * 5, "open", id="too few to tell"),
        pytest.param([90.0] * 6, "broken", id="just enough to tell"),
    ],
)
def test_a_promise_is_broken_when_that_is_beyond_doubt(more_ms: list[float], verdict: str) -> None:
    made = [
        {
            f"{PLAIN}: pay": 1.0,
            f"{PLAIN}: waited": 0.0,
            f"{KEPT}: pay": 1.0 + more / 1000,
            f"{KEPT}: waited": 0.0,
            f"{KEPT}: bytes": 9.0,
        }
        for more in more_ms
    ]
    for promised in (True, False):
        figures = list(evidence.slower(KEPT, PLAIN, made, promised=promised))
        names = ["pay", evidence.WHOLE, evidence.CALM]
        assert [figure.name.rpartition(": ")[2] for figure in figures] == names
        assert {figure.held for figure in figures} == {verdict != "broken" or not promised}
        assert {f": {verdict}" in figure.note for figure in figures} == {promised}
        assert {figure.target for figure in figures} == {"at most 30.0" if promised else ""}


def test_a_short_step_may_take_5_ms_more() -> None:
    plain = {f"{PLAIN}: pay": 0.010, f"{PLAIN}: waited": 0.0}
    made = [plain | {f"{KEPT}: pay": 0.0149, f"{KEPT}: waited": 0.0}] * 10
    assert all(each.held for each in evidence.slower(KEPT, PLAIN, made, promised=True))


def test_what_others_took_is_told_apart() -> None:
    plain = {f"{PLAIN}: pay": 1.0, f"{PLAIN}: waited": 0.25}
    made = [plain | {f"{KEPT}: pay": 1.5, f"{KEPT}: waited": 0.75}] * 10
    _, whole, calm = evidence.slower(KEPT, PLAIN, made, promised=True)
    assert (whole.median, whole.held) == (500, False)
    assert (calm.median, calm.held) == (0, True)
