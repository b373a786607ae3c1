from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.testclient import TestClient

from prober import conventions as names
from prober.evaluator.board import Board
from prober.evaluator.clerk.clerk import Clerk
from prober.evaluator.ingest import Ingest
from prober.evaluator.web import app
from prober.journal.effects import MOST_TRIES
from prober.journal.journal import Journal
from prober.journal.outbox import Entry
from prober.journal.view import View
from prober.model import Outcome, Record, Run, Schedule
from prober.telemetry import encode
from prober.telemetry.totals import Reading
from tests.conftest import wait_until

PROTOBUF = {"Content-Type": "application/x-protobuf"}
GZIP = PROTOBUF | {"Content-Encoding": "gzip"}
JSON = {"Content-Type": "application/json"}
BROTLI = PROTOBUF | {"Content-Encoding": "br"}
CUT_OFF = gzip.compress(b"x" * 999)[:-9]
TWICE = gzip.compress(b"") * 2
LARGE = bytes((4 << 20) + 1)
BOMB = gzip.compress(bytes(33 << 20))
TOKEN = "correct-horse"
Evaluator = Any


def logs(records: Iterable[Record]) -> bytes:
    return encode.logs([Entry(seq, 1, record) for seq, record in enumerate(records, 1)], {})


def now_ms(evaluator: Evaluator) -> int:
    return int(evaluator.status()["as_of_ms"])


def counts(evaluator: Evaluator) -> dict[str, int]:
    found: dict[str, int] = evaluator.status()["slos"][0]["results"][0]["counts"]
    return found


@pytest.fixture
def sent(
    run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> Callable[[int], list[Record]]:
    """`sent(now_ms)`: a schedule and its runs of the last half minute, three of 30 bad."""

    def records(now: int) -> list[Record]:
        first = now - now % 1000 - 30_000
        runs = [
            run(first + n * 1000, Outcome.FAILED if n % 10 == 0 else Outcome.PASSED)
            for n in range(30)
        ]
        return [schedule(1000, from_ms=first), *runs]

    return records


def test_runs_count_once_whatever_order_and_however_often_they_arrive(
    evaluator: Callable[..., Evaluator], sent: Callable[[int], list[Record]]
) -> None:
    judge = evaluator()
    records = sent(now_ms(judge))
    shuffled = random.Random(4).sample(records, len(records))
    for batch in (shuffled[10:], records[:20], shuffled, records):
        reply = judge.http.post("/v1/logs", content=logs(batch), headers=PROTOBUF)
        assert (reply.status_code, reply.content) == (200, b"")
    found = counts(judge)
    assert (found["good"], found["bad"], found["invalid"]) == (27, 3, 0)


def test_what_was_acknowledged_survives_a_kill_and_is_not_counted_again(
    evaluator: Callable[..., Evaluator], sent: Callable[[int], list[Record]]
) -> None:
    judge = evaluator()
    body = gzip.compress(logs(sent(now_ms(judge))))
    assert judge.http.post("/v1/logs", content=body, headers=GZIP).is_success
    judge.kill()
    judge.start()
    assert (counts(judge)["good"], counts(judge)["bad"]) == (27, 3)
    assert judge.http.post("/v1/logs", content=body, headers=GZIP).is_success
    assert (counts(judge)["good"], counts(judge)["bad"]) == (27, 3)


def test_a_malformed_record_is_refused_alone_and_counted(
    evaluator: Callable[..., Evaluator], run: Callable[..., Run]
) -> None:
    judge = evaluator()
    request = ExportLogsServiceRequest.FromString(
        logs([run(now_ms(judge) - 1000 + n) for n in range(3)])
    )
    entries = request.resource_logs[0].scope_logs[0].log_records
    entries[0].body.string_value = '{"id": 7}'
    entries[1].event_name = "somebody.else"
    reply = judge.http.post("/v1/logs", content=request.SerializeToString(), headers=PROTOBUF)
    partial = ExportLogsServiceResponse.FromString(reply.content).partial_success
    assert reply.status_code == 200
    assert partial.rejected_log_records == 2
    assert "not a run record" in partial.error_message
    assert counts(judge)["good"] == 1


def test_spans_are_refused_by_number_and_with_a_reason(evaluator: Callable[..., Evaluator]) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="a")
    request.resource_spans.add().scope_spans.add().spans.add(name="b")
    reply = evaluator().http.post(
        "/v1/traces", content=request.SerializeToString(), headers=PROTOBUF
    )
    partial = ExportTraceServiceResponse.FromString(reply.content).partial_success
    assert partial.rejected_spans == 2
    assert "run records, not spans" in partial.error_message


