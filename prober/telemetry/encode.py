"""Journal rows as OTLP: equal input gives equal bytes, in every process.

Runs, gaps and schedules travel as logs whose body is the whole record; the attributes beside
it are for people and filters. Runs are traces as well. Metrics are the lifetime totals.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1 import logs_pb2 as otlp_logs
from opentelemetry.proto.metrics.v1 import metrics_pb2 as otlp_metrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as OtlpResource
from opentelemetry.proto.trace.v1 import trace_pb2 as otlp_trace

from prober import conventions as names
from prober.journal.journal import Journal
from prober.journal.outbox import Entry
from prober.journal.tally import UNBOUNDED, VITALS, Tally
from prober.model import Gap, Outcome, Record, Run, RunId, Schedule, Step
from prober.telemetry.resource import Resource
from prober.telemetry.totals import (
    PER_UNIT,
    Counter,
    Distribution,
    Histogram,
    Reading,
    Totals,
    attributes_of,
    by_metric,
)

_INFO, _WARN, _ERROR = (
    otlp_logs.SEVERITY_NUMBER_INFO,
    otlp_logs.SEVERITY_NUMBER_WARN,
    otlp_logs.SEVERITY_NUMBER_ERROR,
)
_SEVERITY = {Outcome.PASSED: _INFO, Outcome.FAILED: _ERROR, Outcome.INCONCLUSIVE: _WARN}
_SEVERITY_TEXT = {_INFO: "INFO", _WARN: "WARN", _ERROR: "ERROR"}
#: Nothing is said about the target by a run without a verdict.
_STATUS = {
    Outcome.PASSED: otlp_trace.Status.STATUS_CODE_OK,
    Outcome.FAILED: otlp_trace.Status.STATUS_CODE_ERROR,
    Outcome.INCONCLUSIVE: otlp_trace.Status.STATUS_CODE_UNSET,
}
_CUMULATIVE = otlp_metrics.AGGREGATION_TEMPORALITY_CUMULATIVE
_SAMPLED = 1
_LATEST_NS = 2**64 - 1

Attributes = Mapping[str, str | int | float]


class Exemplar(NamedTuple):
    """One run that a histogram's bucket stands for."""

    time_ms: int
    value: int
    run: RunId
    span_id: bytes


#: By metric, attributes in canonical JSON, and upper bound of the bucket.
Exemplars = Mapping[tuple[str, str, int], Exemplar]


def compress(body: bytes) -> bytes:
    """Gzip without a time stamp: equal input gives equal bytes."""
    return gzip.compress(body, mtime=0)


def logs(entries: Iterable[Entry], resource: Resource) -> bytes:
    """An ExportLogsServiceRequest with one log record an entry; empty when there is none."""
    records = [_log(entry) for entry in entries]
    if not records:
        return b""
    scope = otlp_logs.ScopeLogs(scope=_scope(resource), log_records=records)
    part = otlp_logs.ResourceLogs(resource=_resource(resource), scope_logs=[scope])
    return _bytes(ExportLogsServiceRequest(resource_logs=[part]))


def traces(entries: Iterable[Entry], resource: Resource) -> bytes:
    """An ExportTraceServiceRequest with one trace a run; empty when there is none."""
    runs = [entry.record for entry in entries if isinstance(entry.record, Run)]
    if not runs:
        return b""
    spans = [span for run in runs for span in (_journey_span(run), *_step_spans(run))]
    scope = otlp_trace.ScopeSpans(scope=_scope(resource), spans=spans)
    part = otlp_trace.ResourceSpans(resource=_resource(resource), scope_spans=[scope])
    return _bytes(ExportTraceServiceRequest(resource_spans=[part]))


def metrics(
    journal: Journal,
    now_ms: int,
    readings: Iterable[Reading],
    resource: Resource,
    exemplars: Exemplars | None = None,
) -> bytes:
    """An ExportMetricsServiceRequest with the journal's lifetime totals, and the readings.

    Everything is cumulative since the journal's birth. The version is left out: some backends
    make labels of the whole resource, and an upgrade would begin every series anew.
    """
    lasting = {key: value for key, value in resource.items() if key != "service.version"}
    totals = Totals.read(journal)
    life = _Lifetime(_nanos(totals.birth_ms), _nanos(now_ms))
    found = [_counter(counter, life) for counter in totals.counters]
    found += [_histogram(each, life, exemplars or {}) for each in totals.histograms]
    found += [_read(metric, group, life) for metric, group in by_metric(readings)]
    found.sort(key=lambda metric: metric.name)
    scope = otlp_metrics.ScopeMetrics(scope=_scope(lasting), metrics=found)
    part = otlp_metrics.ResourceMetrics(resource=_resource(lasting), scope_metrics=[scope])
    return _bytes(ExportMetricsServiceRequest(resource_metrics=[part]))


