"""Exports keep the rules of OpenSLO v1, and come back as the contract they were made of."""

from __future__ import annotations

import doctest
import re
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.document import Document, parse_all
from prober.errors import InputError
from prober.slo import openslo
from prober.slo.contract import Contract
from prober.slo.format import load_contracts, parse
from prober.slo.openslo import decoded, encoded, openslo_file
from prober.slo.openslo_import import imported
from prober.writing import flow
from tests.conftest import ROOT
from tests.slo.test_contract import DESIGNED, FULL, MINIMAL

EXAMPLES = {
    "the example of the design": DESIGNED,
    "one with every key": FULL,
    "one with no key too many": MINIMAL,
    **{
        f"the example {path.name.split('.')[0]}": path.read_text()
        for path in sorted((ROOT / "journeys").glob("*.slo.yaml"))
    },
}
contracts = pytest.mark.parametrize("text", EXAMPLES.values(), ids=EXAMPLES.keys())
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SHORTHAND = re.compile(r"[0-9]+[mhdwMQY]")
ANNOTATION = re.compile(
    r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*/)?"
    r"[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?"
)
LABEL = re.compile(r"[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")


def exported(text: str) -> tuple[Document, ...]:
    return parse_all(openslo_file(parse(text, "contract.yaml")).text, "openslo.yaml")


def of_kind(documents: tuple[Document, ...], kind: str) -> list[dict[str, Any]]:
    return [each.data for each in documents if each.data["kind"] == kind]


def returned(contract: Contract) -> Contract:
    [found] = imported(openslo_file(contract).text, "openslo.yaml")
    assert found.notes == ()
    assert found.file.name == f"{contract.name}.slo.yaml"
    return parse(found.file.text, "contract.yaml")


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(openslo).failed == 0


@contracts
def test_a_contract_comes_back_with_its_hash_and_sign_offs(text: str) -> None:
    contract = parse(text, "contract.yaml")
    back = returned(contract)
    assert (back.hash, back) == (contract.hash, contract)


@settings(deadline=None, max_examples=25)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
    st.dictionaries(st.text(max_size=70), st.text(max_size=70), max_size=3),
    st.lists(st.integers(1, 9_999_999), min_size=1, max_size=2),
    st.lists(st.integers(60, 100_000), min_size=1, max_size=2),
)
def test_a_contract_comes_back_whatever_is_written_in_it(
    words: str, labels: dict[str, str], targets: list[int], minutes: list[int]
) -> None:
    objectives = [
        {"name": f"o{number}", "sli": "success", "target": f"{target / 100_000:.5f}%"}
        for number, target in enumerate(targets)
    ]
    windows = [
        {"name": f"w{number}", "duration": f"{span}m"} for number, span in enumerate(minutes)
    ]
    spec = {
        "journey": "buy",
        "owners": {"product": words, "sre": "s"},
        "rationale": words,
        "description": words,
        "effective_from": date(2026, 1, 1),
        "objectives": objectives,
        "windows": windows,
        "alerts": {
            "rules": [{"name": "r", "severity": "page", "burn": 2, "long": "1h", "short": "5m"}]
        },
    }
    text = flow({"apiVersion": "prober/v1", "kind": "SLO",
                 "metadata": {"name": "shop", "displayName": words, "labels": labels},
                 "spec": spec})  # fmt: skip
    contract = parse(text, "contract.yaml")
    back = returned(contract)
    assert (back.hash, back) == (contract.hash, contract)


@given(
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(["600", "true", "a: b", "# x", "[a]", "2026-01-01", "'a'", "", " a "])
)
def test_an_annotation_of_text_is_that_text_wherever_it_can_be(text: str) -> None:
    assert decoded(encoded(text)) == text
    if decoded(text) == text:
        assert encoded(text) == text


# What OpenSLO's specification and its Go SDK ask for


