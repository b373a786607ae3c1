"""The alerts about the fleet itself, by a real promtool: each fires for its fault and no other."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from prober import conventions as names
from prober.conventions import prometheus_label, prometheus_name
from prober.writing import write
from tests.conftest import BACKENDS, ROOT, require_backends
from tests.test_docs import page

RULES = ROOT / "regions" / "alerts" / "fleet.rules.yaml"
STEP_S = 30
#: The fault begins then: every window of the rules but the longest is full.
FAULT_S = 125 * 60
#: So long nothing may fire where nothing is wrong.
END_S = FAULT_S + 40 * 60
REGIONS = ("eu", "us")
#: Seconds from slot to slot, by journey.
PERIODS = {"login": 60, "checkout": 300}
BEFORE_S = FAULT_S - STEP_S

Labels = tuple[tuple[str, str], ...]
#: What a series says at a moment, in seconds; None: nothing.
Value = Callable[[int], float | None]
#: All series of a fleet, by metric and labels.
Fleet = dict[tuple[names.Metric, Labels], Value]


def labels(**given: str) -> Labels:
    return tuple(sorted(given.items()))


def healthy() -> Fleet:
    """Two regions, two journeys: everything as it should be."""
    fleet: Fleet = {}
    for region in REGIONS:
        fleet |= {
            (metric, labels(prober_region=region)): value
            for metric, value in {
                names.INFO: lambda _: 1,
                names.CLOCK_SKEW: lambda _: 0,
                names.CLOCK_OFFSET: lambda at_s: at_s // 30 % 3 - 1,
                names.CONTROL_FAILED: lambda at_s: at_s // 1800,
                names.JOURNAL_UNWRITTEN: lambda _: 0,
                names.JOURNAL_SET_ASIDE: lambda _: 0,
                names.JOURNAL_SIZE: lambda _: 1e6,
                names.JOURNAL_BACKUP_AGE: lambda at_s: at_s % 3600,
                names.JOURNAL_RECORDS: lambda at_s: 100 + at_s // 50,
                names.WORKERS_KILLED: lambda _: 0,
                names.CONFIG_RELOAD: lambda _: 1,
            }.items()
        }
        for signal in ("logs", "metrics"):
            sent = labels(prober_region=region, prober_destination="main", prober_signal=signal)
            fleet[names.EXPORT_AGE, sent] = lambda _: 2
            fleet[names.EXPORT_QUARANTINED, sent] = lambda _: 0
            fleet[names.EXPORT_REJECTED, sent] = lambda _: 0
        for journey, every_s in PERIODS.items():
            fleet |= ran(region, journey, every_s)
        fleet |= queued(region, lambda _: 0)
    fleet[names.INFO, ()] = lambda _: 1  # the evaluator's own
    fleet[names.JOURNAL_UNWRITTEN, ()] = lambda _: 0
    fleet[names.CONFIG_RELOAD, ()] = lambda _: 1
    fleet[names.ALERTS_LOOKED, ()] = lambda at_s: at_s - 15
    fleet[names.NOTIFICATIONS_FAILING, labels(**WAY)] = lambda at_s: at_s // 30 % 4 // 3
    for journey in PERIODS:
        fleet[names.SLO_COVERAGE, labels(prober_slo=journey, prober_window="30d")] = lambda _: 1
    return fleet


def ran(region: str, journey: str, every_s: int) -> Fleet:
    """A journey that passes in each of its slots."""
    own = {"prober_region": region, "prober_journey": journey}
    return {
        (names.RUN_LAST, labels(**own)): lambda at_s: at_s // every_s * every_s,
        (names.SCHEDULE_PERIOD, labels(**own, prober_schedule_from="0")): lambda _: every_s,
        (names.RUNS, labels(**own, prober_outcome="passed")): each(every_s),
        (names.RUNS, labels(**own, prober_outcome="inconclusive")): lambda _: 0,
        (names.SLOTS, labels(**own, prober_slot_state="completed")): each(every_s),
        (names.SLOTS, labels(**own, prober_slot_state="missed")): lambda _: 0,
        (names.SLOTS, labels(**own, prober_slot_state="skipped")): lambda _: 0,
        (names.ORPHANS, labels(**own)): lambda _: 0,
    }


def queued(region: str, slow: Value) -> Fleet:
    """A run a minute that found a place at once, and those that waited for 10 to 20 s."""
    own = {"prober_region": region, "prober_phase": "queue"}
    at_once, everyone = each(60), lambda at_s: at_s // 60 + (slow(at_s) or 0)
    counts = {"0.1": at_once, "10": at_once, "20": everyone, "+Inf": everyone}
    return {(names.PHASE_DURATION, labels(**own, le=le)): value for le, value in counts.items()}


def each(every_s: int) -> Value:
    """One more each time, from the beginning on."""
    return lambda at_s: at_s // every_s


def after(value: float) -> Value:
    """0 until the fault, then this."""
    return lambda at_s: 0 if at_s < FAULT_S else value


def rising(every_s: int, by: int = 1) -> Value:
    """0 until the fault, then so much more each time."""
    return lambda at_s: 0 if at_s < FAULT_S else ((at_s - FAULT_S) // every_s + 1) * by


def ended(value: Value) -> Value:
    """Nothing more from the fault on."""
    return lambda at_s: value(at_s) if at_s < FAULT_S else None


def changed(metric: names.Metric, value: Value, **wanted: str) -> Callable[[Fleet], Fleet]:
    """The fleet with these series of a metric otherwise."""

    def change(fleet: Fleet) -> Fleet:
        found = [key for key in fleet if key[0] is metric and set(wanted.items()) <= set(key[1])]
        assert found
        return fleet | dict.fromkeys(found, value)

    return change


def died(*regions: str) -> Callable[[Fleet], Fleet]:
    """Every series of a region ends; nobody says so."""
    return lambda fleet: {
        key: ended(value) if any(("prober_region", r) in key[1] for r in regions) else value
        for key, value in fleet.items()
    }


def unjudged(fleet: Fleet) -> Fleet:
    """Every series of the evaluator ends."""
    return {
        key: value if any(name == "prober_region" for name, _ in key[1]) else ended(value)
        for key, value in fleet.items()
    }


def stuck(region: str, journey: str) -> Callable[[Fleet], Fleet]:
    """Its slots are no longer looked at, while the agent goes on to report."""

    def change(fleet: Fleet) -> Fleet:
        own = {("prober_region", region), ("prober_journey", journey)}
        return {
            key: (
                lambda at_s, value=value, last=key[0] is names.RUN_LAST: frozen(value, at_s, last)
            )
            if own <= set(key[1])
            else value
            for key, value in fleet.items()
        }

    def frozen(value: Value, at_s: int, last: bool) -> float | None:
        gone = last and at_s > FAULT_S + 2 * PERIODS[journey]
        return None if gone else value(min(at_s, FAULT_S))

    return change


def slower(fleet: Fleet) -> Fleet:
    """From every minute to every five: what was planned before is still told."""
    before = names.SCHEDULE_PERIOD, labels(**LOGIN, prober_schedule_from="0")
    now = names.SCHEDULE_PERIOD, labels(**LOGIN, prober_schedule_from="9")
    return fleet | ran("eu", "login", 300) | {before: fleet[before], now: lambda _: 300}


def taken_away(fleet: Fleet) -> Fleet:
    """A journey ended in order: a schedule with the period 0 says so."""
    key = names.SCHEDULE_PERIOD, labels(**LOGIN, prober_schedule_from="9")
    return stuck("eu", "login")(fleet) | {key: lambda at_s: None if at_s < FAULT_S else 0}


def refilled(fleet: Fleet) -> Fleet:
    """The journal began anew."""
    return changed(names.JOURNAL_RECORDS, lambda s: s if s < FAULT_S else 1, prober_region="eu")(
        fleet
    )


EU: Mapping[str, str] = {"prober_region": "eu"}
LOGIN: Mapping[str, str] = {"prober_region": "eu", "prober_journey": "login"}
WAY: Mapping[str, str] = {"prober_channel": "oncall", "prober_way": "webhook"}
LOGS: Mapping[str, str] = {**EU, "prober_destination": "main", "prober_signal": "logs"}


@dataclass(frozen=True)
class Fault:
    """Something goes wrong: who has to be told what, and how soon."""

    what: str
    change: Callable[[Fleet], Fleet]
    alert: str = ""
    told: Mapping[str, str] = field(default_factory=dict)
    within_s: int = 60
    #: Others that are true as well by then.
    also: tuple[tuple[str, Mapping[str, str]], ...] = ()


FAULTS = [
    Fault("the agent dies", died("eu"), "ProberAgentSilent", EU, 3 * 60),
    Fault(
        "every agent dies",
        died(*REGIONS),
        "ProberFleetSilent",
        {},
        3 * 60,
        tuple(("ProberAgentSilent", {"prober_region": region}) for region in REGIONS),
    ),
    Fault(
        "a journey is no longer run",
        stuck("eu", "login"),
        "ProberJourneySilent",
        LOGIN,
        4 * 60,
    ),
    Fault(
        "the evaluator ends",
        unjudged,
        "ProberEvaluatorDown",
        {},
        8 * 60,  # promtool's series end without the mark that a scrape leaves: 5 min more
    ),
    Fault(
        "the evaluator no longer looks",
        changed(names.ALERTS_LOOKED, lambda s: min(s, FAULT_S)),
        "ProberAlertsNotJudged",
        {},
        3 * 60,
    ),
    Fault(
        "a way of telling people refuses",
        changed(names.NOTIFICATIONS_FAILING, after(1), **WAY),
        "ProberPeopleNotTold",
        WAY,
        6 * 60,
    ),
    Fault(
        "a destination takes nothing any more",
        changed(names.EXPORT_AGE, lambda s: max(2, s - FAULT_S), **LOGS),
        "ProberExportLate",
        LOGS,
        6 * 60,
    ),
    Fault(
        "a destination refuses one record",
        changed(names.EXPORT_QUARANTINED, after(1), **LOGS),
        "ProberRecordsRefused",
        LOGS,
    ),
    Fault(
        "a destination takes a request and not all of it",
        changed(names.EXPORT_REJECTED, after(1), **LOGS),
        "ProberRecordsRefused",
        LOGS,
    ),
    Fault(
        "slots are missed",
        changed(names.SLOTS, rising(60, by=2), **LOGIN, prober_slot_state="missed"),
        "ProberCoverageLow",
        LOGIN,
        10 * 60,
    ),
    Fault(
        "runs say nothing",
        changed(names.RUNS, rising(60), **LOGIN, prober_outcome="inconclusive"),
        "ProberValidityLow",
        LOGIN,
        10 * 60,
    ),
    Fault(
        "some slots find no place",
        changed(names.SLOTS, rising(300), **LOGIN, prober_slot_state="skipped"),
        "ProberSlotsSkipped",
        EU,
        20 * 60,
    ),
    Fault(
        "runs wait for a place",
        lambda fleet: fleet | queued("eu", rising(60)),
        "ProberQueueLong",
        EU,
        25 * 60,
    ),
    Fault(
        "workers do not stop by themselves",
        changed(names.WORKERS_KILLED, rising(60), **EU),
        "ProberWorkersKilled",
        EU,
        6 * 60,
    ),
    Fault(
        "a run's order cannot be cancelled",
        changed(names.ORPHANS, after(1), **LOGIN),
        "ProberOrphans",
        LOGIN,
    ),
    Fault(
        "a clock is set back", changed(names.CLOCK_SKEW, after(30), **EU), "ProberClockAhead", EU
    ),
    Fault(
        "a region's own network is dead",
        changed(names.CONTROL_FAILED, rising(30), **EU),
        "ProberEgressBroken",
        EU,
        4 * 60,
    ),
    Fault(
        "a clock goes after that of others",
        changed(names.CLOCK_OFFSET, after(-7), **EU),
        "ProberClockOff",
        EU,
        4 * 60,
    ),
    Fault(
        "a disk is full",
        changed(names.JOURNAL_UNWRITTEN, after(3), **EU),
        "ProberJournalNotWritten",
        EU,
        2 * 60,
    ),
    Fault(
        "the evaluator's disk is full",
        lambda fleet: fleet | {(names.JOURNAL_UNWRITTEN, ()): after(1)},
        "ProberJournalNotWritten",
        {},
        2 * 60,
    ),
    Fault(
        "the evaluator's changed files do not load",
        lambda fleet: fleet | {(names.CONFIG_RELOAD, ()): lambda s: float(s < FAULT_S)},
        "ProberConfigRefused",
        {},
    ),
    Fault(
        "a changed file does not load",
        changed(names.CONFIG_RELOAD, lambda s: float(s < FAULT_S), **EU),
        "ProberConfigRefused",
        EU,
    ),
    Fault("a journal is damaged", refilled, "ProberJournalBeganAnew", EU),
    Fault(
        "a damaged journal lies there",
        changed(names.JOURNAL_SET_ASIDE, after(1), **EU),
        "ProberJournalSetAside",
        EU,
    ),
    Fault(
        "backups are no longer made",
        changed(names.JOURNAL_BACKUP_AGE, lambda s: 60 if s < FAULT_S else s, **EU),
        "ProberBackupOld",
        EU,
        62 * 60,
    ),
    Fault(
        "a backup was never made",
        changed(names.JOURNAL_BACKUP_AGE, lambda s: 60 if s < FAULT_S else None, **EU),
        "ProberBackupOld",
        EU,
        67 * 60,  # promtool's series end as OTLP's do: 5 min more
    ),
    Fault("nothing goes wrong", lambda fleet: fleet),
    Fault("a journey runs less often", slower),
    Fault("a journey is taken away in order", taken_away),
]


def promtool(*arguments: str) -> None:
    require_backends()
    command = [str(BACKENDS / "bin" / "promtool"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def selector(metric: names.Metric, own: Labels) -> str:
    bucket = "_bucket" if metric.kind == "histogram" else ""
    inside = ",".join(f'{name}="{value}"' for name, value in own)
    return f"{prometheus_name(metric)}{bucket}{{{inside}}}"


def written(value: Value, end_s: int) -> str:
    said = (value(at_s) for at_s in range(0, end_s + 1, STEP_S))
    return " ".join("_" if number is None else f"{number:g}" for number in said)


def asked(at_s: int, firing: list[tuple[str, Mapping[str, str]]]) -> dict[str, Any]:
    """Exactly these alerts fire at a moment."""
    samples = []
    for alert, own in firing:
        named = "".join(f', {name}="{value}"' for name, value in sorted(own.items()))
        samples.append({"labels": f'{{alertname="{alert}"{named}}}', "value": 1})
    expr = 'count without (severity, alertstate) (ALERTS{alertstate="firing"})'
    return {"expr": expr, "eval_time": f"{at_s}s", "exp_samples": samples}


def rules() -> list[dict[str, Any]]:
    groups = YAML(typ="safe").load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", "--lint-fatal", str(RULES))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_somebody_is_told_when(fault: Fault, tmp_path: Path) -> None:
    fleet = fault.change(healthy())
    due_s = FAULT_S + fault.within_s
    expected = [(fault.alert, fault.told), *fault.also] if fault.alert else []
    end_s = due_s if expected else END_S
    asks = [asked(BEFORE_S, []), *(asked(at_s, expected) for at_s in range(due_s, end_s + 1, 60))]
    case = {
        "interval": f"{STEP_S}s",
        "input_series": [
            {"series": selector(*key), "values": written(value, end_s)}
            for key, value in fleet.items()
        ],
        "promql_expr_test": asks,
    }
    file = tmp_path / "test.yaml"
    file.write_text(
        write({"rule_files": [str(RULES)], "evaluation_interval": "30s", "tests": [case]})
    )
    promtool("test", "rules", str(file))


def test_every_alert_has_a_fault_that_it_is_seen_to_fire_for() -> None:
    assert {rule["alert"] for rule in rules()} == {fault.alert for fault in FAULTS} - {""}


def test_every_alert_leads_to_its_place_in_the_runbook() -> None:
    headings = re.findall(r"^### (Prober\w+)$", (ROOT / "docs/operations.md").read_text(), re.M)
    for rule in rules():
        file, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (file, anchor) == ("docs/operations.md", rule["alert"].lower())
        assert rule["labels"]["severity"] in ("page", "ticket")
    assert headings == [rule["alert"] for rule in rules()]


def test_the_page_of_metrics_says_how_many_rules_there_are() -> None:
    said = re.findall(r"`regions/alerts/fleet.rules.yaml`: (\d+) rules", page("metrics.md"))
    assert said == [str(len(rules()))]


def test_the_rules_ask_for_nothing_that_nobody_sends() -> None:
    text = "\n".join(rule["expr"] for rule in rules())
    series = {prometheus_name(metric) for metric in names.METRICS}
    own = {prometheus_label(name) for metric in names.METRICS for name in metric.attributes}
    asked_for = set(re.findall(r"prober_\w+", re.sub(r"_bucket\b", "", text)))
    assert asked_for <= series | own | {prometheus_label(names.REGION)}
