from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from prober import conventions as names
from prober.journal.journal import Journal
from prober.journal.outbox import Entry
from prober.journal.tally import VITALS
from prober.model import (
    Cause,
    Exchange,
    Gap,
    Kind,
    Outcome,
    Party,
    Phase,
    Record,
    Run,
    RunId,
    Schedule,
    SlotReason,
    SlotState,
    Step,
)
from prober.telemetry import decode, encode
from prober.telemetry.resource import resource_of
from prober.telemetry.totals import Reading

RESOURCE = resource_of("eu-west-1", "0", "1", {})

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
times_ms = st.integers(-(2**40), 2**52)
spans_us = st.integers(0, 2**45)
outcomes = st.sampled_from(Outcome)
counts = st.dictionaries(text, st.integers(0, 1000), max_size=3)
steps = st.builds(
    Step,
    name=text,
    offset_us=spans_us,
    duration_us=spans_us,
    outcome=outcomes,
    vitals=st.dictionaries(st.sampled_from(sorted(VITALS)), spans_us, max_size=4),
    network=st.dictionaries(st.sampled_from(sorted(Exchange)).map(str), spans_us),
    weight=st.dictionaries(st.sampled_from(sorted(Party)).map(str), st.integers(0, 2**45)),
)
runs = st.builds(
    Run,
    id=st.builds(RunId, text, text, times_ms, st.integers(1, 9), st.sampled_from(Kind)),
    outcome=outcomes,
    cause=st.none() | st.sampled_from(Cause),
    step=st.none() | text,
    message=st.none() | text,
    started_ms=times_ms,
    finished_ms=times_ms,
    start_delay_us=spans_us,
    duration_us=spans_us,
    steps=st.lists(steps, max_size=3).map(tuple),
    phases=st.dictionaries(st.sampled_from(Phase), spans_us),
    responses=counts,
    third_party=counts,
    page_errors=counts,
    assertions=st.integers(0, 99),
    held=st.dictionaries(text, st.booleans(), max_size=3),
    regime=st.dictionaries(text, text, max_size=3),
    host=st.dictionaries(text, st.floats(-(2**53), 2**53), max_size=3),
    evidence=st.dictionaries(text, st.lists(text, max_size=3).map(tuple), max_size=3),
    artefacts=st.lists(text, max_size=3).map(tuple),
)
gaps = st.builds(
    lambda first_ms, more_ms, count, **rest: Gap(
        first_ms=first_ms, last_ms=first_ms + more_ms, count=min(count, more_ms + 1), **rest
    ),
    first_ms=times_ms,
    more_ms=st.integers(0, 2**40),
    journey=text,
    region=text,
    count=st.integers(1, 2**40),
    state=st.sampled_from([SlotState.SKIPPED, SlotState.MISSED]),
    reason=st.sampled_from(SlotReason),
)
schedules = st.builds(
    Schedule,
    journey=text,
    region=text,
    from_ms=times_ms,
    every_ms=st.integers(0, 2**40),
    phase_ms=times_ms,
)
anything = st.lists(runs | gaps | schedules, max_size=6)


def sent(*records: Record) -> bytes:
    return encode.logs([Entry(n, n, record) for n, record in enumerate(records)], RESOURCE)


def sent_as(event: str, body: Any) -> bytes:
    """A logs request as another sender might write it, with a good run after the event."""
    request = ExportLogsServiceRequest()
    log = request.resource_logs.add().scope_logs.add().log_records.add()
    log.event_name = event
    log.body.string_value = body if isinstance(body, str) else json.dumps(body)
    return request.SerializeToString()


@settings(deadline=None, max_examples=60)
@given(anything)
def test_what_was_encoded_is_decoded(records: list[Record]) -> None:
    decoded = decode.records(sent(*records))
    assert decoded.records == records
    assert (decoded.rejected, decoded.skipped, decoded.first_error) == (0, 0, "")


@settings(deadline=None, max_examples=60)
@given(anything)
def test_the_same_records_give_the_same_bytes(records: list[Record]) -> None:
    assert sent(*records) == sent(*decode.records(sent(*records)).records)


@settings(deadline=None, max_examples=40)
@given(records=anything)
def test_traces_can_be_made_of_every_record(records: list[Record]) -> None:
    entries = [Entry(n, n, record) for n, record in enumerate(records)]
    assert encode.traces(entries, RESOURCE) == encode.traces(entries, RESOURCE)


def test_events_of_others_are_skipped_and_counted() -> None:
    decoded = decode.records(sent_as("device.app.lifecycle", "{}"))
    assert (decoded.records, decoded.skipped, decoded.rejected) == ([], 1, 0)


def a_step(**more: Any) -> tuple[str, Any]:
    """The only one of its run."""
    return "steps", [{"name": "a", "offset_us": 0, "duration_us": 1, "outcome": "passed"} | more]


