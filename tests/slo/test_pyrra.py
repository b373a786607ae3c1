"""Pyrra's objects hold what Pyrra asks for, one of each objective and window."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from prober.errors import InputError
from prober.slo.format import parse
from prober.slo.pyrra import pyrra_files
from tests.slo.test_contract import DESIGNED, MINIMAL

#: Pyrra takes nothing but a plain selector for a metric.
SELECTOR = re.compile(r'prober_sli_events_total\{(\w+="[^"]*",?)+\}')


def exported(text: str = MINIMAL, window: str | None = None) -> list[dict[str, Any]]:
    files = pyrra_files(parse(text, "contract.yaml"), window)
    found = [dict(YAML(typ="safe").load(file.text)) for file in files]
    assert [file.name for file in files] == [f"{o['metadata']['name']}.pyrra.yaml" for o in found]
    return found


def test_an_object_is_a_ratio_of_bad_runs() -> None:
    [found] = exported()
    assert (found["apiVersion"], found["kind"]) == ("pyrra.dev/v1alpha1", "ServiceLevelObjective")
    assert found["metadata"] == {"name": "login-availability-rolling"}
    assert (found["spec"]["target"], found["spec"]["window"]) == ("99.9", "30d")
    ratio = found["spec"]["indicator"]["ratio"]
    assert all(SELECTOR.fullmatch(ratio[part]["metric"]) for part in ("errors", "total"))
    assert 'prober_result="bad"' in ratio["errors"]["metric"]
    assert "prober_result" not in ratio["total"]["metric"]


def test_every_objective_and_window_has_an_object() -> None:
    text = DESIGNED.replace(
        "duration: 30d, gate: true}", "duration: 30d},\n    {name: week, duration: 7d}"
    )
    text = re.sub(
        r"    - \{name: quarter.*\n",
        "",
        text.replace("    - {name: rolling", "    [{name: rolling").replace("7d}", "7d}]"),
    )
    names = {each["metadata"]["name"] for each in exported(text)}
    assert len(names) == 6
    assert len(exported(text, "week")) == 3


def test_labels_travel_where_kubernetes_allows_them() -> None:
    text = MINIMAL.replace(
        "{name: login}", '{name: login, labels: {team: web, "a b": c, who: a@x}}'
    )
    assert exported(text)[0]["metadata"]["labels"] == {"pyrra.dev/team": "web"}


def test_a_calendar_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        exported(DESIGNED)
    (refused,) = caught.value.problems
    assert (refused.path, refused.mend) == (
        "spec.windows[1]",
        "choose another with --window rolling",
    )
    assert refused.what == (
        "Pyrra knows no calendar: it cannot express availability, latency, correctness over quarter"
    )
    quarters = DESIGNED.replace(
        "{name: rolling, duration: 30d, gate: true}",
        "{name: y, calendar: {unit: year, time_zone: UTC}}",
    )
    with pytest.raises(InputError) as caught:
        exported(quarters)
    assert {each.mend for each in caught.value.problems} == {"add a rolling window of 28d or 30d"}
    assert len(exported(DESIGNED, "rolling")) == 3
