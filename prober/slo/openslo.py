"""A contract as OpenSLO v1: one SLO of each objective and window, and the alerts they refer to.

What OpenSLO has no words for stands in annotations `prober.dev/<key>`, as it is written in the
contract, so that `prober.slo.openslo_import` makes the same contract of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from prober import conventions as names
from prober import document
from prober.errors import InputError
from prober.slo.alert import alert_window, rules_of
from prober.slo.contract import AlertRule, Contract, Objective
from prober.slo.naming import fits_label, resource_name
from prober.slo.portable import File
from prober.slo.region import Mode
from prober.slo.window import Rolling, Unit
from prober.units import MINUTE_MS, format_ms
from prober.variables import Place
from prober.writing import flow, write

TOOL: Final = "OpenSLO"
API: Final = "openslo/v1"
#: Annotations of ours; the name of a key follows.
PREFIX: Final = "prober.dev/"
#: Keys of one objective and of one window, where a contract has lists of them.
OBJECTIVE: Final = "objective"
WINDOW: Final = "window"
METADATA: Final = "metadata"
#: Where its sources are ours.
SOURCE: Final = "otlp"
#: By the calendar's units: OpenSLO's, in which `m` is a minute.
CALENDAR: Final = {
    Unit.DAY: "1d",
    Unit.WEEK: "1w",
    Unit.MONTH: "1M",
    Unit.QUARTER: "1Q",
    Unit.YEAR: "1Y",
}
#: A Monday on which a year, and so each of these, began.
EPOCH: Final = "2024-01-01 00:00:00"
_NAME: Final = 63
_DESCRIPTION: Final = 1050


def openslo_file(contract: Contract) -> File:
    """A contract for whoever reads OpenSLO.

    Raises:
        InputError: a window or an alert has a length that OpenSLO cannot write.
    """
    return File(f"{contract.name}.openslo.yaml", write(*_documents(contract)))


def slos(contract: Contract) -> list[dict[str, Any]]:
    """The SLOs alone, objective by objective, as plain values.

    Raises:
        InputError: as above.
    """
    return [
        _slo(contract, number, which)
        for number in range(len(contract.objectives))
        for which in range(len(contract.windows))
    ]


def encoded(value: Any) -> str:
    """A value as an annotation: text as it is, unless it would be read as something else."""
    return value if isinstance(value, str) and decoded(value) == value else flow(value)


def decoded(text: str) -> Any:
    """Inverse of `encoded`.

    >>> decoded(encoded("yes: no")), decoded(encoded({"min_runs": 600})), decoded(encoded("600"))
    ('yes: no', {'min_runs': 600}, '600')
    """
    try:
        return document.parse(f"value: {text}", "").data["value"]
    except (InputError, KeyError):
        return text


def _documents(contract: Contract) -> Iterator[dict[str, Any]]:
    service, found = resource_name(contract.journey), slos(contract)
    about = f"The journey {contract.journey}, as Prober runs it"
    yield _resource("Service", {"name": service}, {"description": about})
    for index, rule in enumerate(rules_of(contract, alert_window(contract))):
        yield _condition(contract, rule, index)
        yield _policy(contract, rule)
    yield from found


def _resource(kind: str, metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}


def _slo(contract: Contract, number: int, which: int) -> dict[str, Any]:
    objective, window = contract.objectives[number], contract.windows[which]
    raw = contract.source.data
    spec = {
        "service": resource_name(contract.journey),
        "indicator": _indicator(contract, objective, raw["spec"]["objectives"][number]["sli"]),
        "timeWindow": [_time_window(contract, which)],
        **_budgeting(contract, objective),
    }
    if contract.description:
        spec = {"description": contract.description[:_DESCRIPTION]} | spec
    if window == alert_window(contract):
        rules = rules_of(contract, window, objective)
        spec["alertPolicies"] = [{"alertPolicyRef": _rule_name(contract, rule)} for rule in rules]
    metadata = {
        "name": resource_name(contract.name, objective.name, window.name),
        "displayName": f"{contract.display_name}: {objective.name}, {window.name}"[:_NAME],
        "labels": _labels(contract),
        "annotations": _annotations(raw, number, which),
    }
    return _resource("SLO", metadata, spec)


def _annotations(raw: Mapping[str, Any], number: int, which: int) -> dict[str, str]:
    spec = raw["spec"]
    kept = {
        METADATA: raw["metadata"],
        OBJECTIVE: spec["objectives"][number],
        WINDOW: spec["windows"][which],
        **{key: value for key, value in spec.items() if key not in ("objectives", "windows")},
    }
    return {PREFIX + key: encoded(value) for key, value in kept.items()}


def _labels(contract: Contract) -> dict[str, str]:
    owners = {"product": contract.owners.product, "sre": contract.owners.sre}
    labels = {**owners, **contract.labels}
    return {key: value for key, value in labels.items() if fits_label(key) and fits_label(value)}


def _indicator(contract: Contract, objective: Objective, sli: Any) -> dict[str, Any]:
    attributes = {names.SLO: contract.name, names.OBJECTIVE: objective.name}
    ratio = {
        "counter": True,
        "good": _source({**attributes, names.RESULT: "good"}, {"sli": sli}),
        "total": _source(attributes, {}),
    }
    name = resource_name(contract.name, objective.name)
    return {"metadata": {"name": name}, "spec": {"ratioMetric": ratio}}


def _source(attributes: dict[str, str], more: dict[str, Any]) -> dict[str, Any]:
    spec = {"metric": names.SLI_EVENTS.name, "attributes": attributes, **more}
    return {"metricSource": {"type": SOURCE, "spec": spec}}


def _time_window(contract: Contract, which: int) -> dict[str, Any]:
    window = contract.windows[which]
    if isinstance(window, Rolling):
        place = ("spec", "windows", which)
        return {"duration": _shorthand(contract, place, window.duration_ms), "isRolling": True}
    calendar = {"startTime": EPOCH, "timeZone": window.time_zone}
    return {"duration": CALENDAR[window.unit], "isRolling": False, "calendar": calendar}


def _budgeting(contract: Contract, objective: Objective) -> dict[str, Any]:
    """A region rule of slices has no words there: what comes nearest, and an annotation."""
    target: dict[str, Any] = {"displayName": objective.name, "target": float(objective.target)}
    slice_ms, rule = contract.budgeting.slice_ms, contract.budgeting.rule
    if slice_ms is None:
        return {"budgetingMethod": "Occurrences", "objectives": [target]}
    target["timeSliceWindow"] = _shorthand(contract, ("spec", "budgeting"), slice_ms)
    if rule.mode in (Mode.POOLED, Mode.WEIGHTED):
        return {"budgetingMethod": "RatioTimeslices", "objectives": [target]}
    target["timeSliceTarget"] = 1.0
    return {"budgetingMethod": "Timeslices", "objectives": [target]}


def _condition(contract: Contract, rule: AlertRule, index: int) -> dict[str, Any]:
    place = ("spec", "alerts", "rules", index)
    guards = {
        "short": format_ms(rule.short_ms),
        "min_failures": rule.min_failures,
        "min_regions": rule.min_regions,
        "each_region": rule.each_region,
    }
    condition = {
        "kind": "burnrate",
        "op": "gte",
        "threshold": float(rule.burn),
        "lookbackWindow": _shorthand(contract, place, rule.long_ms),
        "alertAfter": "0m",
    }
    metadata = {
        "name": _rule_name(contract, rule),
        "annotations": {PREFIX + key: encoded(value) for key, value in guards.items()},
    }
    return _resource(
        "AlertCondition", metadata, {"severity": rule.severity, "condition": condition}
    )


def _policy(contract: Contract, rule: AlertRule) -> dict[str, Any]:
    name, route = _rule_name(contract, rule), contract.alerts.routes.get(rule.severity)
    target = {
        "kind": "AlertNotificationTarget",
        "metadata": {"name": resource_name(route or rule.severity) or rule.severity},
        "spec": {"target": route or rule.severity},
    }
    spec = {
        "alertWhenNoData": True,  # silence is never good
        "alertWhenResolved": True,
        "alertWhenBreaching": True,
        "conditions": [{"conditionRef": name}],
        "notificationTargets": [target],
    }
    return _resource("AlertPolicy", {"name": name}, spec)


def _rule_name(contract: Contract, rule: AlertRule) -> str:
    return resource_name(contract.name, rule.name)


def _shorthand(contract: Contract, place: Place, span_ms: int) -> str:
    if span_ms % MINUTE_MS:
        what = f"{format_ms(span_ms)} is no whole number of minutes, and {TOOL} has no smaller unit"
        raise InputError([contract.source.problem(place, what, "write one that is")])
    return format_ms(span_ms)