def exemplars(entries: Iterable[Entry], tally: Tally) -> Exemplars:
    """The newest run, or step of one, in each bucket of the duration histograms."""
    newest: dict[tuple[str, str, int], Exemplar] = {}
    wanted = (names.RUN_DURATION.name, names.STEP_DURATION.name)
    for run in (entry.record for entry in entries if isinstance(entry.record, Run)):
        for seen in tally.observations(run):
            if seen.metric in wanted:
                step = attributes_of(seen.attributes).get(names.STEP, "")
                newest[seen.metric, seen.attributes, seen.le] = Exemplar(
                    run.finished_ms, seen.value, run.id, run.id.span_id(step)
                )
    return newest


def _bytes(
    message: ExportLogsServiceRequest | ExportTraceServiceRequest | ExportMetricsServiceRequest,
) -> bytes:
    return message.SerializeToString(deterministic=True)


def _nanos(time_ms: int, plus_us: int = 0) -> int:
    """What OTLP can hold of a time; the record in the body keeps it as it is."""
    return max(0, min(time_ms * 1_000_000 + plus_us * 1000, _LATEST_NS))


def _value(value: str | int | float) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(double_value=value)


def _attributes(attributes: Attributes) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(attributes[key])) for key in sorted(attributes)]


def _resource(resource: Resource) -> OtlpResource:
    return OtlpResource(attributes=_attributes(resource))


def _scope(resource: Resource) -> InstrumentationScope:
    return InstrumentationScope(name=names.SCOPE, version=resource.get("service.version", ""))


# Logs


def _log(entry: Entry) -> otlp_logs.LogRecord:
    record = entry.record
    event, time_ms, severity = _headline(record)
    log = otlp_logs.LogRecord(
        time_unix_nano=_nanos(time_ms),
        observed_time_unix_nano=_nanos(entry.written_ms),
        severity_number=severity,
        severity_text=_SEVERITY_TEXT[severity],
        event_name=event,
        body=AnyValue(string_value=record.to_json()),
        attributes=_attributes(_described(record)),
    )
    if isinstance(record, Run):
        log.trace_id, log.span_id = record.id.trace_id, record.id.span_id()
        log.flags = _SAMPLED
    return log


def _headline(record: Record) -> tuple[str, int, otlp_logs.SeverityNumber.ValueType]:
    """A record's event name, time in milliseconds, and severity."""
    match record:
        case Run():
            return names.EVENT_RUN, record.finished_ms, _SEVERITY[record.outcome]
        case Gap():
            return names.EVENT_GAP, record.last_ms, _WARN
        case Schedule():
            return names.EVENT_SCHEDULE, record.from_ms, _INFO


def _described(record: Record) -> Attributes:
    match record:
        case Run():
            return _run_attributes(record) | {names.DEDUPE_KEY: record.id.digest().hex()}
        case Gap():
            return {
                names.JOURNEY: record.journey,
                names.REGION: record.region,
                names.SLOT_STATE: str(record.state),
                names.SLOT_REASON: str(record.reason),
                names.SLOT_TIME: record.first_ms,
            }
        case Schedule():
            return {names.JOURNEY: record.journey, names.REGION: record.region}


def _run_attributes(run: Run) -> dict[str, str | int | float]:
    attributes: dict[str, str | int | float] = {
        names.JOURNEY: run.id.journey,
        names.REGION: run.id.region,
        names.OUTCOME: str(run.outcome),
        names.ATTEMPT: run.id.attempt,
        names.KIND: str(run.id.kind),
        names.SLOT_TIME: run.id.slot_ms,
        names.SYNTHETIC: "test",
    }
    if run.cause:
        attributes[names.ERROR_TYPE] = str(run.cause)
    if run.step:
        attributes[names.STEP] = run.step
    return attributes


# Traces


def _journey_span(run: Run) -> otlp_trace.Span:
    ends_us = [step.offset_us + step.duration_us for step in run.steps]
    return _span(
        run,
        span_id=run.id.span_id(),
        name=run.id.journey,
        window_us=(0, max(ends_us, default=run.duration_us)),
        outcome=run.outcome,
        attributes=_run_attributes(run),
    )


