"""Channels: who is told, and what is said when a route leads nowhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from prober.evaluator.alerts.channels import Channels, load
from prober.slo.contract import Alerts, Contract
from prober.slo.format import parse

TEXT = """\
channels:
  oncall:
    - alertmanager: http://alertmanager.example:9093/
    - webhook: https://hooks.example/prober
      secret: ${SECRET}
      headers: {Authorization: "Bearer ${SECRET}"}
    - webhook: https://hooks.example/other
      name: other
  payments:
    - apprise: json://hooks.example/${SECRET}
default: payments
"""
ENVIRON = {"SECRET": "correct-horse"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "channels.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def routed(contract_text: Callable[..., str]) -> Callable[..., Contract]:
    """`routed(page=…)`: a contract with these routes."""

    def make(**routes: str) -> Contract:
        contract = parse(contract_text(), "checkout.slo.yaml")
        return replace(contract, alerts=Alerts(routes=routes))

    return make


def test_every_key_is_read(file: Path) -> None:
    found = load(file, ENVIRON)
    first, second, third = found.ways["oncall"]
    assert (first.kind, first.url) == ("alertmanager", "http://alertmanager.example:9093/")
    assert (second.kind, second.secret) == ("webhook", "correct-horse")
    assert second.headers == {"Authorization": "Bearer correct-horse"}
    assert [str(way.id) for way in (first, second, third)] == [
        "oncall.alertmanager",
        "oncall.webhook",
        "oncall.other",
    ]
    assert found.ways["payments"][0].url == "json://hooks.example/correct-horse"
    assert found.default == "payments"


def test_what_opens_doors_is_not_shown(file: Path) -> None:
    assert "correct-horse" not in repr(load(file, ENVIRON))
    assert "hooks.example" not in repr(load(file, ENVIRON))


def test_what_a_service_answers_is_shown_without_it(file: Path) -> None:
    way = load(file, ENVIRON).ways["payments"][0]
    assert way.hide("no json://hooks.example/correct-horse here") == "no … here"
    assert way.hide("GET /correct-horse: 404") == "GET …: 404"


def test_without_a_file_nobody_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, routed: Callable[..., Contract]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = load(None)
    assert found == Channels()
    (tmp_path / "nobody.yaml").write_text("channels: {}\n")
    assert load(tmp_path / "nobody.yaml") == Channels()
    assert found.check([routed(page="anybody")]) == []
    assert found.unheard([routed()]) == []


def test_the_file_is_looked_for_in_the_current_directory(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    assert load(None, ENVIRON) == load(file, ENVIRON)


def test_a_route_that_names_no_channel_says_which_there_are(
    file: Path, routed: Callable[..., Contract]
) -> None:
    found = load(file, ENVIRON)
    (near,) = found.check([routed(page="oncal", ticket="payments")])
    assert str(near).endswith(
        "spec.alerts.routes.page: there is no channel oncal, did you mean oncall?"
    )
    (far,) = found.check([routed(ticket="somebody else")])
    assert str(far).endswith("there is no channel somebody else, write one of oncall, payments")


def test_a_severity_of_which_nobody_is_told_is_named(
    file: Path, routed: Callable[..., Contract]
) -> None:
    without = replace(load(file, ENVIRON), default=None)
    (problem,) = without.unheard([routed(page="oncall")])
    assert "nobody is told of alerts of severity ticket" in str(problem)
    assert load(file, ENVIRON).unheard([routed()]) == []


def test_a_state_goes_where_it_is_routed_and_else_with_the_tickets(
    file: Path, routed: Callable[..., Contract]
) -> None:
    found = load(file, ENVIRON)
    contract = routed(page="oncall", EXHAUSTED="oncall")
    assert found.route(contract, "page") == "oncall"
    assert found.route(contract, "EXHAUSTED", "ticket") == "oncall"
    assert found.route(contract, "WARNING", "ticket") == "payments"
    assert found.route(routed(ticket="oncall"), "WARNING", "ticket") == "oncall"


def test_what_is_another_is_said(file: Path) -> None:
    one = load(file, ENVIRON)
    other = Channels(ways={"oncall": one.ways["oncall"][:1], "new": one.ways["payments"]})
    assert list(one.differences(one)) == []
    assert list(one.differences(other)) == [
        "channel new is new",
        "channel oncall has other ways",
        "channel payments is gone",
        "the default channel is none",
    ]
