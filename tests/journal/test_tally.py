"""What records add to the lifetime totals."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober import conventions as names
from prober.journal.tally import UNBOUNDED, Rule, Tally, effect, rules_of, within
from prober.model import (
    TARGET_CAUSES,
    Cause,
    EffectState,
    Exchange,
    Gap,
    Kind,
    Outcome,
    Party,
    Phase,
    Run,
    RunId,
    Schedule,
    SlotReason,
    SlotState,
    Step,
)
from prober.slo.format import load

MakeRun = Callable[..., Run]
AVAILABLE = Rule("slo", "availability", "checkout", None, None)
FAST = Rule("slo", "fast", "checkout", 800_000, None)
FAST_PAY = Rule("slo", "pay", "checkout", 500_000, "pay")
CORRECT = Rule("slo", "correct", "checkout", None, None, "order-total")
TALLY = Tally((AVAILABLE, FAST, FAST_PAY, CORRECT))


def increments(record: Any, metric: names.Metric, tally: Tally = TALLY) -> list[dict[str, str]]:
    found = [each for each in tally.increments(record) if each.metric == metric.name]
    assert all(each.value == 1 for each in found)
    return [json.loads(each.attributes) for each in found]


def test_a_run_that_passed_counts_once_everywhere(run: MakeRun) -> None:
    where = {"prober.region": "eu-west-1", "prober.journey": "checkout"}
    assert increments(run(), names.RUNS) == [where | {"prober.outcome": "passed"}]
    assert increments(run(), names.SLOTS) == [where | {"prober.slot.state": "completed"}]
    assert increments(run(), names.SILENT_FAILURES) == []


def test_a_failed_run_says_its_cause_and_whether_it_was_silent(run: MakeRun) -> None:
    failed = run(0, Outcome.FAILED)
    (counted,) = increments(failed, names.RUNS)
    assert counted["error.type"] == "assertion"
    assert len(increments(failed, names.SILENT_FAILURES)) == 1
    loud = run(0, Outcome.FAILED, responses={"5xx": 1})
    assert increments(loud, names.SILENT_FAILURES) == []


def results(record: Run) -> list[str]:
    """Of the objectives, as the first of its slot that gave a verdict."""
    found = list(TALLY.events(record))
    assert all((each.metric, each.value) == (names.SLI_EVENTS.name, 1) for each in found)
    return [json.loads(each.attributes)["prober.result"] for each in found]


def test_an_inconclusive_run_enters_no_objective(run: MakeRun) -> None:
    assert results(run(0, Outcome.INCONCLUSIVE, held={"order-total": True})) == []


def test_an_assertion_is_an_event_where_it_was_reached(run: MakeRun) -> None:
    failed = Outcome.FAILED
    assert results(run(0, failed)) == ["bad"] * 3
    assert results(run(0, failed, held={"order-total": False})) == ["bad"] * 4
    assert results(run(0, failed, held={"order-total": True})) == [*["bad"] * 3, "good"]


@pytest.mark.parametrize(
    ("took_us", "expected"),
    [(500_000, "good good good"), (500_001, "good good bad"), (800_001, "good bad bad")],
)
def test_an_objective_is_met_up_to_and_on_its_threshold(
    run: MakeRun, took_us: int, expected: str
) -> None:
    assert results(run(0, took_us=took_us)) == expected.split()


def test_a_failed_run_is_bad_however_quick(run: MakeRun) -> None:
    assert results(run(0, Outcome.FAILED, took_us=1)) == ["bad"] * 3


def test_a_step_that_did_not_happen_was_not_in_time(run: MakeRun) -> None:
    assert not within(run(0, steps=()), "pay", 10**9)


def test_of_a_repeated_step_the_slowest_decides(run: MakeRun) -> None:
    steps = tuple(
        Step(name="pay", offset_us=0, duration_us=us, outcome=Outcome.PASSED) for us in (9, 11)
    )
    assert within(run(0, steps=steps), "pay", 11)
    assert not within(run(0, steps=steps), "pay", 10)


@pytest.mark.parametrize("outcome", Outcome)
def test_a_confirmation_is_counted_as_one_and_nowhere_else(run: MakeRun, outcome: Outcome) -> None:
    record = run(0, outcome, phases={Phase.LAUNCH: 5}, attempt=2)
    (counted,) = TALLY.increments(record)
    assert (counted.metric, counted.value) == (names.CONFIRMATIONS.name, 1)
    assert json.loads(counted.attributes)["prober.outcome"] == str(outcome)
    assert list(TALLY.observations(record)) == []


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_run_that_was_asked_for_by_hand_adds_nothing(run: MakeRun, attempt: int) -> None:
    fields = {"kind": Kind.MANUAL, "attempt": attempt}
    record = run(0, Outcome.FAILED, phases={Phase.LAUNCH: 5}, **fields)
    assert list(TALLY.increments(record)) == []
    assert list(TALLY.observations(record)) == []


def test_a_schedule_adds_nothing() -> None:
    record = Schedule(journey="checkout", region="r", from_ms=0, every_ms=1, phase_ms=0)
    assert list(TALLY.increments(record)) == []
    assert list(TALLY.observations(record)) == []


def test_a_gap_counts_every_slot_in_it() -> None:
    record = Gap(
        journey="checkout",
        region="r",
        first_ms=0,
        last_ms=10,
        count=259_201,
        state=SlotState.SKIPPED,
        reason=SlotReason.PAUSED,
    )
    (counted,) = TALLY.increments(record)
    assert counted.value == 259_201
    assert json.loads(counted.attributes)["prober.slot.state"] == "skipped"


@given(
    outcome=st.sampled_from(Outcome),
    durations=st.lists(st.integers(0, 400_000_000), max_size=5),
    phases=st.dictionaries(st.sampled_from(Phase), st.integers(0, 10**9)),
    vitals=st.dictionaries(st.sampled_from(["ttfb", "fcp", "lcp", "cls"]), st.integers(0, 10**8)),
    network=st.dictionaries(st.sampled_from(Exchange), st.integers(0, 10**8)),
    weight=st.dictionaries(st.sampled_from(Party), st.integers(0, 10**9)),
)
def test_every_value_is_in_one_bucket_whose_bounds_hold_it(
    outcome: Outcome,
    durations: list[int],
    phases: dict[Phase, int],
    vitals: dict[str, int],
    network: dict[str, int],
    weight: dict[str, int],
) -> None:
    parts: dict[str, Any] = {"vitals": vitals, "network": network, "weight": weight}
    steps = tuple(
        Step(name=f"s{n}", offset_us=0, duration_us=us, outcome=Outcome.PASSED, **parts)
        for n, us in enumerate(durations)
    )
    record = Run(
        id=RunId("checkout", "r", 0, 1, Kind.SCHEDULED),
        outcome=outcome,
        started_ms=0,
        finished_ms=1,
        duration_us=sum(durations),
        steps=steps,
        phases=phases,
    )
    seen = list(TALLY.observations(record))
    counted = Counter(each.metric for each in seen)
    assert counted[names.RUN_DURATION.name] == (outcome is not Outcome.INCONCLUSIVE)
    has_verdict = outcome is not Outcome.INCONCLUSIVE
    assert counted[names.STEP_DURATION.name] == len(steps) * has_verdict
    assert counted[names.PHASE_DURATION.name] == len(phases)
    page = sum(n for metric, n in counted.items() if metric.startswith("prober.page."))
    assert page == len(steps) * (len(vitals) + len(weight)) * has_verdict
    assert counted[names.PAGE_WEIGHT.name] == len(steps) * len(weight) * has_verdict
    assert counted[names.NETWORK_DURATION.name] == len(steps) * len(network) * has_verdict
    for each in seen:
        own = {names.PAGE_CLS.name: names.CLS_LADDER, names.PAGE_WEIGHT.name: names.WEIGHT_LADDER}
        bounds = own.get(each.metric, TALLY.ladder("checkout"))
        below = max((bound for bound in (-1, *bounds) if bound < each.le), default=-1)
        assert each.value <= each.le
        if each.metric in (names.RUN_DURATION.name, names.STEP_DURATION.name, *own):
            assert each.value > below
        assert each.le in (*bounds, UNBOUNDED)


@pytest.mark.parametrize(
    "host", [{"cpu_wait": 0.25, "watched": 2.0}, {"watched": 2.0}], ids=["is seen", "is not known"]
)
def test_what_a_run_waited_for_processors(run: MakeRun, host: dict[str, float]) -> None:
    record = run(0, Outcome.INCONCLUSIVE, host=host)
    seen = [each for each in TALLY.observations(record) if each.metric == names.RUN_CPU_WAIT.name]
    assert [(each.value, each.le) for each in seen] == [(250_000, 300_000)] * ("cpu_wait" in host)


def test_a_contract_s_threshold_is_a_bound_of_its_journey_alone() -> None:
    assert {500_000, 800_000} <= set(TALLY.ladder("checkout"))
    assert 800_000 not in TALLY.ladder("login")
    assert TALLY.ladder("checkout") == tuple(sorted(TALLY.ladder("checkout")))


def test_zeros_name_every_series_that_a_run_or_slot_can_ever_count(run: MakeRun) -> None:
    zeros = {(z.metric, z.attributes) for z in TALLY.zeros("eu-west-1", ["checkout"])}
    for cause in Cause:
        outcome = Outcome.FAILED if cause in TARGET_CAUSES else Outcome.INCONCLUSIVE
        for each in TALLY.increments(run(0, outcome, cause=cause)):
            assert (each.metric, each.attributes) in zeros
    for outcome in Outcome:
        for each in TALLY.increments(run(0, outcome, attempt=2)):
            assert (each.metric, each.attributes) in zeros
    for state in EffectState:
        assert effect("eu-west-1", "checkout", state)[:2] in zeros
    for each in [*TALLY.increments(run(0)), *TALLY.events(run(0, held={"order-total": False}))]:
        assert (each.metric, each.attributes) in zeros
    assert len(zeros) == len(list(TALLY.zeros("eu-west-1", ["checkout"]))), "each once"


def test_objectives_become_rules(tmp_path: Path) -> None:
    objectives = """\
    - {name: availability, sli: success, target: "99%"}
    - {name: fast, sli: {latency: {threshold: 8s}}, target: "99%"}
    - {name: pay, sli: {latency: {threshold: 2s, step: pay}}, target: "99%"}
    - {name: total, sli: {assertion: order-total}, target: "99%"}
"""
    path = tmp_path / "checkout.slo.yaml"
    path.write_text(CONTRACT.format(objectives=objectives))
    assert rules_of([load(path)]) == (
        Rule("checkout", "availability", "checkout", None, None),
        Rule("checkout", "fast", "checkout", 8_000_000, None),
        Rule("checkout", "pay", "checkout", 2_000_000, "pay"),
        Rule("checkout", "total", "checkout", None, None, "order-total"),
    )


CONTRACT = """\
apiVersion: prober/v1
kind: SLO
metadata: {{name: checkout}}
spec:
  description: Customers get their order
  journey: checkout
  owners: {{product: pm, sre: sre}}
  rationale: complaints start below
  objectives:
{objectives}
  windows: [{{name: rolling, duration: 30d}}]
"""
