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
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, Final, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from prober import conventions as names
from prober.journal.tally import VITALS
from prober.model import Exchange, Gap, Party, Record, Run, RunId, Schedule, SlotState, Step
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
#: 35 TB.
_MOST_BYTES: Final = 2**45
_MOST_SLOTS: Final = 2**40
#: Of a record, and of the counts of one region: what is larger was not made by an agent.
_RECORD_BYTES: Final = 1 << 20
_COUNTS_BYTES: Final = 2 << 20
#: As much of what is wrong as a sender is told.
_SAID: Final = 500
#: From a request to its records, or metrics: a resource, a scope, and one of them.
_PATH: Final = (1, 2, 2)
_NAME: Final = 1  # of a metric
#: With it JSON says what a text does not hold as it is.
_ESCAPE: Final = "\\u"
#: Whose fields have types.
_DECLARED: Final = (Run, Gap, Schedule, Step, RunId)
#: Given where a value stands, and the value.
_Check = Callable[[str, Any], None]

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


class Claimed(NamedTuple):
    """What agents say of themselves with their metrics."""

    #: By `prober.runs`: totals by (journey, region, outcome, cause). Of several points of one
    #: series the largest is the newest: totals only grow.
    runs: dict[tuple[str, str, str, str | None], int]
    #: By `prober.effects.orphans`: when it was so, in ms since 1970, and how many there were, by
    #: (journey, region).
    orphans: dict[tuple[str, str], tuple[int, int]]


def claims(body: bytes) -> Claimed:
    """What agents say of themselves in an ExportMetricsServiceRequest; the rest is not looked at.

    Raises:
        ValueError: the body is not one.
    """
    claimed, walk = Claimed({}, {}), Walk()
    readers = {
        names.RUNS.name.encode(): _take_runs,
        names.ORPHANS.name.encode(): _take_orphans,
    }
    with _told("ExportMetricsServiceRequest"):
        for part in walk.parts(memoryview(body), *_PATH):
            name = _name(walk, part)
            if (take := readers.get(name)) is None:
                continue
            if len(part) > _COUNTS_BYTES:
                raise ValueError(f"{name.decode()} is over {_COUNTS_BYTES} bytes")
            take(_parse(Metric(), part), claimed)
    return claimed


def _take_runs(metric: Metric, claimed: Claimed) -> None:
    for point in metric.sum.data_points:
        key = _run_key(point.attributes)
        claimed.runs[key] = max(claimed.runs.get(key, 0), point.as_int)


def _take_orphans(metric: Metric, claimed: Claimed) -> None:
    for point in metric.gauge.data_points:
        journey, region, *_ = _run_key(point.attributes)
        said = point.time_unix_nano // 1_000_000, point.as_double
        if 0 <= said[1] <= _LARGEST and said >= claimed.orphans.get((journey, region), (0, 0)):
            claimed.orphans[journey, region] = said[0], int(said[1])


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
    text = log.body.string_value
    record = _READERS[log.event_name](text)
    kind: Any = type(record)
    _checker(kind)(kind.__name__.lower(), record)
    _check_sense(record)
    if _ESCAPE in text:  # by one it may say what cannot be written down, which is a ValueError
        record.to_json().encode()
    return record


@cache
def _checker(hint: Any) -> _Check:
    """What compares a value with a declared type, all the way down; it raises ValueError."""
    if hint in _DECLARED:
        return _checker_of_fields(hint)
    inner, origin = get_args(hint), get_origin(hint)
    if origin is UnionType:
        return _checker_of_optional(_checker(next(kind for kind in inner if kind is not NoneType)))
    if origin is tuple:
        return _checker_of_items(_checker(inner[0]))
    if origin is Mapping:
        return _checker_of_entries(*map(_checker, inner))
    return partial(_check_plain, kind=hint)


def _checker_of_fields(kind: type) -> _Check:
    fields = [(name, _checker(hint)) for name, hint in get_type_hints(kind).items()]

    def check(path: str, value: Any) -> None:
        for name, check_field in fields:
            check_field(f"{path}.{name}", getattr(value, name))

    return check


def _checker_of_optional(check_value: _Check) -> _Check:
    def check(path: str, value: Any) -> None:
        if value is not None:
            check_value(path, value)

    return check


def _checker_of_items(check_item: _Check) -> _Check:
    def check(path: str, value: Any) -> None:
        _expect(path, value, tuple)
        for index, item in enumerate(value):
            check_item(f"{path}[{index}]", item)

    return check


def _checker_of_entries(check_key: _Check, check_item: _Check) -> _Check:
    def check(path: str, value: Any) -> None:
        _expect(path, value, dict)
        for key, item in value.items():
            check_key(path, key)
            check_item(f"{path}.{key}", item)

    return check


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
    spans += [us for step in run.steps for us in step.network.values()]
    if min(spans) < 0:
        raise ValueError("run has a span below 0")
    spans += [value for step in run.steps for value in step.vitals.values()]
    if max(map(abs, spans)) > _LONGEST_US or abs(_waited_us(run)) > _LONGEST_US:
        raise ValueError("run has a span of more than a year")
    for step in run.steps:
        if unknown := step.vitals.keys() - VITALS.keys():
            raise ValueError(f"run has an unknown vital {min(unknown)}")
        if unknown := step.network.keys() - set(Exchange):
            raise ValueError(f"run has an unknown part of an exchange {min(unknown)}")
        if unknown := step.weight.keys() - set(Party):
            raise ValueError(f"run has an unknown party {min(unknown)}")
        if any(not 0 <= size <= _MOST_BYTES for size in step.weight.values()):
            raise ValueError("run has a step that weighs what none can")


def _waited_us(run: Run) -> float:
    return run.host.get("cpu_wait", 0) * 1e6