def test_runs_claimed_and_not_held_are_visible(
    evaluator: Callable[..., Evaluator], sent: Callable[[int], list[Record]], tmp_path: Path
) -> None:
    judge = evaluator()
    records = sent(now_ms(judge))
    agent = Journal.open(tmp_path / "agent.db")
    agent.write(records)
    claims = encode.metrics(agent, now_ms(judge), [], {})
    agent.close()
    assert judge.http.post("/v1/metrics", content=claims, headers=PROTOBUF).content == b""
    judge.http.post("/v1/logs", content=logs(records[:-5]), headers=PROTOBUF)
    (row,) = judge.status()["journeys"]["checkout"]
    assert (row["region"], row["held"], row["claimed"]) == ("eu-west-1", 25, 30)


def test_what_runs_left_at_the_target_is_told_until_it_is_gone(
    evaluator: Callable[..., Evaluator], run: Callable[..., Run], tmp_path: Path
) -> None:
    judge, agent = evaluator(), Journal.open(tmp_path / "agent.db")
    agent.write([run(now_ms(judge) - 1000)])

    def tell() -> None:
        left = len(agent.effects.orphans())
        here = {names.REGION: "eu-west-1", names.JOURNEY: "checkout"}
        body = encode.metrics(agent, now_ms(judge), [Reading(names.ORPHANS, here, left)], {})
        judge.http.post("/v1/metrics", content=body, headers=PROTOBUF).raise_for_status()

    def count() -> int | None:
        rows = judge.status()["journeys"]["checkout"]
        found: int | None = rows[0]["orphans"] if rows else None
        return found

    tell()
    wait_until(lambda: count() == 0)
    assert "What runs left behind" not in judge.http.get("/regions").text
    number = agent.effects.note(run(1).id, "cancel", "R-1", {})
    for _ in range(MOST_TRIES):
        agent.effects.remained(number, "503", 0)
    tell()
    wait_until(lambda: count() == 1)
    said = "checkout in eu-west-1: 1 orphan, made at the target and not taken back"
    assert said in judge.http.get("/regions").text
    ready = judge.http.get("/readyz").json()
    assert (ready["ready"], ready["troubles"]["orphans"]) == (True, [said])
    agent.effects.undone(number)
    tell()
    wait_until(lambda: count() == 0)
    assert judge.status()["orphans"] == []
    agent.close()


