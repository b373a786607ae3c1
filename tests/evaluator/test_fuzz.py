"""Whatever is sent to the OTLP paths, the evaluator goes on, in bounded memory.

Bodies are real ones, changed in every way that was thought of, and records with anything in any of
their fields. The longer form of the same is in `make chaos`.
"""

from __future__ import annotations

import gzip
import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from prober.journal.journal import Journal
from prober.journal.outbox import Entry
from prober.model import Gap, Outcome, Record, SlotReason, SlotState
from prober.telemetry import encode
from tests.conftest import SHORT
from tests.evaluator.conftest import Evaluator, build_run, build_schedule, launch

PROTOBUF = "application/x-protobuf"
REPLIES: dict[str, type[Message]] = {
    "/v1/logs": ExportLogsServiceResponse,
    "/v1/metrics": ExportMetricsServiceResponse,
    "/v1/traces": ExportTraceServiceResponse,
}
MIB = 1 << 20
#: What bombs may take for a moment: a few bodies unpacked, and as many as sent.
ROOM_BYTES = 300 * MIB


def tried(short: int, long: int) -> settings:
    """So many cases, always others; how long one takes says nothing."""
    quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    phases = [Phase.explicit, Phase.generate, Phase.shrink]
    number = short if SHORT or not long else long
    return settings(
        max_examples=number, deadline=None, suppress_health_check=quiet, phases=phases,
        database=None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluator]:
    """Without limits on how often it may be asked: it is asked all the time."""
    running = launch(tmp_path_factory.mktemp("fuzzed"), None, ("--limits", "0"))
    yield running
    running.close()


