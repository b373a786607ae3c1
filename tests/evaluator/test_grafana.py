"""The dashboard for Grafana: every panel finds what it asks for in a real Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from prober import conventions as names
from prober.conventions import prometheus_name
from prober.evaluator.board import Board
from prober.evaluator.web import exposition, readings
from prober.journal.tally import rules_of
from prober.journal.view import View
from prober.model import Outcome, Phase, Step
from prober.slo.format import parse
from prober.telemetry.totals import Reading
from tests.conftest import ROOT, require_backends
from tests.evaluator.conftest import build_contract
from tests.evaluator.fleet import EVERY_MS, HOUR_MS, Fleet, Prometheus

DASHBOARD = json.loads((ROOT / "regions" / "grafana" / "prober.json").read_text())
BEGIN_MS = 1_782_900_000_000
CONTRACT = parse(build_contract(window="2h", min_runs=10), "checkout.slo.yaml")
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
#: The fleet delivers by itself; an agent with a destination says this too.
WAITING = Reading(
    names.EXPORT_AGE,
    {names.REGION: "eu-west-1", names.DESTINATION: "main", names.SIGNAL: "logs"},
    2,
)
#: What Grafana puts in the place of its variables when all of them are meant.
MEANT = {"$slo": ".*", "$journey": ".*", "$region": ".*"}


def story(region: str, slot_ms: int) -> dict[str, Any] | None:
    """Something of everything that a panel may show."""
    step = Step(
        name="pay",
        offset_us=0,
        duration_us=900_000,
        outcome=Outcome.PASSED,
        vitals={"lcp": 300_000},
    )
    common = {"steps": (step,), "phases": {Phase.LAUNCH: 300_000}}
    match slot_ms // EVERY_MS % 10:
        case 3:
            return {**common, "outcome": Outcome.FAILED}
        case 5:
            return {**common, "outcome": Outcome.INCONCLUSIVE}
        case 7:
            return None
    return common


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, int]]:
    """Three hours of two agents and their evaluator; and the moment at their end, in s."""
    require_backends()
    directory = tmp_path_factory.mktemp("grafana")
    fleet = Fleet(directory, rules_of([CONTRACT]), BEGIN_MS, "eu-west-1", "us-east-1")
    for site in fleet.sites.values():
        site.wanted = re.compile("prober_")
    fleet.start()
    view = View.open(fleet.path)
    board = Board((CONTRACT,), view, clock=lambda: fleet.now_ms)
    pages = []
    for _ in range(12):
        fleet.live(HOUR_MS // 4, story)
        text = exposition([*readings(board.status()), WAITING])
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        pages.append("".join(f"{line} {fleet.now_ms / 1000:.3f}\n" for line in lines))
    pages += [page for site in fleet.sites.values() for page in site.pages]
    view.close()
    fleet.close()
    server = Prometheus(directory, (page for page in pages if page))
    yield server, fleet.now_ms // 1000
    server.close()


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_finds_what_it_asks_for(
    prometheus: tuple[Prometheus, int], panel: dict[str, Any]
) -> None:
    server, end_s = prometheus
    for target in panel["targets"]:
        promql = target["expr"]
        for variable, value in MEANT.items():
            promql = promql.replace(variable, value)
        assert "$" not in promql
        asked = {"query": promql, "start": end_s - 7200, "end": end_s, "step": 60}
        found = server.http.get("/api/v1/query_range", params=asked).raise_for_status().json()
        series = found["data"]["result"]
        assert series, promql
        assert any(value != "NaN" for each in series for _, value in each["values"]), promql
        legends = re.findall(r"{{(\w+)}}", target["legendFormat"])
        assert all(set(legends) <= {*each["metric"], "error_type"} for each in series), promql


def test_every_variable_has_a_series_to_choose_from(prometheus: tuple[Prometheus, int]) -> None:
    server, end_s = prometheus
    for variable in DASHBOARD["templating"]["list"][1:]:
        match = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"])
        assert match
        span = {"match[]": match[1], "start": end_s - 7200, "end": end_s}
        values = server.http.get(f"/api/v1/label/{match[2]}/values", params=span).json()["data"]
        assert values, variable["name"]


def test_panels_ask_for_metrics_that_there_are() -> None:
    known = {prometheus_name(metric) for metric in names.METRICS}
    asked = set(re.findall(r"prober_\w+(?=[{ ])", json.dumps(PANELS)))
    metrics = {re.sub("_(bucket|sum|count)$", "", name) for name in asked}
    assert metrics <= known | {"prober_journal_size_bytes"}, metrics - known


def test_panels_lie_beside_each_other_and_have_their_own_ids() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_dashboard_names_no_host_and_no_source_of_anybody() -> None:
    text = json.dumps(DASHBOARD)
    assert "http" not in text
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}
