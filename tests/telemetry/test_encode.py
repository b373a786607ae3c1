from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from prober import conventions as names
from prober.journal.journal import Journal
from prober.journal.outbox import Entry
from prober.journal.tally import Rule
from prober.model import Cause, Gap, Outcome, Record, Run, Schedule, SlotReason, SlotState, Step
from prober.telemetry import encode
from prober.telemetry.resource import resource_of
from prober.telemetry.totals import Reading, attributes_of

RESOURCE = resource_of("eu-west-1", "0", "1.2.3", {})
FAILED = {"outcome": Outcome.FAILED, "cause": Cause.TIMEOUT, "step": "pay", "message": "no button"}


def flat(attributes: Any) -> dict[str, Any]:
    def value(pair: KeyValue) -> Any:
        return getattr(pair.value, pair.value.WhichOneof("value") or "")

    return {pair.key: value(pair) for pair in attributes}


def only_log(record: Record) -> Any:
    body = encode.logs([Entry(1, 5000, record)], RESOURCE)
    return ExportLogsServiceRequest.FromString(body).resource_logs[0].scope_logs[0].log_records[0]


def spans(*runs: Run) -> list[Span]:
    body = encode.traces([Entry(n, 5000, run) for n, run in enumerate(runs)], RESOURCE)
    scope = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0]
    return list(scope.spans)


def metrics(journal: Journal, *readings: Reading, **more: Any) -> dict[str, Metric]:
    body = encode.metrics(journal, 2_000_000_000_000, readings, RESOURCE, **more)
    scope = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0]
    return {metric.name: metric for metric in scope.metrics}


def test_a_runs_log_says_what_a_filter_asks_for(run: Callable[..., Run]) -> None:
    failed = run(**FAILED)
    log = only_log(failed)
    assert flat(log.attributes) == {
        "prober.journey": "checkout",
        "prober.region": "eu-west-1",
        "prober.outcome": "failed",
        "error.type": "timeout",
        "prober.step": "pay",
        "prober.attempt": 1,
        "prober.kind": "scheduled",
        "prober.slot.time": failed.id.slot_ms,
        "prober.key": failed.id.digest().hex(),
        "user_agent.synthetic.type": "test",
    }
    assert log.event_name == "prober.run"
    assert log.body.string_value == failed.to_json()
    assert log.time_unix_nano == failed.finished_ms * 1_000_000
    assert log.observed_time_unix_nano == 5_000_000_000
    assert (log.trace_id, log.span_id) == (failed.id.trace_id, failed.id.span_id())


@pytest.mark.parametrize(
    ("outcome", "severity"),
    [(Outcome.PASSED, "INFO"), (Outcome.FAILED, "ERROR"), (Outcome.INCONCLUSIVE, "WARN")],
)
def test_severity_follows_the_outcome(
    outcome: Outcome, severity: str, run: Callable[..., Run]
) -> None:
    assert only_log(run(outcome=outcome)).severity_text == severity


def test_gaps_and_schedules_travel_as_events_too() -> None:
    gap = Gap(
        journey="checkout", region="eu-west-1", first_ms=1000, last_ms=3000, count=3,
        state=SlotState.SKIPPED, reason=SlotReason.OVERLAP,
    )  # fmt: skip
    log = only_log(gap)
    assert (log.event_name, log.time_unix_nano) == ("prober.gap", 3_000_000_000)
    assert flat(log.attributes)["prober.slot.reason"] == "overlap"
    schedule = Schedule(journey="j", region="r", from_ms=7, every_ms=60_000, phase_ms=0)
    assert only_log(schedule).event_name == "prober.schedule"