@pytest.fixture(scope="module", autouse=True)
def at_first(judge: Evaluator) -> int:
    """How much memory it had before anything was sent, in bytes."""
    return sum(each.memory_info().rss for each in processes(judge))


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Real requests, one of each kind."""
    now_ms = time.time_ns() // 1_000_000
    records: list[Record] = [build_schedule(1000, from_ms=now_ms), build_run(now_ms), gap(now_ms)]
    records += [build_run(now_ms + n, Outcome.FAILED, message="x" * n) for n in range(5)]
    entries = [Entry(n, 1, record) for n, record in enumerate(records, 1)]
    journal = Journal.open(tmp_path_factory.mktemp("agent") / "journal.db")
    journal.write(records)
    metrics = encode.metrics(journal, now_ms, [], {})
    journal.close()
    return [encode.logs(entries, {}), metrics, encode.traces(entries, {})]


def gap(now_ms: int) -> Gap:
    return Gap(
        journey="checkout", region="eu-west-1", first_ms=now_ms - 3000, last_ms=now_ms - 1000,
        count=3, state=SlotState.MISSED, reason=SlotReason.DOWN,
    )  # fmt: skip


# Bodies that were changed on the way

#: A way to change a body: what is done, where as a share of its length, and with which bytes.
Change = tuple[str, float, bytes]
changes = st.lists(
    st.tuples(
        st.sampled_from(["cut", "put", "over", "again", "long"]),
        st.floats(0, 1),
        st.binary(min_size=1, max_size=12),
    ),
    max_size=5,
)
packings = st.sampled_from(
    ["plain", "gzip", "twice", "after another", "cut off", "not packed", "deflate", "GZIP", "br"]
)
kinds = st.sampled_from(
    [PROTOBUF] * 4 + [f"{PROTOBUF}; charset=utf-8", "application/json", "text/html", ""]
)


def changed(body: bytes, change: Change) -> bytes:
    what, where, content = change
    at = int(where * len(body))
    before, after = body[:at], body[at:]
    match what:
        case "cut":
            return before
        case "put":
            return before + content + after
        case "over":
            return before + content + after[len(content) :]
        case "again":
            return before + after * (1 + content[0] % 4)
        case _:  # a length of up to 2^63 where there was something else
            return before + b"\xff" * (1 + content[0] % 9) + b"\x7f" + after


def packed(body: bytes, packing: str) -> tuple[bytes, dict[str, str]]:
    """The body as sent, and what is said about it."""
    match packing:
        case "plain":
            return body, {}
        case "gzip" | "GZIP" | "deflate" | "br":
            return gzip.compress(body, 1), {"Content-Encoding": packing}
        case "twice":
            return gzip.compress(gzip.compress(body, 1), 1), {"Content-Encoding": "gzip"}
        case "after another":
            return gzip.compress(body, 1) * 2, {"Content-Encoding": "gzip"}
        case "cut off":
            return gzip.compress(body, 1)[:-5], {"Content-Encoding": "gzip"}
        case _:
            return body, {"Content-Encoding": "gzip"}


def answered(path: str, reply: httpx.Response) -> None:
    """Fails unless the answer is one that a sender can read."""
    assert reply.status_code in (200, 400, 413, 415), (reply.status_code, reply.text)
    assert reply.headers["Content-Type"] == PROTOBUF
    (REPLIES[path] if reply.status_code == 200 else Status)().ParseFromString(reply.content)


def try_bodies(judge: Evaluator, bodies: list[bytes], short: int, long: int = 0) -> None:
    @tried(short, long)
    @given(st.sampled_from(list(REPLIES)), st.sampled_from(bodies), changes, packings, kinds)
    def attempt(path: str, body: bytes, done: list[Change], packing: str, kind: str) -> None:
        for change in done:
            body = changed(body, change)
        content, said = packed(body[: 2 * MIB], packing)
        reply = judge.http.post(path, content=content, headers={"Content-Type": kind} | said)
        answered(path, reply)

    attempt()


def test_a_body_that_was_changed_on_the_way_is_taken_or_refused(
    judge: Evaluator, bodies: list[bytes]
) -> None:
    try_bodies(judge, bodies, 120)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_thousands_of_changed_bodies_are_taken_or_refused(
    judge: Evaluator, bodies: list[bytes], at_first: int
) -> None:
    try_bodies(judge, bodies, 2_000, 10_000)
    everything_answers(judge)
    grown = sum(each.memory_info().rss for each in processes(judge)) - at_first
    print(f"the evaluator's memory grew by {grown / MIB:.0f} MiB")
    assert grown < ROOM_BYTES


# Records with anything in them

texts = st.text(st.characters(), max_size=30)  # halves of characters too
numbers = st.integers(-(2**70), 2**70) | st.integers(-(2**53), 2**53) | st.integers(-5, 5)
plain = st.none() | st.booleans() | numbers | st.floats() | texts
anything = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
EVENTS: dict[str, Record] = {
    "prober.run": build_run(0, Outcome.FAILED, message="no", step="pay"),
    "prober.gap": gap(1_000_000),
    "prober.schedule": build_schedule(1000),
}


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there is something in plain values."""
    yield at
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*at, key))


def replaced(value: Any, at: tuple[Any, ...], with_what: Any) -> Any:
    """The same with something else at a place."""
    if not at:
        return with_what
    copy = value.copy()
    copy[at[0]] = replaced(value[at[0]], at[1:], with_what)
    return copy


def try_records(judge: Evaluator, short: int, long: int = 0) -> None:
    @tried(short, long)
    @given(st.data())
    def attempt(data: st.DataObject) -> None:
        event = data.draw(st.sampled_from(list(EVENTS)))
        value = json.loads(EVENTS[event].to_json())
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.sampled_from(list(places(value))))
            value = replaced(value, at, data.draw(anything))
        request = ExportLogsServiceRequest()
        log = request.resource_logs.add().scope_logs.add().log_records.add(event_name=event)
        log.body.string_value = json.dumps(value)
        reply = judge.http.post(
            "/v1/logs", content=request.SerializeToString(), headers={"Content-Type": PROTOBUF}
        )
        assert reply.status_code == 200
        answered("/v1/logs", reply)
        status = judge.http.get("/api/v1/status")
        assert status.status_code == 200, (event, value)

    attempt()


