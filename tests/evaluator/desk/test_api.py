"""The desk over HTTP: who may ask, what is refused, and that errors are one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from prober.evaluator.audit import AUDIT, AuditLog
from tests.conftest import wait_until
from tests.evaluator.conftest import Evaluator

BEARER = {"Authorization": "Bearer correct-horse"}
GATE = {"slo": ["checkout"], "change": "feature"}


def post(judge: Evaluator, verb: str, body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = {"Content-Type": "application/json"}
    return judge.http.post(f"/api/v1/{verb}", content=content, headers=kind | headers)


def refusal(reply: httpx.Response) -> tuple[int, str]:
    """The status, and the error, which is one line and all there is."""
    (said,) = reply.json().values()
    assert list(reply.json()) == ["error"]
    assert "\n" not in said
    return reply.status_code, said


def test_a_verb_is_answered(shared_evaluator: Evaluator) -> None:
    reply = post(shared_evaluator, "gate", GATE)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json()["verdict"] == "allow"  # a contract without policy is a draft
    assert reply.json()["rulings"][0]["verdict"] == "inconclusive"


@pytest.mark.parametrize(
    ("verb", "body", "status", "error"),
    [
        ("gat", {}, 404, "there is no verb 'gat', did you mean gate?"),
        ("gate", b"{", 400, "the body is not JSON, send one object"),
        ("gate", b"[" * 100_000, 400, "the body is not JSON, send one object"),
        ("gate", b"\xff", 400, "the body is not JSON, send one object"),
        ("gate", [], 400, "the body is not an object, send one"),
        ("gate", {"slo": ["checkout"], "change": "whim"}, 400, "request: change: 'whim' is not"),
        ("gate", {"slo": [1], "chnge": 2}, 400, "; request: "),
        ("gate", {"slo": {"a": 1}, "change": "feature"}, 400, "request: slo: "),
        ("gate", b'{"a":' * 800 + b"1" + b"}" * 800, 400, "nested too deep"),
        ("gate", b'{"\\ud800": 1}', 400, "the body is not JSON, send one object"),
        ("gate", b'{"commit": "\\udfff"}', 400, "the body is not JSON, send one object"),
        ("gate", b'{"commit": NaN}', 400, "request: commit: "),
        ("gate", b'{"commit": ' + b"9" * 5000 + b"}", 400, "the body is not JSON"),
        ("budget-explain", {"within": "9" * 4000 + "w"}, 400, "is not a duration"),
        ("budget-explain", {"within": "9" * 30 + "w"}, 400, "more than a thousand years"),
        ("budget-reserve", {"slo": "a", "share": "0." + "1" * 4000}, 400, "is not a share"),
        ("slo-explain", {"<x>": 1}, 400, "request: <x>: is not a key here"),
        ("prcheck", {"paths": [1] * 15_000}, 400, "; and 14980 more"),
        ("slo-explain", dict.fromkeys(map(str, range(15_000)), 1), 400, "; and 14980 more"),
        ("prcheck", {"paths": [1] * 30_000}, 413, "the body holds more than 20000 values"),
        ("gate-replay", {"decision": "none"}, 409, "there is no decision 'none' in the audit log"),
        ("mark-list", b" " * (1 << 20) + b"{}", 413, "the body is over 1048576 bytes as sent"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_line(
    shared_evaluator: Evaluator, verb: str, body: Any, status: int, error: str
) -> None:
    found, said = refusal(post(shared_evaluator, verb, body))
    assert (found, error in said) == (status, True), said


def test_a_form_of_another_site_cannot_ask(shared_evaluator: Evaluator) -> None:
    reply = shared_evaluator.http.post("/api/v1/gate", content=json.dumps(GATE))
    assert refusal(reply) == (415, "the body is nothing known, send application/json")


def test_a_verb_is_asked_by_post(shared_evaluator: Evaluator) -> None:
    assert shared_evaluator.http.get("/api/v1/gate").status_code == 405
    assert shared_evaluator.http.get("/api/v1/status").status_code == 200


@pytest.mark.parametrize("verb", ["gate", "override-grant", "exclude-add", "mark-deploy"])
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer battery-staple"}])
def test_who_writes_shows_the_token(
    guarded_evaluator: Evaluator, verb: str, header: dict[str, str]
) -> None:
    reply = post(guarded_evaluator, verb, {}, **header)
    assert refusal(reply)[0] == 401
    assert reply.headers["www-authenticate"] == "Bearer"


def test_who_reads_does_not(guarded_evaluator: Evaluator) -> None:
    assert post(guarded_evaluator, "override-list", {}).json() == {"overrides": []}
    assert post(guarded_evaluator, "gate", GATE, **BEARER).status_code == 200


def test_what_is_written_can_be_read_beside_the_journal(shared_evaluator: Evaluator) -> None:
    post(shared_evaluator, "mark-deploy", {"name": "v1"})
    log = AuditLog.open(shared_evaluator.data / AUDIT)
    assert log.entries("deploy")[-1].body["name"] == "v1"


def test_a_log_that_was_changed_stops_gates_and_is_told_on_the_page(
    evaluator: Callable[..., Evaluator],
) -> None:
    judge = evaluator()
    assert post(judge, "mark-deploy", {"name": "v1"}).status_code == 200
    log = judge.data / AUDIT
    log.write_bytes(log.read_bytes().replace(b"v1", b"v2"))
    judge.close()
    judge.start()
    status, said = refusal(post(judge, "gate", GATE))
    assert (status, "the audit log is not what was written" in said) == (409, True)
    note = wait_until(lambda: judge.status()["note"])
    assert "the audit log is not what was written" in note
    assert "Until then nothing is excluded, and no gate decides." in note


@pytest.mark.parametrize("target", ["0.00000001%", "99.99999999%"])
def test_the_finest_targets_there_are_can_be_asked_about(
    shared_evaluator: Evaluator, target: str
) -> None:
    assert post(shared_evaluator, "slo-whatif", {"target": target}).status_code == 200
    cost = {"cost": {target: "a year"}}
    assert post(shared_evaluator, "slo-suggest", cost).status_code == 200
    finer = target.replace("1%", "01%").replace("9%", "99%")
    assert post(shared_evaluator, "slo-whatif", {"target": finer}).status_code == 400
