"""Policy files say only what is otherwise than in `seed-5`, and say it strictly."""

from __future__ import annotations

from datetime import time
from fractions import Fraction
from pathlib import Path

import pytest

from prober.errors import InputError
from prober.slo.off_peak import Hours, OffPeak
from prober.slo.policy import SEED_5, Answer, ChangeClass, OnInconclusive, Verdict
from prober.slo.policy_format import load
from prober.slo.state import State

HEAD = """\
apiVersion: prober/v1
kind: Policy
metadata: {name: payments}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "payments.yaml"


def test_an_empty_policy_is_seed_5_by_another_name(path: Path) -> None:
    path.write_text(f"{HEAD}spec: {{}}\n")
    policy = load(path)
    assert policy.name == "payments"
    for part in ("bands", "actions", "gate", "conditions", "ranks", "review_ms", "off_peak"):
        assert getattr(policy, part) == getattr(SEED_5, part), part
    assert (policy.reviewer, policy.lifts) == (SEED_5.reviewer, SEED_5.lifts)
    assert policy.on_inconclusive is OnInconclusive.BLOCK


def test_everything_can_be_otherwise(path: Path) -> None:
    path.write_text(
        f"""{HEAD}spec:
  bands: {{WARNING: "40%", EXHAUSTED: "90%"}}
  actions: {{WARNING: [Tell the CTO], UNKNOWN: [Look at the agents]}}
  conditions: {{FULL: [watch the dashboard]}}
  gate:
    WARNING:
      feature: {{critical_path: block, other: approval:sre+cto}}
      config: allow:off-peak
  roles: {{cto: 4, sre: 2}}
  reviewer: cto
  lifts: cto
  reviews: {{FULL: 4w}}
  off_peak:
    time_zone: Europe/Berlin
    hours: [{{days: [sat, sun], from: "00:00", to: "06:30"}}, {{from: "22:00", to: "06:00"}}]
  on_inconclusive: approve
"""
    )
    policy = load(path)
    assert policy.bands == (
        (Fraction(0), State.FULL),
        (Fraction(1, 4), State.CAUTION),
        (Fraction(2, 5), State.WARNING),
        (Fraction(3, 4), State.CRITICAL),
        (Fraction(9, 10), State.EXHAUSTED),
    )
    assert policy.actions == {
        **SEED_5.actions,
        State.WARNING: ("Tell the CTO",),
        State.UNKNOWN: ("Look at the agents",),
    }
    assert policy.conditions[State.FULL] == ("watch the dashboard",)
    assert policy.conditions[State.CAUTION] == SEED_5.conditions[State.CAUTION]
    feature = policy.gate[State.WARNING][ChangeClass.FEATURE]
    assert feature.critical_path == Answer(Verdict.BLOCK)
    assert feature.other == Answer(Verdict.APPROVAL, ("sre", "cto"))
    config = policy.gate[State.WARNING][ChangeClass.CONFIG]
    assert config == (Answer(Verdict.ALLOW, off_peak=True),) * 2
    security = policy.gate[State.WARNING][ChangeClass.SECURITY]
    assert security == SEED_5.gate[State.WARNING][ChangeClass.SECURITY]
    assert policy.gate[State.CRITICAL] == SEED_5.gate[State.CRITICAL]
    assert policy.ranks == {**SEED_5.ranks, "cto": 4, "sre": 2}
    assert (policy.reviewer, policy.lifts) == ("cto", "cto")
    assert policy.review_ms == {**SEED_5.review_ms, State.FULL: 28 * 86_400_000}
    assert policy.off_peak == OffPeak(
        "Europe/Berlin",
        (
            Hours(start=time(0), end=time(6, 30), days=frozenset({"sat", "sun"})),
            Hours(start=time(22), end=time(6)),
        ),
    )
    assert policy.on_inconclusive is OnInconclusive.APPROVE


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        pytest.param(
            'bands: {WARNING: "20%"}',
            "spec.bands.WARNING: does not begin above the band before it, write more",
            id="bands out of order",
        ),
        pytest.param(
            'bands: {WARNING: "25%"}',
            "spec.bands.WARNING: does not begin above the band before it, write more",
            id="a band of nothing",
        ),
        pytest.param(
            'bands: {FULL: "20%"}',
            "spec.bands.FULL: 'FULL' is not known, write CAUTION, WARNING, CRITICAL or EXHAUSTED",
            id="a budget that is never FULL",
        ),
        pytest.param(
            "gate: {WARNING: {feature: maybe}}",
            "spec.gate.WARNING.feature: 'maybe' is not an answer, write allow, allow:off-peak, "
            "block, or a role that must approve: approval:sre",
            id="no answer",
        ),
        pytest.param(
            "gate: {UNKNOWN: {feature: allow}}",
            "spec.gate.UNKNOWN: 'UNKNOWN' is not known, write FULL, CAUTION, WARNING, CRITICAL "
            "or EXHAUSTED",
            id="an answer for UNKNOWN",
        ),
        pytest.param(
            "gate: {WARNING: {feature: approval:ser}}",
            "spec.gate.WARNING.feature: there is no role ser, did you mean sre?",
            id="a role that nobody has",
        ),
        pytest.param(
            "reviewer: ser",
            "spec.reviewer: there is no role ser, did you mean sre?",
            id="a reviewer that nobody is",
        ),
        pytest.param(
            "lifts: vp_enginering",
            "spec.lifts: there is no role vp_enginering, did you mean vp_engineering?",
            id="nobody who may lift a block",
        ),
        pytest.param(
            "off_peak: {time_zone: UTC, hours: [{from: 25:00, to: 06:00}]}",
            "spec.off_peak.hours[0].from: '25:00' is not a time of day, write one such as 22:00",
            id="no time of day",
        ),
        pytest.param(
            "off_peak: {time_zone: Berlin, hours: []}",
            "'Berlin' is not a time zone",
            id="no time zone",
        ),
        pytest.param(
            "on_inconclusive: ask",
            "'ask' is not known, write one of allow, approve, block",
            id="no such way with not knowing",
        ),
        pytest.param("band: {}", "spec.band: is not a key here, did you mean bands?", id="no key"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_the_mend(path: Path, spec: str, problem: str) -> None:
    path.write_text(f"{HEAD}spec:\n  {spec}\n")
    with pytest.raises(InputError) as raised:
        load(path)
    assert problem in str(raised.value)
    assert str(raised.value).startswith(f"{path}:5: ")