def everything_answers(judge: Evaluator) -> None:
    """Fails unless every page and verb that reads does, and the process is well."""
    for path in ("/", "/api/v1/status", "/metrics", "/healthz", "/badge/checkout.svg"):
        assert judge.http.get(path).status_code == 200, path
    for verb in ("slo-explain", "slo-suggest", "budget-explain", "mark-list"):
        assert judge.http.post(f"/api/v1/{verb}", json={}).status_code == 200, verb
    assert judge.http.post("/api/v1/prcheck", json={"paths": ["a"]}).status_code == 200
    gate = {"slo": ["checkout"], "change": "feature"}
    assert judge.http.post("/api/v1/gate", json=gate).status_code == 200


def test_a_record_with_anything_in_it_is_taken_or_refused_and_pages_go_on(
    judge: Evaluator,
) -> None:
    try_records(judge, 60)
    everything_answers(judge)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_thousands_of_records_with_anything_in_them_leave_every_page_as_it_was(
    judge: Evaluator,
) -> None:
    try_records(judge, 500, 3_000)
    everything_answers(judge)


# Bodies that are made to hurt


def within(number: int, content: bytes) -> bytes:
    """A message in which a field has this content."""
    length, left = b"", len(content)
    while left > 0x7F:
        length, left = length + bytes([left & 0x7F | 0x80]), left >> 7
    return bytes([number << 3 | 2]) + length + bytes([left]) + content


def deep(levels: int) -> bytes:
    """A log whose body is a list in a list in a list."""
    value = b""
    for _ in range(levels):
        value = within(5, within(1, value))
    return within(1, within(2, within(2, within(5, value))))


def spans(number: int) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for _ in range(number):
        scope.spans.add(name="a")
    return request.SerializeToString()


HURTS: dict[str, Callable[[], bytes]] = {
    "zeros": lambda: bytes(40 * MIB),
    "zeros below the limit": lambda: bytes(31 * MIB),
    "millions of resources": lambda: b"\x0a\x00" * (15 * MIB),
    "millions of records": lambda: within(1, within(2, b"\x12\x00" * (15 * MIB))),
    "millions of attributes": lambda: within(1, within(1, b"\x0a\x00" * (15 * MIB))),
    "a record of millions of attributes": lambda: within(
        1, within(2, within(2, b"\x32\x00" * (15 * MIB)))
    ),
    "a metric of millions of points": lambda: within(
        1, within(2, within(2, within(1, b"prober.runs") + within(7, b"\x0a\x00" * (15 * MIB))))
    ),
    "lists in lists": lambda: deep(5_000),
    "many spans": lambda: spans(100_000),
    "noise": lambda: random.Random(1).randbytes(3 * MIB),
}


def processes(judge: Evaluator) -> list[psutil.Process]:
    """The evaluator and its clerk."""
    mother = psutil.Process(judge.process.pid)
    return [mother, *mother.children()]


def peak_bytes(process: psutil.Process) -> int:
    """The most memory that a process ever had, where the system tells; else what it has."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return int(process.memory_info().rss)
    return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024


def send_all(judge: Evaluator, hurt: str, times: int, at_first: int) -> None:
    """One to each path, so many times and all at once; fails when that takes much of anything."""
    body = gzip.compress(HURTS[hurt](), 1)
    headers = {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}

    def send(path: str) -> float:
        began_s = time.monotonic()
        answered(path, judge.http.post(path, content=body, headers=headers))
        return time.monotonic() - began_s

    with ThreadPoolExecutor(6) as pool:
        took_s = list(pool.map(send, list(REPLIES) * times))
    assert max(took_s) < 20
    assert judge.http.get("/healthz").status_code == 200
    grown = sum(map(peak_bytes, processes(judge))) - at_first
    print(f"{hurt}: {grown / MIB:.0f} MiB at most, {max(took_s):.1f} s")
    assert grown < ROOM_BYTES


@pytest.mark.parametrize("hurt", ["millions of records", "a metric of millions of points"])
def test_what_is_made_to_hurt_takes_little_memory_and_little_time(
    hurt: str, judge: Evaluator, at_first: int
) -> None:
    send_all(judge, hurt, 1, at_first)


@pytest.mark.long
@pytest.mark.parametrize("hurt", HURTS)
def test_everything_that_was_made_to_hurt_takes_little_also_together(
    hurt: str, judge: Evaluator, at_first: int
) -> None:
    send_all(judge, hurt, 4, at_first)
