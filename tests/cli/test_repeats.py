"""What several runs of a journey say together."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from prober.cli.repeats import Repeats, Standing, spark
from prober.model import Cause, Kind, Outcome, Run, RunId, Step

MS = 1000


def passed(*steps_ms: int) -> Run:
    """A run that passed, whose steps `a`, `b`, … took so long."""
    steps = tuple(
        Step(name=chr(ord("a") + n), offset_us=0, duration_us=took * MS, outcome=Outcome.PASSED)
        for n, took in enumerate(steps_ms)
    )
    return run(Outcome.PASSED, None, steps)


def run(outcome: Outcome, cause: Cause | None, steps: Sequence[Step] = ()) -> Run:
    return Run(
        id=RunId("pay", "here", 0, 1, Kind.MANUAL), outcome=outcome, cause=cause, step="a",
        started_ms=0, finished_ms=1, start_delay_us=0, steps=tuple(steps),
        duration_us=sum(step.duration_us for step in steps),
    )  # fmt: skip


FAILED = run(Outcome.FAILED, Cause.ASSERTION)
BUSY = run(Outcome.INCONCLUSIVE, Cause.SATURATED)


@pytest.mark.parametrize(
    ("runs", "standing", "said"),
    [
        ([passed(1)] * 20, Standing.STEADY, "20 of 20 verdicts passed, between 83.9% and 100.0%"),
        (
            [passed(1)] * 9 + [FAILED],
            Standing.FLAKY,
            "1 of 10 verdicts failed with nothing changed",
        ),
        ([FAILED] * 3, Standing.FAILING, "failing: 3 of 3 verdicts failed"),
        ([BUSY] * 3, Standing.UNKNOWN, "no verdict: nothing is known of this journey"),
        ([passed(1), BUSY], Standing.STEADY, "steady: 1 of 1 verdicts passed"),
        ([FAILED, BUSY], Standing.FAILING, "failing: 1 of 1"),
    ],
)
def test_only_verdicts_tell_whether_a_journey_is_steady(
    runs: list[Run], standing: Standing, said: str
) -> None:
    found = Repeats(runs, 60_000)
    assert found.standing is standing
    assert said in shown(found)


def test_failures_are_told_by_step_and_cause_with_their_numbers() -> None:
    found = Repeats([FAILED, passed(1), BUSY, FAILED], 60_000)
    assert found.failures == {("a", "assertion"): [1, 4], ("a", "saturated"): [3]}
    assert "2 × a: assertion (run 1, 4)" in shown(found)


def test_times_are_of_runs_that_passed_with_the_slowest_among_them() -> None:
    found = Repeats([passed(100 * n, 50) for n in range(1, 11)] + [FAILED], 60_000)
    first, second, whole = found.to_dict()["durations"]
    assert (first["p50_us"], first["p95_us"], first["max_us"]) == (500_000, 1_000_000, 1_000_000)
    assert (second["step"], second["runs"], second["max_us"]) == ("b", 10, 50_000)
    assert (whole["step"], whole["max_us"]) == (None, 1_050_000)
    [line] = [line for line in shown(found).splitlines() if line.startswith("  a ")]
    assert line.split() == ["a", *["0.500", "s", "1.000", "s", "1.000", "s"], "▁▂▃▄▄▅▆▇██"]


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([passed(3000, 100 + n) for n in range(5)], "a: 3.000 s every time, as a timer takes"),
        ([passed(3000 + 99 * n, 100) for n in range(5)], "a: 97% of the time"),
        ([passed(100, 100)] * 9 + [passed(100, 900)], "b: uneven, one in twenty takes 9.0 times"),
        ([passed(850, 850)] * 5, "the slowest took 85% of the timeout"),
    ],
)
def test_what_is_odd_about_times_is_said(runs: list[Run], said: str) -> None:
    (hint,) = Repeats(runs, 2000 if "timeout" in said else 60_000).hints()
    assert hint.startswith(said)


@pytest.mark.parametrize(
    "runs",
    [
        pytest.param([passed(3000)] * 4, id="four runs are too few"),
        pytest.param([passed(900, 100)] * 9, id="not slow"),
        pytest.param([passed(2000 + 50 * n, 2100 + 50 * n) for n in range(9)], id="shared"),
        pytest.param([passed(10)] * 9 + [passed(200)], id="uneven by little"),
        pytest.param([FAILED] * 9, id="without any"),
    ],
)
def test_times_like_these_are_nothing_to_wonder_about(runs: list[Run]) -> None:
    assert list(Repeats(runs, 60_000).hints()) == []


@given(st.lists(st.integers(0, 10**9), max_size=200))
def test_bars_are_at_most_forty_and_the_longest_is_full(times_us: list[int]) -> None:
    bars = spark(times_us)
    assert len(bars) <= 40
    assert bool(any(times_us)) == ("█" in bars)


def test_the_summary_is_plain_json() -> None:
    found = Repeats([passed(1), FAILED, BUSY], 60_000)
    summary = json.loads(json.dumps(found.to_dict()))
    assert (summary["passed"], summary["failed"], summary["inconclusive"]) == (1, 1, 1)
    assert summary["standing"] == "flaky"
    assert summary["passed_share_95"][0] < 0.5 < summary["passed_share_95"][1]


def shown(found: Repeats) -> str:
    console = Console(width=200, highlight=False)
    with console.capture() as capture:
        found.show(console)
    return capture.get()
