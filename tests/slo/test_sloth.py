"""Sloth's file holds what Sloth asks for, and what it cannot say is refused."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from prober.errors import InputError
from prober.slo.format import parse
from prober.slo.sloth import sloth_file
from prober.writing import write
from tests.conftest import BACKENDS, require_backends
from tests.slo.test_contract import DESIGNED, MINIMAL

NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]*[A-Za-z0-9]")


def exported(text: str = MINIMAL, window: str | None = None) -> tuple[str, dict[str, Any]]:
    file = sloth_file(parse(text, "contract.yaml"), window)
    return file.text, dict(YAML(typ="safe").load(file.text))


def test_a_contract_is_a_service_and_an_objective_an_slo() -> None:
    text, spec = exported(DESIGNED, "rolling")
    assert text.startswith("# sloth generate --default-slo-period=30d\n")
    assert (spec["version"], spec["service"]) == ("prometheus/v1", "checkout-completion")
    assert spec["labels"] == {"team": "payments"}
    assert [slo["objective"] for slo in spec["slos"]] == [99.5, 99.0, 99.9]
    names = [slo["name"] for slo in spec["slos"]]
    assert names == [f"checkout-completion-{o}" for o in ("availability", "latency", "correctness")]
    assert all(NAME.fullmatch(name) for name in names)
    alerting = spec["slos"][0]["alerting"]
    assert alerting["page_alert"] == {"labels": {"severity": "page", "route": "oncall"}}
    assert alerting["ticket_alert"] == {"labels": {"severity": "ticket", "route": "payments"}}


def test_its_queries_are_promql_once_sloth_put_its_lookback_in(tmp_path: Path) -> None:
    require_backends()
    _, spec = exported()
    events = spec["slos"][0]["sli"]["events"]
    assert events["error_query"] != events["total_query"]
    for query in events.values():
        assert "{{.window}}" in query
        rules = [{"record": "a", "expr": query.replace("{{.window}}", "5m")}]
        (tmp_path / "rules.yaml").write_text(write({"groups": [{"name": "g", "rules": rules}]}))
        command = [BACKENDS / "bin" / "promtool", "check", "rules", tmp_path / "rules.yaml"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            MINIMAL.replace("30d", "7d"),
            "Sloth has periods of 28d and 30d, not 1w: it cannot express availability over rolling",
            id="a week",
        ),
        pytest.param(
            DESIGNED,
            "Sloth knows no calendar: it cannot express availability, latency, correctness over "
            "quarter, choose another with --window rolling",
            id="a calendar",
        ),
        pytest.param(
            MINIMAL.replace("30d}", "30d}, {name: month, duration: 28d}"),
            "Sloth takes one window a file: it cannot express availability over month, choose "
            "another with --window rolling",
            id="two windows",
        ),
        pytest.param(
            MINIMAL + "  budgeting: {timeslices: {slice: 5m, rule: all}}\n",
            "it counts slices of 5m, and Sloth counts runs",
            id="slices",
        ),
    ],
)
def test_what_sloth_cannot_say_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        exported(text)
    assert said in str(caught.value)
