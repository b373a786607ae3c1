"""What a journey's `http` is answered when it is spoilt on purpose, and only there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from prober.agent.client import Client
from prober.agent.mutation import Kind
from prober.agent.recorder import Recorder
from prober.agent.tamper import Exchanges, Spoilt
from tests.faults.bench import Site


@pytest.fixture
def recorder(site: Site) -> Recorder:
    return Recorder(lambda event: None, {}, [f"127.0.0.1:{site.port}"])


@pytest.fixture
def client(site: Site, recorder: Recorder) -> Iterator[Client]:
    with Client(recorder, base_url=site.url, trust_env=False) as made:
        made.ends = time.monotonic() + 20
        yield made


@pytest.fixture
def bill(site: Site) -> Iterator[str]:
    """The address of a reply with fields of every sort."""
    site.pages["/bill"] = (
        '{"name": "Ada", "sum": "29.90", "tax": 1.5, "id": 7, "note": null, "tags": [],'
        ' "lines": [{"price": "9.90"}, {"price": "20.00"}], "to": {"city": "Ulm"}}'
    )
    yield "/bill"
    del site.pages["/bill"]


def noted(client: Client, recorder: Recorder, address: str) -> list[dict[str, Any]]:
    client.tamper = exchanges = Exchanges(recorder)
    client.get(address)
    return exchanges.places


def spoilt(client: Client, kind: Kind, place: dict[str, Any]) -> list[bool]:
    struck: list[bool] = []
    client.tamper = Spoilt(kind, place, lambda: struck.append(True))
    return struck


def test_a_reply_and_its_fields_are_noted(client: Client, recorder: Recorder, bill: str) -> None:
    reply, *fields = noted(client, recorder, bill)
    assert (reply["sort"], reply["method"], reply["path"], reply["nth"]) == (
        "reply", "GET", "/bill", 1,
    )  # fmt: skip
    assert {each["field"]: each["holds"] for each in fields} == {
        "name": "content", "sum": "amount", "tax": "amount", "id": "other", "lines": "content",
        "lines[].price": "amount", "to": "content", "to.city": "content",
    }  # fmt: skip
    assert "Ada" not in str(fields)  # a value may be a token


def test_what_is_asked_again_in_a_step_is_noted_once(client: Client, recorder: Recorder) -> None:
    client.tamper = exchanges = Exchanges(recorder)
    with recorder.step("poll", None):
        client.get("/json")
        client.get("/json")
    with recorder.step("once more", None):
        client.get("/json")
    replies = [each for each in exchanges.places if each["sort"] == "reply"]
    assert [(each["step"], each["nth"]) for each in replies] == [("poll", 1), ("once more", 3)]


def test_other_hosts_are_left_alone(client: Client, site: Site) -> None:
    elsewhere = Recorder(lambda event: None, {}, ["shop.example"])
    assert noted(client, elsewhere, "/json") == []


@pytest.mark.parametrize(
    ("kind", "status", "empty"), [(Kind.ERROR, 500, False), (Kind.BLANK, 200, True)]
)
def test_an_answer_is_replaced(
    client: Client, recorder: Recorder, site: Site, kind: Kind, status: int, empty: bool
) -> None:
    [place, *_] = noted(client, recorder, "/json")
    asked = len(site.asked)
    struck = spoilt(client, kind, place)
    reply = client.get("/json")
    assert (reply.status_code, reply.content == b"", struck) == (status, empty, [True])
    assert reply.elapsed.total_seconds() == 0
    assert len(site.asked) == asked  # the site knows nothing of it
    assert client.get("/").status_code == 200


def test_a_connection_is_cut(client: Client, recorder: Recorder) -> None:
    [place, *_] = noted(client, recorder, "/json")
    spoilt(client, Kind.ABORT, place)
    with pytest.raises(httpx.NetworkError):
        client.get("/json")
    assert recorder.unreachable


def test_an_answer_does_not_come_in_time(client: Client, recorder: Recorder) -> None:
    [place, *_] = noted(client, recorder, "/json")
    spoilt(client, Kind.SLOW, place)
    client.ends = time.monotonic() + 0.2
    with pytest.raises(httpx.ReadTimeout):
        client.get("/json")


def test_only_from_the_time_that_is_meant(client: Client, recorder: Recorder) -> None:
    [place, *_] = noted(client, recorder, "/json")
    spoilt(client, Kind.ERROR, place | {"nth": 2})
    assert [client.get("/json").status_code for _ in range(3)] == [200, 500, 500]


@pytest.mark.parametrize(
    ("kind", "field", "said"),
    [
        (Kind.REMOVED, "name", {"name"}),
        (Kind.EMPTIED, "name", {"name": ""}),
        (Kind.EMPTIED, "lines", {"lines": []}),
        (Kind.EMPTIED, "to.city", {"to": {"city": ""}}),
        (Kind.AMOUNT, "sum", {"sum": "28.90"}),
        (Kind.AMOUNT, "tax", {"tax": 2.5}),
        (Kind.AMOUNT, "lines[].price", {"lines": [{"price": "8.90"}, {"price": "21.00"}]}),
        (Kind.REMOVED, "lines[].price", {"lines": [{}, {}]}),
    ],
)
def test_a_field_is_spoilt_and_nothing_else(
    client: Client, recorder: Recorder, bill: str, kind: Kind, field: str, said: Any
) -> None:
    places = noted(client, recorder, bill)
    client.tamper = lambda request, send: send()
    before = client.get(bill).json()
    [place] = [each for each in places if each.get("field") == field]
    struck = spoilt(client, kind, place)
    after = client.get(bill).json()
    changed = (
        before | said
        if isinstance(said, dict)
        else {name: value for name, value in before.items() if name not in said}
    )
    assert (after, struck) == (changed, [True])


def test_a_reply_without_the_field_is_left_as_it_is(client: Client, recorder: Recorder) -> None:
    [place, *_] = noted(client, recorder, "/json")
    missing = place | {"sort": "field", "field": "orders[].total", "holds": "content"}
    struck = spoilt(client, Kind.REMOVED, missing)
    assert (client.get("/json").json(), struck) == ({"ok": True}, [])
