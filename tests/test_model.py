"""Records: equal ones give equal bytes, and come back as they were."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.model import (
    TARGET_CAUSES,
    Cause,
    Gap,
    Kind,
    Outcome,
    Phase,
    Run,
    RunId,
    Schedule,
    SlotReason,
    SlotState,
    Step,
    canonical,
)

TEXT = st.text(max_size=20)
NUMBERS = st.integers(-(2**53), 2**53)
COUNTS = st.dictionaries(TEXT, NUMBERS, max_size=3)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=20)
IDS = st.builds(RunId, NAMES, NAMES, NUMBERS, NUMBERS, st.sampled_from(Kind))
STEPS = st.builds(
    Step,
    name=TEXT,
    offset_us=NUMBERS,
    duration_us=NUMBERS,
    outcome=st.sampled_from(Outcome),
    vitals=COUNTS,
    network=COUNTS,
    weight=COUNTS,
)
RUNS = st.builds(
    Run,
    id=IDS,
    outcome=st.sampled_from(Outcome),
    cause=st.none() | st.sampled_from(Cause),
    step=st.none() | TEXT,
    message=st.none() | TEXT,
    started_ms=NUMBERS,
    finished_ms=NUMBERS,
    start_delay_us=NUMBERS,
    duration_us=NUMBERS,
    steps=st.lists(STEPS, max_size=3).map(tuple),
    phases=st.dictionaries(st.sampled_from(Phase), NUMBERS),
    responses=COUNTS,
    third_party=COUNTS,
    page_errors=COUNTS,
    assertions=NUMBERS,
    held=st.dictionaries(TEXT, st.booleans(), max_size=3),
    regime=st.dictionaries(TEXT, TEXT, max_size=3),
    host=st.dictionaries(TEXT, st.floats(allow_nan=False), max_size=3),
    evidence=st.dictionaries(TEXT, st.lists(TEXT, max_size=3).map(tuple), max_size=3),
    artefacts=st.lists(TEXT, max_size=3).map(tuple),
)
GAPS = st.builds(
    Gap,
    journey=TEXT,
    region=TEXT,
    first_ms=NUMBERS,
    last_ms=NUMBERS,
    count=NUMBERS,
    state=st.sampled_from(SlotState),
    reason=st.sampled_from(SlotReason),
)
SCHEDULES = st.builds(
    Schedule, journey=TEXT, region=TEXT, from_ms=NUMBERS, every_ms=NUMBERS, phase_ms=NUMBERS
)


@given(st.one_of(RUNS, GAPS, SCHEDULES))
def test_a_record_comes_back_as_it_was_and_gives_the_same_bytes(
    record: Run | Gap | Schedule,
) -> None:
    text = record.to_json()
    back = type(record).from_json(text.encode())
    assert back == record
    assert back.to_json() == text
    assert "\n" not in text, "one line"


def make_run(**changes: object) -> Run:
    given = {
        "id": RunId("checkout", "eu-west-1", 5, 1, Kind.SCHEDULED),
        "outcome": Outcome.FAILED,
        "started_ms": 1,
        "finished_ms": 2,
        "duration_us": 3,
    }
    return Run(**given | changes)  # type: ignore[arg-type]  # as each test wants it


def without(key: str) -> Callable[[dict[str, object]], object]:
    return lambda raw: {name: value for name, value in raw.items() if name != key}


def test_a_record_from_before_assertions_had_names_is_read() -> None:
    run = make_run()
    raw = without("held")(json.loads(run.to_json()))
    assert Run.from_json(json.dumps(raw)) == run


def test_a_step_from_before_it_was_weighed_is_read_and_one_without_weight_looks_the_same() -> None:
    step = Step(name="open", offset_us=0, duration_us=1, outcome=Outcome.PASSED)
    run = make_run(steps=(step,))
    [raw] = json.loads(run.to_json())["steps"]
    assert raw.keys() == {"name", "offset_us", "duration_us", "outcome", "vitals"}
    assert Run.from_json(run.to_json()).steps == (step,)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(without("id"), id="it has no identity"),
        pytest.param(without("steps"), id="it has no steps"),
        pytest.param(lambda raw: raw | {"outcome": "splendid"}, id="its outcome is unknown"),
        pytest.param(lambda raw: raw | {"cause": "moon"}, id="its cause is unknown"),
        pytest.param(lambda raw: raw | {"more": 1}, id="it has a field too many"),
        pytest.param(lambda raw: raw | {"steps": [1]}, id="a step is a number"),
        pytest.param(lambda raw: raw | {"phases": []}, id="its phases are a list"),
        pytest.param(lambda raw: raw | {"phases": {"nap": 1}}, id="a phase is unknown"),
        pytest.param(lambda raw: [raw], id="it is a list"),
        pytest.param(lambda raw: None, id="it is nothing"),
    ],
)
def test_what_is_no_run_record_is_a_value_error(
    damage: Callable[[dict[str, object]], object],
) -> None:
    raw = json.loads(make_run().to_json())
    with pytest.raises(ValueError):  # noqa: PT011  # several kinds of text are meant
        Run.from_json(json.dumps(damage(raw)))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "1", "null", '"text"', '{"state": 1}'])
@pytest.mark.parametrize("kind", [Run, Gap, Schedule])
def test_what_is_no_record_at_all_is_a_value_error(
    kind: type[Run] | type[Gap] | type[Schedule], text: str
) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # several kinds of text are meant
        kind.from_json(text)


@given(st.dictionaries(TEXT, NUMBERS))
def test_canonical_text_does_not_depend_on_the_order_of_keys(value: dict[str, int]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical(value) == canonical(backwards)


@given(IDS, IDS)
def test_runs_share_ids_of_traces_only_with_themselves(one: RunId, other: RunId) -> None:
    assert len(one.trace_id) == 16
    assert len(one.span_id()) == len(one.span_id("pay")) == 8
    assert one.span_id() != one.span_id("pay")
    assert (one.trace_id == other.trace_id) == (one == other)


def test_trace_ids_are_the_same_in_every_process() -> None:
    program = (
        "from prober.model import RunId, Kind;"
        "print(RunId('checkout', 'eu-west-1', 5, 1, Kind.SCHEDULED).trace_id.hex())"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == make_run().id.trace_id.hex()


@pytest.mark.parametrize(
    ("outcome", "responses", "silent"),
    [
        (Outcome.FAILED, {}, True),
        (Outcome.FAILED, {"2xx": 9, "4xx": 1, "none": 1}, True),
        (Outcome.FAILED, {"5xx": 0}, True),
        (Outcome.FAILED, {"5xx": 1}, False),
        (Outcome.PASSED, {}, False),
        (Outcome.INCONCLUSIVE, {}, False),
    ],
)
def test_a_silent_failure_is_one_without_a_5xx(
    outcome: Outcome, responses: dict[str, int], silent: bool
) -> None:
    assert make_run(outcome=outcome, responses=responses).silent is silent


def test_a_third_party_5xx_makes_no_failure_loud() -> None:
    assert make_run(third_party={"5xx": 3}).silent


@pytest.mark.parametrize(
    ("kind", "attempt", "counts"),
    [(Kind.SCHEDULED, 1, True), (Kind.SCHEDULED, 2, False), (Kind.MANUAL, 1, False)],
)
def test_only_scheduled_first_attempts_count(kind: Kind, attempt: int, counts: bool) -> None:
    assert make_run(id=RunId("checkout", "eu-west-1", 5, attempt, kind)).counts is counts


def test_causes_are_divided_as_promised() -> None:
    ours = {"browser", "worker", "saturated", "egress", "script", "secrets", "cancelled"}
    assert {str(cause) for cause in set(Cause) - TARGET_CAUSES} == ours


@given(
    every_ms=st.integers(1, 1000),
    phase_ms=st.integers(0, 1000),
    from_ms=st.integers(-5000, 5000),
    cuts=st.lists(st.integers(-5000, 5000), min_size=2, max_size=6),
)
def test_slots_of_adjoining_windows_add_up(
    every_ms: int, phase_ms: int, from_ms: int, cuts: list[int]
) -> None:
    schedule = Schedule(
        journey="j", region="r", from_ms=from_ms, every_ms=every_ms, phase_ms=phase_ms
    )
    cuts.sort()
    parts = [schedule.count(a, b) for a, b in pairwise(cuts)]
    assert sum(parts) == schedule.count(cuts[0], cuts[-1])
    first = schedule.first_at(cuts[0])
    assert 0 <= first - cuts[0] < every_ms
    assert (first - phase_ms) % every_ms == 0


def test_an_ended_schedule_has_no_slots() -> None:
    ended = Schedule(journey="j", region="r", from_ms=0, every_ms=0, phase_ms=0)
    assert ended.count(0, 10**12) == 0