def test_a_trace_is_the_journey_with_its_steps_inside(run: Callable[..., Run]) -> None:
    steps = (
        Step(
            name="open", offset_us=0, duration_us=300_000, outcome=Outcome.PASSED,
            vitals={"lcp": 250_000}, weight={"first_party": 412_300},
        ),
        Step(name="pay", offset_us=400_000, duration_us=100_000, outcome=Outcome.FAILED),
    )  # fmt: skip
    failed = run(steps=steps, **FAILED)
    journey, first, second = spans(failed)
    start_ns = failed.started_ms * 1_000_000
    assert (journey.name, first.name, second.name) == ("checkout", "open", "pay")
    assert (journey.start_time_unix_nano, journey.end_time_unix_nano) == (
        start_ns,
        start_ns + 500_000_000,
    )
    assert second.start_time_unix_nano == start_ns + 400_000_000
    assert first.parent_span_id == second.parent_span_id == journey.span_id
    assert journey.parent_span_id == b""
    assert {span.trace_id for span in (journey, first, second)} == {failed.id.trace_id}
    assert first.span_id == failed.id.span_id("open")
    assert journey.status.code == journey.status.STATUS_CODE_ERROR
    assert journey.status.message == "no button"
    assert first.status.code == journey.status.STATUS_CODE_OK
    assert flat(first.attributes)["prober.page.lcp"] == 0.25
    assert flat(first.attributes)["prober.page.weight.first_party"] == 412_300
    assert flat(journey.attributes)["user_agent.synthetic.type"] == "test"
    assert flat(journey.attributes)["error.type"] == "timeout"


def test_a_run_without_a_verdict_is_no_error_of_the_target(run: Callable[..., Run]) -> None:
    (journey, _) = spans(run(outcome=Outcome.INCONCLUSIVE, cause=Cause.BROWSER, message="gone"))
    assert journey.status.code == journey.status.STATUS_CODE_UNSET


def test_steps_of_the_same_name_are_different_spans(run: Callable[..., Run]) -> None:
    again = run(steps=run().steps * 3)
    assert len({span.span_id for span in spans(again)}) == 4


def test_entries_without_runs_make_no_trace() -> None:
    schedule = Schedule(journey="j", region="r", from_ms=7, every_ms=60_000, phase_ms=0)
    assert encode.traces([Entry(1, 1, schedule)], RESOURCE) == b""


def test_every_counter_is_cumulative_since_the_journals_birth(
    journal: Callable[[], Journal], run: Callable[..., Run]
) -> None:
    opened = journal()
    opened.count_zeros("eu-west-1", ["checkout"])
    opened.write([run(0), run(1, **FAILED)])
    sent = metrics(opened)
    counted = {
        (name, names.REGION in flat(point.attributes), str(sorted(flat(point.attributes).items()))):
        point.as_int
        for name, metric in sent.items()
        for point in metric.sum.data_points
    }  # fmt: skip
    assert counted == {
        (name, True, str(sorted(attributes_of(stored).items()))): value
        for name, stored, value in opened.counters()
    }
    points = [point for metric in sent.values() for point in metric.sum.data_points]
    assert {point.start_time_unix_nano for point in points} == {opened.birth_ms * 1_000_000}
    assert {point.time_unix_nano for point in points} == {2_000_000_000_000_000_000}
    assert sent["prober.runs"].sum.is_monotonic
    assert sent["prober.runs"].sum.aggregation_temporality == 2
    assert sent["prober.runs"].unit == "{run}"
    assert sent["prober.runs"].description == names.RUNS.meaning


def test_a_histogram_counts_every_value_and_divides_its_sum_once(
    journal: Callable[[], Journal], run: Callable[..., Run]
) -> None:
    opened = journal()
    opened.write([run(n, duration_us=100_001) for n in range(3)] + [run(9, duration_us=10**9)])
    (point,) = metrics(opened)["prober.run.duration"].histogram.data_points
    bounds = list(point.explicit_bounds)
    assert len(point.bucket_counts) == len(bounds) + 1
    assert point.bucket_counts[bounds.index(0.15)] == 3
    assert point.bucket_counts[-1] == 1
    assert point.count == 4
    assert point.sum == (3 * 100_001 + 10**9) / 1_000_000


def test_all_series_of_a_histogram_share_bounds_with_every_contract_threshold(
    journal: Callable[[], Journal], run: Callable[..., Run], tmp_path: Any
) -> None:
    rules = [Rule("slo", "fast", "login", 1_234_000, None)]
    opened = Journal.open(tmp_path / "ruled.db", rules)
    opened.write([run(0), run(1, journey="login")])
    opened.close()
    opened = Journal.open(tmp_path / "ruled.db", [])  # the contract is gone, its bucket is not
    opened.write([run(2, journey="login")])
    points = metrics(opened)["prober.run.duration"].histogram.data_points
    opened.close()
    assert len(points) == 2
    assert {tuple(point.explicit_bounds) for point in points} == {
        tuple(sorted([*(us / 1e6 for us in names.LADDER_US), 1.234]))
    }


