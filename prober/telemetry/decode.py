"""OTLP as journal rows: what an evaluator takes from agents, of which it trusts none.

A record is taken only when every field has the type, and every number the range, that the
journal needs: one record that it chokes on must not cost the ones beside it. Records are parsed
one at a time, so that a body takes no more memory than the journal needs of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import UnionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from prober import conventions as names
from prober.journal.tally import VITALS
from prober.model import Gap, Record, Run, RunId, Schedule, SlotState, Step
from prober.telemetry.wire import Walk

_READERS: Final[Mapping[str, Callable[[str], Record]]] = {
    names.EVENT_RUN: Run.from_json,
    names.EVENT_GAP: Gap.from_json,
    names.EVENT_SCHEDULE: Schedule.from_json,
}
#: Whole numbers up to here are exact in every JSON reader.
_LARGEST: Final = 2**53
#: A year and a month in µs, and more slots than any outage has: sums of millions stay exact.
_LONGEST_US: Final = 2**45
_MOST_SLOTS: Final = 2**40
#: Of a record, and of the counts of one region: what is larger was not made by an agent.
_RECORD_BYTES: Final = 1 << 20
_COUNTS_BYTES: Final = 2 << 20
#: As much of what is wrong as a sender is told.
_SAID: Final = 500
#: From a request to its records, or metrics: a resource, a scope, and one of them.
_PATH: Final = (1, 2, 2)
_NAME: Final = 1  # of a metric

Part = TypeVar("Part", bound=Message)


@dataclass(slots=True)
class Decoded:
    """What a logs request held."""

    records: list[Record] = field(default_factory=list)
    #: Events that are not ours.
    skipped: int = 0
    #: Events of ours that are not sound, and what is wrong with the first.
    rejected: int = 0
    first_error: str = ""


def records(body: bytes) -> Decoded:
    """The records in an ExportLogsServiceRequest.

    Raises:
        ValueError: the body is not one.
    """
    decoded = Decoded()
    with _told("ExportLogsServiceRequest"):
        for part in Walk().parts(memoryview(body), *_PATH):
            _take(part, decoded)
    return decoded


def run_counts(body: bytes) -> dict[tuple[str, str, str, str | None], int]:
    """What agents claim by `prober.runs`: totals by (journey, region, outcome, cause).

    Of several points of one series the largest is the newest: totals only grow.

    Raises:
        ValueError: the body is not an ExportMetricsServiceRequest.
    """
    counts: dict[tuple[str, str, str, str | None], int] = {}
    walk = Walk()
    with _told("ExportMetricsServiceRequest"):
        for part in walk.parts(memoryview(body), *_PATH):
            if _name(walk, part) != names.RUNS.name.encode():
                continue
            if len(part) > _COUNTS_BYTES:
                raise ValueError(f"{names.RUNS.name} is over {_COUNTS_BYTES} bytes")
            for point in _parse(Metric(), part).sum.data_points:
                key = _run_key(point.attributes)
                counts[key] = max(counts.get(key, 0), point.as_int)
    return counts


@contextmanager
def _told(request: str) -> Iterator[None]:
    """What is wrong, with the name of what it should be."""
    try:
        yield
    except (ValueError, DecodeError) as error:
        raise ValueError(f"not an {request}: {error}") from error


def _take(part: memoryview, decoded: Decoded) -> None:
    """One log record, among what was decoded."""
    if len(part) > _RECORD_BYTES:
        _reject(decoded, f"a record of more than {_RECORD_BYTES} bytes")
        return
    log = _parse(LogRecord(), part)
    if log.event_name not in _READERS:
        decoded.skipped += 1
        return
    try:
        decoded.records.append(_record(log))
    except (ValueError, RecursionError) as error:
        _reject(decoded, f"{log.event_name}: {error}")


def _reject(decoded: Decoded, why: str) -> None:
    decoded.rejected += 1
    decoded.first_error = decoded.first_error or why.encode(errors="replace")[:_SAID].decode(
        errors="ignore"
    )


def _name(walk: Walk, metric: memoryview) -> bytes:
    """A metric's name, which stands first in it."""
    return next((bytes(part) for number, part in walk.fields(metric) if number == _NAME), b"")


