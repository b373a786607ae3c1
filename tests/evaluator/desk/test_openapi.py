"""The description of the API: all that is served is in it, and answers are as it says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from prober.evaluator.alerts.channels import Channels
from prober.evaluator.bench import Bench
from prober.evaluator.clerk.clerk import Clerk
from prober.evaluator.desk.api import DESCRIPTION, Api
from prober.evaluator.desk.openapi import describe
from prober.evaluator.door.door import Door
from prober.evaluator.door.porch import Porch
from prober.evaluator.door.tokens import Scope
from prober.evaluator.verbs import VERBS
from prober.journal.outbox import Entry
from prober.journal.view import View
from prober.model import Outcome
from prober.slo.format import load_contracts
from prober.telemetry import encode
from tests.evaluator.conftest import Evaluator, build_run, build_schedule, launch, write_contract

#: What programs ask for lies below these; everything else is for people.
PROGRAMS = ("/api/", "/v1/", "/badge/", "/-/", "/metrics", "/healthz", "/readyz")
ANY_VERB = "/api/v1/{verb}"
#: A request that each verb answers; an id that only the evaluator knows is filled in.
REQUESTS: dict[str, dict[str, Any]] = {
    "gate": {"slo": ["checkout"], "change": "feature", "estimate": "1%"},
    "gate-replay": {"decision": "<decision>"},
    "override-grant": {
        "slo": "checkout", "commit": "3f2c1ab", "role": "sre", "by": "ada", "reason": "urgent",
    },
    "override-list": {},
    "exclude-add": {
        "start": "2035-01-06T02:00:00Z", "end": "2035-01-06T03:00:00Z", "category": "other",
        "reason": "a move", "requested_by": "bob", "approved_by": "eve",
    },
    "exclude-revoke": {"id": "<exclusion>", "by": "bob", "reason": "no move"},
    "exclude-list": {},
    "mark-deploy": {"name": "v1"},
    "mark-list": {},
    "budget-reserve": {"slo": "checkout", "share": "10%", "reason": "a launch"},
    "budget-release": {"id": "<reservation>"},
    "budget-reservations": {"slo": "checkout"},
    "silence-add": {"slos": ["checkout"], "lasts": "1h", "by": "ada", "reason": "a move"},
    "silence-end": {"id": "<silence>", "by": "ada"},
    "silence-list": {},
    "slo-explain": {},
    "slo-suggest": {"cost": {"99%": "two engineers"}},
    "slo-whatif": {"target": "99%"},
    "budget-explain": {"within": "1h"},
    "prcheck": {"paths": ["shop/checkout.py"]},
    "report": {"kind": "weekly"},
    "reviews": {},
    "review-record": {"slo": "checkout", "kind": "budget", "by": "sre", "notes": "as it is"},
    "misses": {},
    "feedback-add": {
        "text": "slow", "start": "2026-01-06T02:00:00Z", "end": "2026-01-06T03:00:00Z",
    },
    "feedback-list": {},
}  # fmt: skip
#: Takes a miss to close, and there is none.
NOT_HERE = {"miss-close"}

#: Of what it makes, others take the id.
MAKES = {
    "gate": "decision",
    "exclude-add": "exclusion",
    "budget-reserve": "reservation",
    "silence-add": "silence",
}


def running(directory: Path, *options: str) -> Iterator[Evaluator]:
    """An evaluator with a minute of runs, each tenth of them bad."""
    judge = launch(directory, None, options)
    now_ms = time.time_ns() // 1_000_000 // 1000 * 1000
    records = [build_schedule(1000, from_ms=now_ms - 60_000)] + [
        build_run(now_ms - n * 1000, Outcome.PASSED if n % 10 else Outcome.FAILED)
        for n in range(1, 60)
    ]
    entries = [Entry(n, 1, record) for n, record in enumerate(records, 1)]
    headers = {"Content-Type": "application/x-protobuf"}
    body = encode.logs(entries, {})
    judge.http.post("/v1/logs", content=body, headers=headers).raise_for_status()
    yield judge
    judge.close()


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluator]:
    yield from running(tmp_path_factory.mktemp("described"))


@pytest.fixture(scope="module")
def description(judge: Evaluator) -> dict[str, Any]:
    found: dict[str, Any] = judge.http.get(DESCRIPTION).raise_for_status().json()
    return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    contracts = load_contracts(write_contract(tmp_path / "contracts"))
    files = contracts, Channels()
    with (
        closing(Clerk.open(tmp_path / "journal.db", (), whole=True)) as clerk,
        closing(View.open(clerk.path)) as view,
        closing(
            Bench(
                files, lambda: files, clerk, (view, view), tmp_path, url="http://judge", door=Door()
            )
        ) as made,
    ):
        yield made


def as_described(
    description: dict[str, Any], method: str, path: str, reply: httpx.Response
) -> None:
    """Fails unless the answer is one of those that the description has."""
    replies = description["paths"][path][method]["responses"]
    assert str(reply.status_code) in replies, reply.text
    kind = reply.headers["content-type"].partition(";")[0]
    content = replies[str(reply.status_code)]["content"]
    kinds = {name.partition(";")[0]: body["schema"] for name, body in content.items()}
    assert kind in kinds
    if kind == "application/json":
        schema = kinds[kind] | {"components": description["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(reply.json())


def test_everything_that_programs_ask_for_is_described_and_nothing_else(bench: Bench) -> None:
    porch = bench._app
    assert isinstance(porch, Porch)
    served: Any = porch.app
    routes = {
        (path, method.lower())
        for route in served.routes
        for path in ([f"/api/v1/{v}" for v in VERBS] if route.path == ANY_VERB else [route.path])
        for method in route.methods - {"HEAD"}
        if path.startswith(PROGRAMS)
    }
    described = {
        (path, method)
        for path, operations in describe(VERBS)["paths"].items()
        for method in operations.keys() - {"parameters"}
    }
    assert routes == described


@pytest.mark.parametrize("verb", VERBS)
def test_a_request_is_read_by_the_model_that_is_described(verb: str, judge: Evaluator) -> None:
    """A key that no model has is refused with all the keys that there are."""
    reply = judge.http.post(f"/api/v1/{verb}", json={"zzzzzzzz": 1})
    assert reply.status_code == 400
    said = reply.json()["error"].split("request: zzzzzzzz: is not a key here, ")[1].split(";")[0]
    names = sorted(VERBS[verb].request.model_fields)
    several = "one of " if len(names) > 1 else ""
    assert said == (f"write {several}{', '.join(names)}" if names else "remove it")


def test_every_verb_and_page_answers_as_described(
    judge: Evaluator, description: dict[str, Any]
) -> None:
    assert REQUESTS.keys() == VERBS.keys() - NOT_HERE
    known: dict[str, str] = {}
    for verb, request in REQUESTS.items():
        asked = {key: known.get(str(value), value) for key, value in request.items()}
        reply = judge.http.post(f"/api/v1/{verb}", json=asked)
        assert reply.status_code == 200, reply.text
        as_described(description, "post", f"/api/v1/{verb}", reply)
        answer = reply.json()
        assert answer.keys() == VERBS[verb].says.keys()
        if verb in MAKES:
            made = answer[MAKES[verb]]
            known[f"<{MAKES[verb]}>"] = made if isinstance(made, str) else made["id"]
    for path, operations in description["paths"].items():
        if "get" in operations:
            reply = judge.http.get(path.replace("{slo}", "checkout"))
            as_described(description, "get", path, reply)
    missing = judge.http.get("/badge/nothing.svg")
    as_described(description, "get", "/badge/{slo}.svg", missing)
    as_described(description, "post", "/-/reload", judge.http.post("/-/reload"))


def test_refusals_are_as_described(judge: Evaluator, description: dict[str, Any]) -> None:
    for path, operations in description["paths"].items():
        if "post" not in operations:
            continue
        for content, headers in [
            (b"\xff", {"Content-Type": "application/json"}),
            (b"\xff", {"Content-Type": "application/x-protobuf"}),
            (b"", {}),
            (b"{}", {"Content-Type": "application/json", "Origin": "https://a.example"}),
        ]:
            reply = judge.http.post(path, content=content, headers=headers)
            as_described(description, "post", path, reply)


def test_what_an_operation_takes_is_its_scope(description: dict[str, Any]) -> None:
    for name, verb in VERBS.items():
        security = description["paths"][f"/api/v1/{name}"]["post"]["security"]
        assert security[-1] == ({"token": [verb.scope]} if verb.scope else {"password": ["read"]})
        assert ({} in security) == (verb.scope is None)
    assert description["paths"]["/v1/logs"]["post"]["security"] == [{"token": [Scope.INGEST]}]
    assert description["paths"]["/healthz"]["get"]["security"] == []


def test_a_description_has_defaults_as_people_write_them(description: dict[str, Any]) -> None:
    schemas = description["components"]["schemas"]
    assert schemas["GrantRequest"]["properties"]["expires"]["default"] == "4h"
    assert schemas["SpentRequest"]["properties"]["within"]["default"] == "2h"
    for schema in schemas.values():
        for key, field in schema.get("properties", {}).items():
            if "default" in field:
                jsonschema_rs.Draft202012Validator(field).validate(field["default"])
            assert "$defs" not in field, key


def test_where_the_description_is_stands_in_the_help() -> None:
    nothing: Any = None
    assert DESCRIPTION in {route.path for route in Api(nothing).routes()}
    from prober.cli.evaluator import command

    assert DESCRIPTION in (command.__doc__ or "")