def _step_spans(run: Run) -> Iterable[otlp_trace.Span]:
    for index, step in enumerate(run.steps):
        earlier = sum(other.name == step.name for other in run.steps[:index])
        yield _span(
            run,
            span_id=run.id.span_id(f"{step.name}\x1f{earlier}" if earlier else step.name),
            name=step.name,
            window_us=(step.offset_us, step.offset_us + step.duration_us),
            outcome=step.outcome,
            attributes=_step_attributes(run, step),
        )


def _step_attributes(run: Run, step: Step) -> Attributes:
    return {
        names.JOURNEY: run.id.journey,
        names.REGION: run.id.region,
        names.STEP: step.name,
        names.OUTCOME: str(step.outcome),
        names.SYNTHETIC: "test",
        **{VITALS[vital].name: value / PER_UNIT for vital, value in step.vitals.items()},
        **{f"{names.NETWORK_PHASE}.{part}": us / PER_UNIT for part, us in step.network.items()},
        **{f"{names.PAGE_WEIGHT.name}.{party}": size for party, size in step.weight.items()},
    }


def _span(
    run: Run,
    *,
    span_id: bytes,
    name: str,
    window_us: tuple[int, int],
    outcome: Outcome,
    attributes: Attributes,
) -> otlp_trace.Span:
    code = _STATUS[outcome]
    failed = code == otlp_trace.Status.STATUS_CODE_ERROR
    start_ns, end_ns = (_nanos(run.started_ms, us) for us in window_us)
    return otlp_trace.Span(
        trace_id=run.id.trace_id,
        span_id=span_id,
        parent_span_id=b"" if span_id == run.id.span_id() else run.id.span_id(),
        name=name,
        kind=otlp_trace.Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=end_ns,
        attributes=_attributes(attributes),
        status=otlp_trace.Status(code=code, message=run.message or "" if failed else ""),
        flags=_SAMPLED,
    )


# Metrics


class _Lifetime(NamedTuple):
    """From the journal's birth to now, in nanoseconds since 1970."""

    start_ns: int
    time_ns: int


def _metric(metric: names.Metric) -> otlp_metrics.Metric:
    return otlp_metrics.Metric(name=metric.name, unit=metric.unit, description=metric.meaning)


def _counter(counter: Counter, life: _Lifetime) -> otlp_metrics.Metric:
    series = [(attributes_of(stored), value) for stored, value in counter.series]
    return _sum(counter.metric, series, life)


def _sum(
    metric: names.Metric, series: Sequence[tuple[Mapping[str, str], int]], life: _Lifetime
) -> otlp_metrics.Metric:
    found = _metric(metric)
    found.sum.aggregation_temporality = _CUMULATIVE
    found.sum.is_monotonic = True
    for attributes, value in series:
        found.sum.data_points.add(
            start_time_unix_nano=life.start_ns,
            time_unix_nano=life.time_ns,
            attributes=_attributes(attributes),
            as_int=value,
        )
    return found


def _read(metric: names.Metric, readings: list[Reading], life: _Lifetime) -> otlp_metrics.Metric:
    if metric.kind == "counter":
        return _sum(metric, [(each.attributes, int(each.value)) for each in readings], life)
    found = _metric(metric)
    for each in readings:
        found.gauge.data_points.add(
            time_unix_nano=life.time_ns,
            attributes=_attributes(each.attributes),
            as_double=each.value,
        )
    return found


def _histogram(histogram: Histogram, life: _Lifetime, exemplars: Exemplars) -> otlp_metrics.Metric:
    found = _metric(histogram.metric)
    found.histogram.aggregation_temporality = _CUMULATIVE
    for series in histogram.series:
        point = found.histogram.data_points.add(
            start_time_unix_nano=life.start_ns,
            time_unix_nano=life.time_ns,
            attributes=_attributes(attributes_of(series.attributes)),
            explicit_bounds=[bound / histogram.per_unit for bound in histogram.bounds],
            bucket_counts=series.counts,
            count=sum(series.counts),
            sum=series.total / histogram.per_unit,
        )
        point.exemplars.extend(_exemplars(histogram, series, exemplars))
    return found


def _exemplars(
    histogram: Histogram, series: Distribution, exemplars: Exemplars
) -> Iterable[otlp_metrics.Exemplar]:
    for bound in (*histogram.bounds, UNBOUNDED):
        if found := exemplars.get((histogram.metric.name, series.attributes, bound)):
            yield otlp_metrics.Exemplar(
                time_unix_nano=_nanos(found.time_ms),
                as_double=found.value / histogram.per_unit,
                trace_id=found.run.trace_id,
                span_id=found.span_id,
                filtered_attributes=_attributes({names.RUN_KEY: found.run.key}),
            )