@contracts
def test_every_resource_has_a_name_and_labels_that_are_allowed(text: str) -> None:
    for document in exported(text):
        data = document.data
        assert set(data) == {"apiVersion", "kind", "metadata", "spec"}
        assert data["apiVersion"] == "openslo/v1"
        assert data["kind"] in ("Service", "SLO", "AlertPolicy", "AlertCondition")
        metadata = data["metadata"]
        assert set(metadata) <= {"name", "displayName", "labels", "annotations"}
        assert NAME.fullmatch(metadata["name"])
        assert len(metadata.get("displayName", "")) <= 63
        assert len(data["spec"].get("description", "")) <= 1050
        for key, value in metadata.get("labels", {}).items():
            assert LABEL.fullmatch(key)
            assert LABEL.fullmatch(value)
        for key, value in metadata.get("annotations", {}).items():
            assert ANNOTATION.fullmatch(key)
            assert isinstance(value, str)


@contracts
def test_names_are_taken_once_and_references_lead_somewhere(text: str) -> None:
    documents = exported(text)
    named = [(each.data["kind"], each.data["metadata"]["name"]) for each in documents]
    assert len(set(named)) == len(named)
    for slo in of_kind(documents, "SLO"):
        assert ("Service", slo["spec"]["service"]) in named
        for policy in slo["spec"].get("alertPolicies", ()):
            assert ("AlertPolicy", policy["alertPolicyRef"]) in named
    for policy in of_kind(documents, "AlertPolicy"):
        [condition] = policy["spec"]["conditions"]
        assert ("AlertCondition", condition["conditionRef"]) in named


@contracts
def test_an_slo_has_one_window_one_indicator_and_a_target_below_1(text: str) -> None:
    contract = parse(text, "contract.yaml")
    slos = of_kind(exported(text), "SLO")
    assert len(slos) == len(contract.objectives) * len(contract.windows)
    for slo in slos:
        spec = slo["spec"]
        [window] = spec["timeWindow"]
        assert SHORTHAND.fullmatch(window["duration"])
        assert window["isRolling"] is ("calendar" not in window)
        if not window["isRolling"]:
            assert window["duration"] in ("1d", "1w", "1M", "1Q", "1Y")
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", window["calendar"]["startTime"])
            assert ZoneInfo(window["calendar"]["timeZone"])
        [objective] = spec["objectives"]
        assert 0 < objective["target"] < 1
        assert spec["budgetingMethod"] in ("Occurrences", "Timeslices", "RatioTimeslices")
        if spec["budgetingMethod"] != "Occurrences":
            assert SHORTHAND.fullmatch(objective["timeSliceWindow"])
        if spec["budgetingMethod"] == "Timeslices":
            assert 0 < objective["timeSliceTarget"] <= 1
        ratio = spec["indicator"]["spec"]["ratioMetric"]
        assert set(ratio) == {"counter", "good", "total"}
        assert all(ratio[part]["metricSource"]["spec"] for part in ("good", "total"))
        assert NAME.fullmatch(spec["indicator"]["metadata"]["name"])


@contracts
def test_an_alert_has_one_condition_and_somebody_to_tell(text: str) -> None:
    for policy in of_kind(exported(text), "AlertPolicy"):
        assert {"alertWhenNoData", "alertWhenResolved", "alertWhenBreaching"} < set(policy["spec"])
        for target in policy["spec"]["notificationTargets"]:
            assert target["kind"] == "AlertNotificationTarget"
            assert NAME.fullmatch(target["metadata"]["name"])
            assert target["spec"]["target"]
    for found in of_kind(exported(text), "AlertCondition"):
        condition = found["spec"]["condition"]
        assert found["spec"]["severity"] in ("page", "ticket")
        assert (condition["kind"], condition["op"]) == ("burnrate", "gte")
        assert condition["threshold"] >= 1
        assert SHORTHAND.fullmatch(condition["lookbackWindow"])
        assert SHORTHAND.fullmatch(condition["alertAfter"])


# What stands where


