"""Evaluations as JSON: every fraction exact, and no float anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from prober.evaluator.judging import plain
from prober.evaluator.judging.evaluate import evaluate
from prober.evaluator.sources.journal import JournalSource
from prober.journal.view import View
from prober.model import Outcome, Record, Run, Schedule
from prober.slo import format
from prober.slo.contract import Budgeting, Contract, Latency, Objective, Sla
from prober.slo.exclusion import Category, Exclusion
from prober.slo.moment import moment_ms
from prober.slo.region import Mode, RegionRule
from prober.slo.window import Calendar, Unit

ROOT = Path(__file__).resolve().parents[3]
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
BEGIN_MS = moment_ms("2026-07-01T00:00:00Z")
DOWN = Exclusion(
    id="x1",
    start_ms=BEGIN_MS,
    end_ms=BEGIN_MS + MINUTE_MS,
    category=Category.PROVIDER_OUTAGE,
    reason="the provider was down",
    requested_by="dana",
    approved_by="sre-lead",
    created_ms=BEGIN_MS,
)
Told = Callable[..., dict[str, Any]]


@pytest.fixture
def told(
    journal: Callable[..., Path],
    contract_text: Callable[..., str],
    run: Callable[..., Run],
    schedule: Callable[..., Schedule],
) -> Told:
    """`told(target=…)`: an hour of runs a minute, the first two of them bad, as read from JSON."""

    def read(exclusions: tuple[Exclusion, ...] = (), **changes: Any) -> dict[str, Any]:
        texts = {key: value for key, value in changes.items() if isinstance(value, str)}
        fields = {key: value for key, value in changes.items() if key not in texts}
        contract: Contract = format.parse(contract_text(**texts), "checkout.slo.yaml")
        records: list[Record] = [schedule(MINUTE_MS, from_ms=BEGIN_MS)]
        for n in range(60):
            outcome = Outcome.FAILED if n < 2 else Outcome.PASSED
            records.append(run(BEGIN_MS + n * MINUTE_MS, outcome))
        view = View.open(journal(records))
        found = evaluate(
            replace(contract, **fields),
            JournalSource(view),
            BEGIN_MS + HOUR_MS,
            exclusions=exclusions,
            skew_ms=1,
        )
        view.close()
        text = json.dumps(plain.evaluation(found))
        value: dict[str, Any] = json.loads(
            text, parse_float=lambda value: pytest.fail(f"{value} is a float")
        )
        return value

    return read


def test_fractions_are_exact_text_beside_a_decimal(told: Told) -> None:
    (result,) = told(target="99.9%")["results"]
    assert result["compliance"] == {"exact": "29/30", "decimal": "0.966666"}
    assert result["consumed"] == {"exact": "100/3", "decimal": "33.333333"}
    assert result["counts"] == {
        "good": 58,
        "bad": 2,
        "invalid": 0,
        "due": 60,
        "excluded": 0,
        "no_data_slices": 0,
    }


def test_a_share_just_below_a_bound_does_not_read_as_the_bound(told: Told) -> None:
    (result,) = told(target="0.000001%")["results"]
    assert Fraction(result["remaining"]["exact"]) == 1 - Fraction(2) / (
        60 * (1 - Fraction(1, 10**8))
    )
    assert result["remaining"]["decimal"] == "0.966666"


def test_parts_of_slices_are_text(told: Told) -> None:
    sliced = Budgeting(slice_ms=5 * MINUTE_MS, rule=RegionRule(mode=Mode.POOLED))
    (result,) = told(budgeting=sliced)["results"]
    assert (result["counts"]["good"], result["counts"]["bad"]) == ("58/5", "2/5")
    assert (result["unit"], result["region_rule"]) == ("slices", "pooled")


def test_raw_stands_beside_adjusted(told: Told) -> None:
    slo = told((DOWN,))
    (result,) = slo["results"]
    assert (result["counts"]["bad"], result["raw"]["counts"]["bad"]) == (1, 2)
    assert (result["excluded"], result["returned"]["exact"]) == (1, "29/177")
    assert (slo["exclusions"], len(slo["exclusions_hash"])) == (["x1"], 64)


def test_windows_of_both_kinds_say_what_they_are(told: Told) -> None:
    (rolling,) = told()["results"]
    assert rolling["window"] == {
        "name": "rolling",
        "label": "1h",
        "gate": True,
        "duration_ms": HOUR_MS,
    }
    (month,) = told(windows=(Calendar("month", Unit.MONTH, "UTC"),))["results"]
    assert month["window"] == {
        "name": "month",
        "label": "this month in UTC",
        "gate": False,
        "unit": "month",
        "time_zone": "UTC",
    }
    assert (month["start"], month["end"]) == ("2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z")
    assert (month["nominal_ms"], month["planned"]) == (31 * 24 * HOUR_MS, 31 * 24 * 60)
    assert month["pace"] is not None


def test_what_is_ahead_is_told_in_moments(told: Told) -> None:
    (result,) = told(target="99%")["results"]
    projection = result["projection"]
    assert (result["met"], result["on_track"], projection["exhausts"]) == (
        False,
        False,
        "2026-07-01T01:00:00Z",
    )
    assert projection["recovers"] > "2026-07-01T01:00:00Z"
    assert result["outlook"].startswith("is spent until 2026-07-01T01:0")


def test_alerts_tell_rates_thresholds_and_failures(told: Told) -> None:
    (result,) = told()["results"]
    for alert in result["alerts"]:
        assert alert["standing"] in ("quiet", "pending", "firing", "unknown")
        assert Fraction(alert["threshold"]["exact"]) >= 1
    assert result["burn_rates"][str(HOUR_MS)] == result["burn_rate"]


def test_what_was_received_is_counted_by_name(told: Told) -> None:
    (result,) = told()["results"]
    assert set(result["received"].values()) == {0}


def test_an_sla_stands_beside_the_objective_that_keeps_it(told: Told) -> None:
    """Two of 60 runs: a third of what 90 % allow, and two thirds of 95 %."""
    promised = Sla(target=Fraction("0.9"))
    latency = '    - {name: latency, sli: {latency: {threshold: 8s}}, target: "95%"}'
    success, slow = told(target="95%", more=latency, sla=promised)["results"]
    assert success["consumed"]["exact"] == "2/3"
    assert {name: value["exact"] for name, value in success["sla"].items()} == {
        "target": "9/10",
        "consumed": "1/3",
        "burn_rate": "1/3",
    }
    assert slow["sla"] is None
    (alone,) = told(objectives=(Objective("slow", Latency(8_000_000), Fraction("0.95")),),
                    sla=promised)["results"]  # fmt: skip
    assert alone["sla"]["target"]["exact"] == "9/10"
    assert told()["results"][0]["sla"] is None


def test_every_field_is_documented(told: Told) -> None:
    page = (ROOT / "docs" / "slo.md").read_text().partition("### JSON\n")[2]
    named = set(re.findall(r"`([a-z_]+)(?:\[\])?`", page))
    slo = told()
    (result,) = slo["results"]
    for fields in (slo, result, result["counts"], *result["alerts"], *result["regions"]):
        assert fields.keys() <= named
    assert result["projection"].keys() <= named