@pytest.mark.parametrize("path", ["/v1/logs", "/v1/metrics", "/v1/traces"])
@pytest.mark.parametrize(
    ("content", "headers", "status", "words"),
    [
        pytest.param(b"{}", JSON, 415, "send application/x-protobuf", id="JSON"),
        pytest.param(b"", {}, 415, "nothing known", id="no content type"),
        pytest.param(b"", BROTLI, 415, "as it is or gzip", id="an unknown packing"),
        pytest.param(b"\xff\xff", PROTOBUF, 400, "not an Export", id="no protobuf"),
        pytest.param(b"not gzip", GZIP, 400, "not gzip", id="no gzip"),
        pytest.param(CUT_OFF, GZIP, 400, "one whole gzip", id="half of a gzip stream"),
        pytest.param(TWICE, GZIP, 400, "one whole gzip", id="more than one gzip stream"),
        pytest.param(LARGE, PROTOBUF, 413, "4194304 bytes as sent", id="too large as sent"),
        pytest.param(BOMB, GZIP, 413, "33554432 bytes unpacked", id="a gzip bomb"),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused(
    path: str,
    content: bytes,
    headers: dict[str, str],
    status: int,
    words: str,
    shared_evaluator: Evaluator,
) -> None:
    reply = shared_evaluator.http.post(path, content=content, headers=headers)
    assert reply.status_code == status
    assert words in reply.text


@pytest.mark.parametrize("path", ["/v1/logs", "/v1/metrics", "/v1/traces"])
@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="no token"),
        pytest.param({"Authorization": "Bearer wrong"}, id="a wrong token"),
        pytest.param({"Authorization": f"Basic {TOKEN}"}, id="another scheme"),
        pytest.param({"Authorization": f"Bearer {TOKEN}s"}, id="more than the token"),
        pytest.param({"Authorization": "Bearer ü".encode()}, id="a token that is not ASCII"),
    ],
)
def test_without_the_token_nothing_is_read(
    path: str, given: dict[str, str], guarded_evaluator: Evaluator
) -> None:
    reply = guarded_evaluator.http.post(path, content=b"\xff", headers=PROTOBUF | given)
    assert (reply.status_code, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert TOKEN not in reply.text


def test_with_the_token_records_are_taken_and_pages_need_none(
    guarded_evaluator: Evaluator, run: Callable[..., Run]
) -> None:
    headers = PROTOBUF | {"Authorization": f"Bearer {TOKEN}"}
    assert guarded_evaluator.http.post(
        "/v1/logs", content=logs([run(1)]), headers=headers
    ).is_success
    assert guarded_evaluator.http.get("/").is_success


def test_a_record_the_journal_would_choke_on_costs_nobody_else(
    evaluator: Callable[..., Evaluator], run: Callable[..., Run]
) -> None:
    judge = evaluator()
    request = ExportLogsServiceRequest.FromString(logs(run(now_ms(judge) - n) for n in range(1, 5)))
    wrongs = ('"slot_ms":"now"', f'"slot_ms":{2**70}', '"slot_ms":null')
    for entry, wrong in zip(
        request.resource_logs[0].scope_logs[0].log_records, wrongs, strict=False
    ):
        text = re.sub(r'"slot_ms":\d+', wrong, entry.body.string_value)
        entry.body.string_value = text
    reply = judge.http.post("/v1/logs", content=request.SerializeToString(), headers=PROTOBUF)
    partial = ExportLogsServiceResponse.FromString(reply.content).partial_success
    assert partial.rejected_log_records == 3
    assert counts(judge)["good"] == 1


def test_get_is_not_how_to_send(shared_evaluator: Evaluator) -> None:
    reply: httpx.Response = shared_evaluator.http.get("/v1/logs")
    assert reply.status_code == 405


def test_what_cannot_be_committed_is_to_be_sent_again(
    tmp_path: Path, run: Callable[..., Run]
) -> None:
    clerk = Clerk.open(tmp_path / "journal.db", (), whole=True)
    view = View.open(tmp_path / "journal.db")
    board = Board((), view)
    routes = Ingest(clerk, board.claims).routes()
    vitals: Any = None  # nobody asks how it is
    client = TestClient(
        app(board, vitals, routes), base_url="http://127.0.0.1", raise_server_exceptions=False
    )
    clerk.journal.store.close()  # as a disk that fails
    reply = client.post("/v1/logs", content=logs([run(1)]), headers=PROTOBUF)
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "5")
    view.close()


def test_a_moment_beyond_the_calendar_does_not_break_the_page(
    evaluator: Callable[..., Evaluator], run: Callable[..., Run]
) -> None:
    judge = evaluator()
    judge.http.post("/v1/logs", content=logs([run(-(2**52)), run(2**52)]), headers=PROTOBUF)
    assert judge.http.get("/").is_success
    assert judge.status()["slos"][0]["state"] == "UNKNOWN"