def _parse(part: Part, body: memoryview) -> Part:
    part.ParseFromString(bytes(body))
    return part


def _run_key(attributes: Iterable[KeyValue]) -> tuple[str, str, str, str | None]:
    found = {each.key: each.value.string_value for each in attributes}
    journey, region, outcome = (
        found.get(key, "") for key in (names.JOURNEY, names.REGION, names.OUTCOME)
    )
    return journey, region, outcome, found.get(names.ERROR_TYPE)


def _record(log: LogRecord) -> Record:
    record = _READERS[log.event_name](log.body.string_value)
    _check(type(record).__name__.lower(), record, type(record))
    _check_sense(record)
    record.to_json().encode()  # text that cannot be written down is a ValueError
    return record


def _check(path: str, value: Any, hint: Any) -> None:
    """Compare a value with its declared type, all the way down; raises ValueError."""
    inner = get_args(hint)
    origin = get_origin(hint)
    if origin is UnionType:
        if value is not None:
            _check(path, value, next(kind for kind in inner if kind is not type(None)))
    elif origin is tuple:
        _expect(path, value, tuple)
        for index, item in enumerate(value):
            _check(f"{path}[{index}]", item, inner[0])
    elif origin is Mapping:
        _expect(path, value, dict)
        for key, item in value.items():
            _check(path, key, inner[0])
            _check(f"{path}.{key}", item, inner[1])
    elif hint in (Run, Gap, Schedule, Step, RunId):
        for name, kind in _hints(hint).items():
            _check(f"{path}.{name}", getattr(value, name), kind)
    else:
        _check_plain(path, value, hint)


def _check_plain(path: str, value: Any, kind: Any) -> None:
    if kind is float and type(value) is int:
        kind = int
    _expect(path, value, kind)
    if kind is float and not math.isfinite(value):
        raise ValueError(f"{path} is no number")
    if kind in (int, float) and abs(value) > _LARGEST:
        raise ValueError(f"{path} is beyond 2^53")


def _expect(path: str, value: Any, kind: type) -> None:
    right = type(value) is kind if kind is int else isinstance(value, kind)
    if not right:
        raise ValueError(f"{path} is a {type(value).__name__}, not a {kind.__name__}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _check_sense(record: Record) -> None:
    """What types cannot say; raises ValueError."""
    match record:
        case Run():
            _check_run(record)
        case Gap():
            if record.state is SlotState.COMPLETED:
                raise ValueError("gap.state is completed, which is no gap")
            if record.count < 1 or record.last_ms < record.first_ms:
                raise ValueError("gap has no slot in it")
            if record.count > min(_MOST_SLOTS, record.last_ms - record.first_ms + 1):
                raise ValueError("gap has more slots than fit in it")
        case Schedule():
            if record.every_ms < 0:
                raise ValueError("schedule.every_ms is below 0")


def _check_run(run: Run) -> None:
    if run.id.attempt < 1:
        raise ValueError("run.id.attempt is below 1")
    spans = [run.duration_us, run.start_delay_us, *run.phases.values()]
    spans += [us for step in run.steps for us in (step.offset_us, step.duration_us)]
    if min(spans) < 0:
        raise ValueError("run has a span below 0")
    spans += [value for step in run.steps for value in step.vitals.values()]
    if max(map(abs, spans)) > _LONGEST_US or abs(_waited_us(run)) > _LONGEST_US:
        raise ValueError("run has a span of more than a year")
    for step in run.steps:
        if unknown := step.vitals.keys() - VITALS.keys():
            raise ValueError(f"run has an unknown vital {min(unknown)}")


def _waited_us(run: Run) -> float:
    return run.host.get("cpu_wait", 0) * 1e6