def test_the_mapping_is_the_documented_one() -> None:
    documents = exported(DESIGNED)
    slos = {slo["metadata"]["name"]: slo for slo in of_kind(documents, "SLO")}
    rolling = slos["checkout-completion-latency-rolling"]
    assert rolling["metadata"]["labels"] == {
        "product": "pm-payments", "sre": "sre-payments", "team": "payments",
    }  # fmt: skip
    assert rolling["spec"]["service"] == "checkout"
    assert rolling["spec"]["timeWindow"] == ({"duration": "30d", "isRolling": True},)
    assert rolling["spec"]["objectives"] == ({"displayName": "latency", "target": 0.99},)
    good = rolling["spec"]["indicator"]["spec"]["ratioMetric"]["good"]["metricSource"]
    assert good == {
        "type": "otlp",
        "spec": {
            "metric": "prober.sli.events",
            "attributes": {
                "prober.slo": "checkout-completion",
                "prober.objective": "latency",
                "prober.result": "good",
            },
            "sli": {"latency": {"threshold": "8s"}},
        },
    }
    quarter = slos["checkout-completion-latency-quarter"]["spec"]
    assert quarter["timeWindow"][0]["duration"] == "1Q"
    assert "alertPolicies" not in quarter
    conditions = {each["metadata"]["name"]: each for each in of_kind(documents, "AlertCondition")}
    fast = conditions["checkout-completion-page-fast"]
    assert fast["spec"]["condition"]["threshold"] == 14.4
    assert fast["metadata"]["annotations"]["prober.dev/short"] == "5m"
    policies = {each["metadata"]["name"]: each for each in of_kind(documents, "AlertPolicy")}
    targets = policies["checkout-completion-page-fast"]["spec"]["notificationTargets"]
    assert targets[0]["spec"] == {"target": "oncall"}


def test_labels_that_are_not_allowed_there_are_left_out() -> None:
    labels = 'labels: {"a b": c, team: "pay ments", tier: web}'
    text = MINIMAL.replace("{name: login}", f"{{name: login, {labels}}}")
    [slo] = of_kind(exported(text), "SLO")
    assert slo["metadata"]["labels"] == {"product": "pm", "sre": "sre", "tier": "web"}


def test_slices_are_named_by_what_comes_nearest() -> None:
    def method(budgeting: str) -> dict[str, Any]:
        spec = of_kind(exported(f"{MINIMAL}  budgeting: {budgeting}\n"), "SLO")[0]["spec"]
        return {"budgetingMethod": spec["budgetingMethod"], **spec["objectives"][0]}

    assert method("{timeslices: {slice: 5m, rule: {quorum: 2}}}") == {
        "budgetingMethod": "Timeslices",
        "displayName": "availability",
        "target": 0.999,
        "timeSliceWindow": "5m",
        "timeSliceTarget": 1.0,
    }
    pooled = method("{timeslices: {slice: 5m, rule: pooled}}")
    assert pooled["budgetingMethod"] == "RatioTimeslices"
    assert "timeSliceTarget" not in pooled


def test_an_alert_that_cannot_fire_for_an_objective_is_not_its() -> None:
    text = MINIMAL.replace(
        'target: "99.9%"}', 'target: "99.9%"}, {name: low, sli: success, target: "80%"}'
    )
    refs = {
        slo["metadata"]["name"]: [each["alertPolicyRef"] for each in slo["spec"]["alertPolicies"]]
        for slo in of_kind(exported(text), "SLO")
    }
    assert "login-page-fast" in refs["login-availability-rolling"]
    assert "login-page-fast" not in refs["login-low-rolling"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(
            ("duration: 30d", "duration: 90s"), r"spec\.windows\[0\]: 90s is no whole number",
            id="a window",
        ),
        pytest.param(
            ("30d}]", "30d}]\n  budgeting: {timeslices: {slice: 30s, rule: all}}"),
            r"spec\.budgeting: 30s is no whole number",
            id="a slice",
        ),
        pytest.param(
            (
                "duration: 30d}]",
                "duration: 30d}]\n  alerts: {rules: [{name: a, severity: page, burn: 2, long: 90s, "
                "short: 30s}]}",
            ),
            r"spec\.alerts\.rules\[0\]: 90s is no whole number",
            id="an alert",
        ),
    ],
)  # fmt: skip
def test_what_is_finer_than_a_minute_is_refused(line: tuple[str, str], said: str) -> None:
    mend = " of minutes, and OpenSLO has no smaller unit, write one that is$"
    with pytest.raises(InputError, match=said + mend):
        exported(MINIMAL.replace(*line))


def test_several_contracts_come_back_out_of_one_file() -> None:
    originals = load_contracts(ROOT / "journeys")
    text = "---\n".join(openslo_file(each).text for each in originals)
    found = {each.file.name: each.file.text for each in imported(text, "all.yaml")}
    assert {name: parse(text, name).hash for name, text in found.items()} == {
        f"{each.name}.slo.yaml": each.hash for each in originals
    }
