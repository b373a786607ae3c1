"""Taking messages apart: the same parts as a parser finds, and no more work than there is room."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from prober.telemetry import answer, decode
from prober.telemetry.wire import FIELDS, Walk

READS: tuple[Callable[[bytes], object], ...] = (
    decode.records,
    decode.claims,
    lambda body: answer.traces(body, ""),
)
#: An empty record in a scope in a resource, and its fields on the way there.
EMPTY = b"\x12\x00"


def within(number: int, content: bytes) -> bytes:
    """A message in which a field has this content."""
    length, left = b"", len(content)
    while left > 0x7F:
        length, left = length + bytes([left & 0x7F | 0x80]), left >> 7
    return bytes([number << 3 | 2]) + length + bytes([left]) + content


def parts(body: bytes) -> list[bytes]:
    return [bytes(part) for part in Walk().parts(memoryview(body), 1, 2, 2)]


@given(st.lists(st.lists(st.lists(st.tuples(st.text(), st.integers(0, 2**64 - 1))))))
def test_the_parts_are_those_that_a_parser_finds(
    resources: list[list[list[tuple[str, int]]]],
) -> None:
    request = ExportLogsServiceRequest()
    for scopes in resources:
        resource = request.resource_logs.add(schema_url="http://a.example")
        for logs in scopes:
            scope = resource.scope_logs.add(schema_url="b")
            for text, number in logs:
                log = scope.log_records.add(event_name=text, time_unix_nano=number, flags=7)
                log.body.double_value = 0.5
    wanted = [
        log.SerializeToString()
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for log in scope.log_records
    ]
    assert parts(request.SerializeToString()) == wanted


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_value_error(body: bytes) -> None:
    for read in READS:
        with suppress(ValueError):
            read(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\x0a", id="no length"),
        pytest.param(b"\x0a\x05abc", id="cut off"),
        pytest.param(b"\x0a" + b"\xff" * 9 + b"\x01", id="longer than anything"),
        pytest.param(b"\x0a" + b"\xff" * 20, id="a number without end"),
        pytest.param(b"\x02\x00", id="a field without a number"),
        pytest.param(b"\x0b\x0c", id="a group"),
        pytest.param(b"\x0d\x00", id="half of four bytes"),
        pytest.param(b"\x09\x00", id="less than eight bytes"),
    ],
)
def test_what_is_no_message_is_told(body: bytes) -> None:
    with pytest.raises(ValueError, match="cut off, or no protobuf"):
        parts(body)


@pytest.mark.parametrize(
    ("read", "at"), [(READS[0], "the top"), *((read, "the bottom") for read in READS)]
)
def test_millions_of_empty_messages_are_refused_in_little_memory(
    read: Callable[[bytes], object], at: str
) -> None:
    deep = within(1, within(2, EMPTY * (8 << 20)))
    body = b"\x0a\x00" * (8 << 20) if at == "the top" else deep
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"more than {FIELDS} parts"):
        read(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


def test_a_record_that_is_too_large_costs_only_itself() -> None:
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add().scope_logs.add().log_records
    logs.add(event_name="prober.run").body.string_value = "x" * (1 << 20)
    logs.add(event_name="somebody.else")
    decoded = decode.records(request.SerializeToString())
    assert (decoded.rejected, decoded.skipped) == (1, 1)
    assert decoded.first_error == "a record of more than 1048576 bytes"


def test_what_is_wrong_is_told_briefly_and_can_be_written_down() -> None:
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add().scope_logs.add().log_records
    logs.add(event_name="prober.schedule").body.string_value = '{"\\ud800' + "x" * 9999 + '": 1}'
    decoded = decode.records(request.SerializeToString())
    assert decoded.first_error.startswith("prober.schedule: not a schedule record")
    assert len(decoded.first_error) <= 500
    assert answer.logs(decoded.rejected, decoded.first_error)