SENSELESS: dict[str, tuple[str, Any]] = {
    "a duration that is text": ("duration_us", "1200"),
    "a duration that is true": ("duration_us", True),
    "a duration below 0": ("duration_us", -1),
    "a number that SQLite cannot hold": ("finished_ms", 2**63),
    "an outcome that does not exist": ("outcome", "great"),
    "a cause that does not exist": ("cause", "weather"),
    "a message that is a list": ("message", ["x"]),
    "steps that are no list": ("steps", 7),
    "a step without a duration": ("steps", [{"name": "pay"}]),
    "a vital that nobody knows": a_step(vitals={"x": 1}),
    "a part of an exchange that nobody knows": a_step(network={"x": 1}),
    "a party that nobody knows": a_step(weight={"x": 1}),
    "a weight below 0": a_step(weight={"first_party": -1}),
    "a weight beyond all that is sent": a_step(weight={"third_party": 2**46}),
    "a weight that is no whole number": a_step(weight={"first_party": 0.5}),
    "a phase that does not exist": ("phases", {"lunch": 1}),
    "a duration of more than a year": ("duration_us", 2**46),
    "a wait that no journal can hold": ("host", {"cpu_wait": 1e300}),
    "a wait of more than a year": ("host", {"cpu_wait": 1e10}),
    "a load that is no number": ("host", {"cpu": float("nan")}),
    "text that cannot be written down": ("message", "\ud800"),
    "a key that is not ours": ("colour", "red"),
    "an identity that is text": ("id", "checkout"),
    "an assertion that held once": ("held", {"order-total": 1}),
    "an assertion that held nobody knows": ("held", {"order-total": None}),
    "evidence that is text": ("evidence", {"console": 1}),
}


@pytest.mark.parametrize(("key", "value"), SENSELESS.values(), ids=SENSELESS)
def test_a_run_is_rejected_for(key: str, value: Any, run: Callable[..., Run]) -> None:
    body = json.loads(run().to_json()) | {key: value}
    decoded = decode.records(sent_as("prober.run", body) + sent(run(1)))
    assert decoded.records == [run(1)]
    assert decoded.rejected == 1
    assert decoded.first_error.startswith("prober.run: ")


@pytest.mark.parametrize(
    ("event", "body"),
    [
        pytest.param("prober.run", "{", id="broken JSON"),
        pytest.param("prober.run", "", id="no body"),
        pytest.param("prober.run", "[" * 100_000, id="JSON deeper than the stack"),
        pytest.param("prober.gap", {"count": 0}, id="a gap without slots"),
        pytest.param("prober.gap", {"state": "completed"}, id="a gap of completed slots"),
        pytest.param("prober.gap", {"count": 2}, id="a gap of more slots than milliseconds"),
        pytest.param(
            "prober.gap", {"count": 2**41, "last_ms": 2**50}, id="a gap of endlessly many slots"
        ),
        pytest.param("prober.gap", {"last_ms": -1}, id="a gap that ends before it begins"),
        pytest.param("prober.schedule", {"every_ms": -1}, id="a schedule that runs backwards"),
    ],
)
def test_an_event_is_rejected_alone(event: str, body: Any, run: Callable[..., Run]) -> None:
    whole: dict[str, Gap | Schedule] = {
        "prober.gap": Gap(
            journey="j", region="r", first_ms=0, last_ms=0, count=1,
            state=SlotState.MISSED, reason=SlotReason.DOWN,
        ),
        "prober.schedule": Schedule(journey="j", region="r", from_ms=0, every_ms=1, phase_ms=0),
    }  # fmt: skip
    if isinstance(body, dict):
        body = json.loads(whole[event].to_json()) | body
    decoded = decode.records(sent_as(event, body) + sent(run()))
    assert (decoded.records, decoded.rejected) == ([run()], 1)


@pytest.mark.parametrize("read", [decode.records, decode.claims])
def test_what_is_no_request_is_a_value_error(read: Callable[[bytes], object]) -> None:
    with pytest.raises(ValueError, match="not an Export"):
        read(b"<html>hello</html>")


def test_the_totals_an_agent_claims_are_those_of_its_journal(
    journal: Callable[[], Journal], run: Callable[..., Run]
) -> None:
    opened = journal()
    opened.write([run(0), run(1), run(2, outcome=Outcome.FAILED, cause=Cause.TIMEOUT)])
    claimed = decode.claims(encode.metrics(opened, 1, (), RESOURCE)).runs
    assert claimed == {
        ("checkout", "eu-west-1", "passed", None): 2,
        ("checkout", "eu-west-1", "failed", "timeout"): 1,
    }


def test_of_two_claims_for_one_series_the_larger_is_the_newer(
    journal: Callable[[], Journal], run: Callable[..., Run]
) -> None:
    opened, bodies = journal(), []
    for n in range(2):
        opened.write([run(n)])
        bodies.append(encode.metrics(opened, n, (), RESOURCE))
    key = ("checkout", "eu-west-1", "passed", None)
    assert decode.claims(bodies[1] + bodies[0]).runs == {key: 2}


def orphaned(count: float, journey: str = "order") -> Reading:
    """What an agent says of one journey."""
    return Reading(names.ORPHANS, {names.REGION: "eu-west-1", names.JOURNEY: journey}, count)


def test_of_two_numbers_of_orphans_the_later_is_the_newer(journal: Callable[[], Journal]) -> None:
    opened = journal()
    bodies = [
        encode.metrics(opened, at_ms, [orphaned(count), orphaned(0, "login")], RESOURCE)
        for at_ms, count in ((1000, 3), (2000, 1))
    ]
    login = {("login", "eu-west-1"): (2000, 0)}
    for body in (bodies[0] + bodies[1], bodies[1] + bodies[0]):
        assert decode.claims(body).orphans == {("order", "eu-west-1"): (2000, 1)} | login


@pytest.mark.parametrize("count", [-1, float("nan"), float("inf"), 2.0**60])
def test_what_is_no_number_of_orphans_costs_nobody_else(
    journal: Callable[[], Journal], count: float
) -> None:
    body = encode.metrics(journal(), 1000, [orphaned(count), orphaned(2, "login")], RESOURCE)
    assert decode.claims(body).orphans == {("login", "eu-west-1"): (1000, 2)}