def test_what_pages_weigh_is_counted_in_bytes(
    journal: Callable[[], Journal], run: Callable[..., Run]
) -> None:
    weight = {"first_party": 412_300, "third_party": 0}
    step = Step(name="open", offset_us=0, duration_us=1, outcome=Outcome.PASSED, weight=weight)
    opened = journal()
    opened.write([run(slot, steps=(step,)) for slot in range(3)])
    sent = metrics(opened)["prober.page.weight"]
    own, others = sent.histogram.data_points
    assert (sent.unit, own.sum, own.count, others.sum) == ("By", 3 * 412_300, 3, 0)
    assert own.explicit_bounds == list(names.WEIGHT_LADDER)
    assert own.bucket_counts[names.WEIGHT_LADDER.index(500_000)] == 3
    assert [flat(each.attributes)["prober.party"] for each in (own, others)] == [*weight]


def test_readings_are_gauges_or_counters_by_their_metric(
    journal: Callable[[], Journal],
) -> None:
    sent = metrics(
        journal(),
        Reading(names.JOURNAL_SIZE, {"prober.region": "eu-west-1"}, 4096),
        Reading(names.JOURNAL_RECORDS, {"prober.region": "eu-west-1"}, 7),
    )
    assert sent["prober.journal.size"].gauge.data_points[0].as_double == 4096
    assert sent["prober.journal.records"].sum.data_points[0].as_int == 7
    assert sent["prober.journal.records"].sum.is_monotonic


def test_a_bucket_points_at_the_newest_run_in_it(
    journal: Callable[[], Journal], run: Callable[..., Run]
) -> None:
    opened = journal()
    opened.write([run(0), run(1), run(2, took_ms=50)])
    shown = encode.exemplars(opened.outbox.entries(0, 99, 99), opened.tally)
    sent = metrics(opened, exemplars=shown)
    exemplars = sent["prober.run.duration"].histogram.data_points[0].exemplars
    assert {each.trace_id for each in exemplars} == {run(1).id.trace_id, run(2).id.trace_id}
    assert {each.as_double for each in exemplars} == {1.2, 0.05}
    steps = sent["prober.step.duration"].histogram.data_points[0].exemplars
    assert {each.span_id for each in steps} == {run(n).id.span_id("pay") for n in (1, 2)}
    for each in (*exemplars, *steps):
        (key,) = flat(each.filtered_attributes).items()
        assert key in {("prober.run.key", run(n).id.key) for n in (1, 2)}
        assert key[1].endswith(each.trace_id.hex())


def test_what_names_an_exemplars_run_is_short_enough_for_prometheus(
    run: Callable[..., Run],
) -> None:
    id = run().id._replace(slot_ms=9_999_999_999_999)  # in the year 2286
    labels = {
        names.RUN_KEY: id.key, "trace_id": id.trace_id.hex(), "span_id": id.span_id().hex(),
    }  # fmt: skip
    assert sum(len(name) + len(value) for name, value in labels.items()) <= 128


def test_equal_input_gives_equal_bytes(
    journal: Callable[[], Journal], run: Callable[..., Run]
) -> None:
    opened = journal()
    opened.write([run(n) for n in range(5)])
    first, second = (
        Reading(names.EXPORT_AGE, {"prober.destination": name}, 1.0) for name in ("a", "b")
    )
    assert encode.metrics(opened, 1, [first, second], RESOURCE) == encode.metrics(
        opened, 1, [second, first], dict(reversed(list(RESOURCE.items())))
    )
    packed = encode.compress(b"x" * 999)
    assert packed[4:8] == bytes(4), "the time stamp is left out"
    assert gzip.decompress(packed) == b"x" * 999


def test_an_upgrade_leaves_the_identity_of_metrics_alone(journal: Callable[[], Journal]) -> None:
    opened = journal()
    opened.count_zeros("eu-west-1", ["checkout"])
    bodies = [
        encode.metrics(opened, 1, (), resource_of("eu-west-1", "0", version, {}))
        for version in ("1.2.3", "1.3.0")
    ]
    assert bodies[0] == bodies[1]
