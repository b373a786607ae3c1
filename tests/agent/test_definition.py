"""What an agent works by: what contracts ask for reaches the journeys they are about."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.agent.definition import Definition
from prober.config import load_region
from prober.slo.format import parse
from tests.agent.rig import make_journey

REGION = "region: eu-west-1\nbase_url: http://127.0.0.1:8123\n"
CONTRACT = """\
apiVersion: prober/v1
kind: SLO
metadata: {{name: checkout}}
spec:
  journey: checkout
  owners: {{product: pm, sre: sre}}
  rationale: Support calls start below this target
  objectives:
    - {{name: fast, sli: {sli}, target: "99.5%"}}
  windows:
    - {{name: rolling, duration: 30d}}
  data: {{retry: {retry}}}
  policy: seed-5
"""


@pytest.mark.parametrize(
    ("sli", "retry", "timed_again"),
    [
        ("{latency: {threshold: 2s}}", "final", True),
        ("{latency: {threshold: 2s}}", "first", False),
        ("success", "final", False),
    ],
)
def test_a_second_attempt_is_timed_where_a_contract_judges_the_time_of_the_last(
    sli: str, retry: str, timed_again: bool, tmp_path: Path
) -> None:
    path = tmp_path / "eu-west-1.yaml"
    path.write_text(REGION)
    contract = parse(CONTRACT.format(sli=sli, retry=retry), "checkout.slo.yaml")
    journeys = [make_journey("checkout"), make_journey("login")]
    definition = Definition.of(load_region(path, {}), journeys, [contract])
    assert {each.name: each.timed_again for each in definition.journeys} == {
        "checkout": timed_again,
        "login": False,
    }
