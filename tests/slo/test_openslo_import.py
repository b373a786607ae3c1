"""OpenSLO of others becomes a contract to fill in, or is refused by name, at its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prober.document import parse as parse_document
from prober.errors import InputError
from prober.slo.format import parse
from prober.slo.openslo import openslo_file
from prober.slo.openslo_import import Imported, imported
from tests.slo.test_contract import DESIGNED, MINIMAL, POLICY

OTHER = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: basket
  displayName: Basket works
  labels: {tier: "10", tags: [shop, web]}
  annotations: {example.com/board: "7"}
spec:
  description: Baskets keep what is put into them
  service: fill-basket
  indicator:
    metadata: {name: basket}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: otlp, spec: {metric: prober.runs}}}
        total: {metricSource: {type: otlp, spec: {metric: prober.runs}}}
  timeWindow:
    - {duration: 4w, isRolling: true}
  budgetingMethod: Occurrences
  objectives:
    - {displayName: Works at all, target: 0.995}
"""
SERVICE = "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: x}\nspec: {}\n"


def one(text: str) -> Imported:
    [found] = imported(text, "slos.yaml")
    return found


def refused(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        imported(text, "slos.yaml")
    return str(caught.value).splitlines()


def test_what_others_wrote_becomes_a_contract_that_says_what_it_lacks() -> None:
    found = one(OTHER)
    assert found.file.name == "basket.slo.yaml"
    assert parse_document(found.file.text, "x").data == {
        "apiVersion": "prober/v1",
        "kind": "SLO",
        "metadata": {
            "name": "basket",
            "displayName": "Basket works",
            "labels": {"tier": "10", "tags": "shop, web"},
        },
        "spec": {
            "description": "Baskets keep what is put into them",
            "journey": "fill_basket",
            "objectives": ({"name": "works-at-all", "sli": "success", "target": "99.5%"},),
            "windows": ({"name": "rolling", "duration": "4w"},),
        },
    }
    places = [note.split(":")[0] for note in found.notes]
    assert places == ["spec.journey", "spec.owners", "spec.rationale"]
    assert all(f"# {note}\n" in found.file.text for note in found.notes)


def test_its_first_lines_say_what_to_look_at() -> None:
    found = one(OTHER)
    head = found.file.text.splitlines()[: len(found.notes) + 1]
    assert head == ["# Made of OpenSLO. Look at:", *(f"# {note}" for note in found.notes)]


def test_objectives_without_a_name_have_a_number() -> None:
    found = one(
        OTHER.replace(
            "{displayName: Works at all, target: 0.995}",
            """{target: 0.995}
    - {target: 0.99}""",
        )
    )
    named = parse_document(found.file.text, "x").data["spec"]["objectives"]
    assert [each["name"] for each in named] == ["objective-1", "objective-2"]


def test_bad_runs_tell_the_indicator_where_no_good_ones_are_counted() -> None:
    bad = OTHER.replace("good: {", "bad: {").replace(
        "spec: {metric: prober.runs}}}\n        total",
        "spec: {metric: prober.sli.events, sli: {assertion: price}}}}\n        total",
    )
    assert "sli: {assertion: price}" in one(bad).file.text


def test_a_contract_is_refused_until_it_is_filled_in() -> None:
    text = one(OTHER).file.text
    with pytest.raises(InputError) as caught:
        parse(text, "basket.slo.yaml")
    assert [problem.path for problem in caught.value.problems] == ["spec.owners", "spec.rationale"]
    filled = parse(f"{text}  owners: {{product: p, sre: s}}\n  rationale: It is so\n", "x")
    assert filled.journey == "fill_basket"


def test_owners_are_taken_from_labels_of_that_name() -> None:
    found = one(OTHER.replace('tier: "10"', "product: p, sre: s"))
    assert "owners: {product: p, sre: s}" in found.file.text
    assert not any("owners" in note for note in found.notes)


CHANGES = {
    "a percentage": ("target: 0.995", "targetPercent: 99.95", 'target: "99.95%"'),
    "failures instead of passes": ("good: {", "bad: {", "sli: success"),
    "an indicator in our words": (
        "spec: {metric: prober.runs}}}\n        total",
        "spec: {metric: prober.sli.events, sli: {assertion: price}}}}\n        total",
        "sli: {assertion: price}",
    ),
    "a source of type prober": ("type: otlp", "type: prober", "sli: success"),
    "a month": (
        "{duration: 4w, isRolling: true}",
        "{duration: 1M, calendar: {startTime: 2020-02-01 00:00:00, timeZone: Asia/Tokyo}}",
        "calendar: {unit: month, time_zone: Asia/Tokyo}",
    ),
    "a quarter": (
        "{duration: 4w, isRolling: true}",
        '{duration: 1Q, calendar: {startTime: "2020-04-01 00:00:00", timeZone: UTC}}',
        "calendar: {unit: quarter, time_zone: UTC}",
    ),
    "a month of a start with a zone and parts of a second": (
        "{duration: 4w, isRolling: true}",
        '{duration: 1M, calendar: {startTime: "2020-02-01T00:00:00.5+09:00", timeZone: UTC}}',
        "calendar: {unit: month, time_zone: UTC}",
    ),
    "the last month that can be written": (
        "{duration: 4w, isRolling: true}",
        "{duration: 1M, calendar: {startTime: 9999-12-01 00:00:00, timeZone: UTC}}",
        "calendar: {unit: month, time_zone: UTC}",
    ),
    "a rolling window of an hour": ("4w", "60m", "{name: rolling, duration: 60m}"),
    "lengths of slices where nothing is sliced": (
        "- {displayName: Works at all, target: 0.995}",
        "- {target: 0.9, timeSliceWindow: 5m}\n    - {target: 0.995, timeSliceWindow: 10m}",
        'target: "99.5%"',
    ),
    "slices": (
        "Occurrences\n  objectives:\n    - {",
        "Timeslices\n  objectives:\n    - {timeSliceTarget: 1.0, timeSliceWindow: 10, ",
        "timeslices: {slice: 10m, rule: all}",
    ),
    "slices of shares": (
        "Occurrences\n  objectives:\n    - {",
        "RatioTimeslices\n  objectives:\n    - {timeSliceWindow: 1h, ",
        "timeslices: {slice: 1h, rule: pooled}",
    ),
}


@pytest.mark.parametrize(("old", "new", "said"), CHANGES.values(), ids=CHANGES.keys())
def test_it_takes_over(old: str, new: str, said: str) -> None:
    assert old in OTHER
    found = one(OTHER.replace(old, new))
    assert said in found.file.text
    assert [note.split(":")[0] for note in found.notes] == [
        "spec.journey", "spec.owners", "spec.rationale",
    ]  # fmt: skip


def test_an_indicator_that_does_not_say_what_is_good_is_left_to_be_filled_in() -> None:
    found = one(OTHER.replace("prober.runs", "prober.sli.events"))
    assert any(note.startswith("spec.objectives[0].sli: is missing") for note in found.notes)


def test_alerts_of_others_are_left_out_and_told() -> None:
    found = one(OTHER + "  alertPolicies:\n    - {alertPolicyRef: fast}\n")
    assert found.notes[-1].startswith("spec.alerts: OpenSLO's are left out")


ROLLING = "{duration: 4w, isRolling: true}"
REFUSED = {
    "a later version": (
        "openslo/v1", "openslo/v2alpha",
        "slos.yaml:1: apiVersion: 'openslo/v2alpha' is not known, write one of openslo/v1",
    ),
    "a key that is none": (
        "service:", "servise:",
        "slos.yaml:10: spec.servise: is not a key here, did you mean service?",
    ),
    "another source": (
        "total: {metricSource: {type: otlp", "total: {metricSource: {type: Datadog",
        "slos.yaml:17: spec.indicator.spec.ratioMetric.total.metricSource.type: 'Datadog' is not "
        "known, write one of otlp, prober",
    ),
    "a metric that is not ours": (
        "total: {metricSource: {type: otlp, spec: {metric: prober.runs",
        "total: {metricSource: {type: otlp, spec: {metric: http.requests",
        "slos.yaml:17: spec.indicator.spec.ratioMetric.total.metricSource.spec.metric: "
        "'http.requests' is not known, write one of prober.sli.events, prober.runs",
    ),
    "a reference to a source": (
        "total: {metricSource: {type", "total: {metricSource: {metricSourceRef: dd, type",
        "slos.yaml:17: spec.indicator.spec.ratioMetric.total.metricSource.metricSourceRef: is "
        "nothing that Prober can take over, write type: otlp and what is counted",
    ),
    "a gauge": (
        "counter: true", "counter: false",
        "slos.yaml:15: spec.indicator.spec.ratioMetric.counter: false is not known, write True",
    ),
    "good and bad": (
        "        total:", "        bad: {metricSource: {type: otlp, spec: {metric: prober.runs}}}\n"
        "        total:",
        "slos.yaml:14: spec.indicator.spec.ratioMetric: has both good and bad, write one of the "
        "two",
    ),
    "two windows": (
        f"- {ROLLING}", f"- {ROLLING}\n    - {ROLLING}",
        "slos.yaml:18: spec.timeWindow: has 2 windows, write exactly one and an SLO for each other",
    ),
    "minutes for a month": (
        ROLLING, "{duration: 1m, calendar: {startTime: 2020-01-01 00:00:00, timeZone: UTC}}",
        "slos.yaml:19: spec.timeWindow[0]: 1m is a time of minutes, write 1d, 1w, 1M (a month), "
        "1Q or 1Y",
    ),
    "minutes for a year": (
        ROLLING, "{duration: 12m, calendar: {startTime: 2020-01-01 00:00:00, timeZone: UTC}}",
        "slos.yaml:19: spec.timeWindow[0]: 12m is a time of minutes, write 1d, 1w, 1M (a month), "
        "1Q or 1Y",
    ),
    "a rolling window of a minute": (
        "4w", "1m",
        "slos.yaml:19: spec.timeWindow[0]: 1m is a time of minutes, write 1M and a calendar if "
        "months are meant, else an hour or more",
    ),
    "a rolling window of less than an hour": (
        "4w", "59m",
        "slos.yaml:19: spec.timeWindow[0]: 59m is a time of minutes, write 59M and a calendar if "
        "months are meant, else an hour or more",
    ),
    "a rolling year of months": (
        "4w", "12M",
        "slos.yaml:19: spec.timeWindow[0]: 12M is no fixed time, write such as 30d, or a calendar",
    ),
    "a rolling month": (
        "4w", "1M",
        "slos.yaml:19: spec.timeWindow[0]: 1M is no fixed time, write such as 30d, or a calendar",
    ),
    "two months": (
        ROLLING, "{duration: 2M, calendar: {startTime: 2020-01-01 00:00:00, timeZone: UTC}}",
        "slos.yaml:19: spec.timeWindow[0]: 2M is no period of Prober's calendar, write 1d, 1w, 1M "
        "(a month), 1Q or 1Y",
    ),
    "a month from the second day on": (
        ROLLING, "{duration: 1M, calendar: {startTime: 2020-01-02 00:00:00, timeZone: UTC}}",
        "slos.yaml:19: spec.timeWindow[0]: startTime is not the start of a month, write the "
        "midnight on which one begins",
    ),
    "a start that is none": (
        ROLLING, "{duration: 1M, calendar: {startTime: noon, timeZone: UTC}}",
        "slos.yaml:19: spec.timeWindow[0].calendar.startTime: 'noon' is not a time, write such as "
        '"2024-01-01 00:00:00"',
    ),
    "a window of both kinds": (
        ROLLING,
        "{duration: 1M, isRolling: true, calendar: {startTime: 2020-01-01, timeZone: UTC}}",
        "slos.yaml:19: spec.timeWindow[0]: is rolling and has a calendar, write isRolling: true or "
        "a calendar",
    ),
    "a window of neither kind": (
        ", isRolling: true", "",
        "slos.yaml:19: spec.timeWindow[0]: is neither of the two, write isRolling: true or a "
        "calendar",
    ),
    "a duration that is none": (
        "4w", "4 weeks",
        "slos.yaml:19: spec.timeWindow[0].duration: '4 weeks' is not a duration, write a number "
        "and m, h, d, w, M, Q or Y",
    ),
    "a share that is a percentage": (
        "0.995", "99.5",
        "slos.yaml:22: spec.objectives[0].target: 99.5 is no share below 1, write 0.995 or "
        "targetPercent: 99.5",
    ),
    "a share of everything": (
        "0.995", "1",
        "slos.yaml:22: spec.objectives[0].target: 1 is no share below 1, write 0.995 or "
        "targetPercent: 99.5",
    ),
    "a share that is a truth": (
        "0.995", "true",
        "slos.yaml:22: spec.objectives[0].target: True is not a number of 0 or more, write one "
        "such as 0.995",
    ),
    "a share that is text": (
        "0.995", '"99.5%"',
        "slos.yaml:22: spec.objectives[0].target: '99.5%' is not a number of 0 or more, write one "
        "such as 0.995",
    ),
    "a share below 0": (
        "0.995", "-0.5",
        "slos.yaml:22: spec.objectives[0].target: -0.5 is not a number of 0 or more, write one "
        "such as 0.995",
    ),
    "a percentage of everything": (
        "target: 0.995", "targetPercent: 100",
        "slos.yaml:22: spec.objectives[0].targetPercent: 100 is nothing below 100, write such as "
        "99.5",
    ),
    "a percentage of nothing": (
        "target: 0.995", "targetPercent: 0",
        "slos.yaml:8: spec: spec.objectives[0].target a target of 0% is always met, write more, "
        'such as "99%"',
    ),
    "a target twice": (
        "target: 0.995", "target: 0.995, targetPercent: 99.5",
        "slos.yaml:22: spec.objectives[0]: has both target and targetPercent, write one of the two",
    ),
    "a threshold": (
        "target: 0.995", "target: 0.995, op: lte",
        "slos.yaml:22: spec.objectives[0].op: is nothing that Prober can take over, write "
        "ratioMetric, with good and total",
    ),
    "a composite": (
        "target: 0.995", "target: 0.995, indicatorRef: other",
        "slos.yaml:22: spec.objectives[0].indicatorRef: is nothing that Prober can take over, "
        "write an SLO for each objective, and its indicator there",
    ),
    "slices with a share of runs": (
        "Occurrences\n  objectives:\n    - {",
        "Timeslices\n  objectives:\n    - {timeSliceTarget: 0.95, timeSliceWindow: 5m, ",
        "slos.yaml:22: spec.objectives[0].timeSliceTarget: is a share of runs, and regions decide "
        "over a slice of Prober, write 1",
    ),
    "slices without a target": (
        "Occurrences", "Timeslices",
        "slos.yaml:8: spec: slices have no target, write timeSliceTarget: 1 in each objective",
    ),
    "slices of several lengths": (
        "Occurrences\n  objectives:",
        "RatioTimeslices\n  objectives:\n    - {target: 0.9, timeSliceWindow: 5m}",
        "slos.yaml:8: spec: has slices of several lengths, write an SLO for each",
    ),
    "an indicator that no contract has": (
        "spec: {metric: prober.runs}}}\n        total",
        "spec: {metric: prober.runs, sli: {speed: fast}}}}\n        total",
        "slos.yaml:8: spec: spec.objectives[0].sli.speed is not a key here, write one of "
        "assertion, latency",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_it_refuses(old: str, new: str, said: str) -> None:
    assert old in OTHER
    assert said in refused(OTHER.replace(old, new, 1))


@pytest.mark.parametrize("kind", ["SLI", "DataSource"])
def test_a_resource_that_it_has_no_use_for_is_refused_by_name(kind: str) -> None:
    text = f"apiVersion: openslo/v1\nkind: {kind}\nmetadata: {{name: x}}\nspec: {{}}\n---\n{OTHER}"
    assert refused(text) == [
        f"slos.yaml:2: kind: a resource of kind {kind} is nothing that Prober can take over, "
        "write the indicator in its SLO"
    ]


def test_a_file_without_an_slo_is_refused() -> None:
    assert refused(SERVICE) == [
        "slos.yaml: holds no SLO, name a file with apiVersion: openslo/v1 and kind: SLO"
    ]


def test_all_mistakes_of_all_documents_are_told_at_once() -> None:
    broken = OTHER.replace("0.995", "99.5")
    assert len(refused(f"{broken}---\n{broken.replace('4w', '1m')}")) == 3
    ours = exported().replace("target: 0.999", "target: 0.99")
    assert len(refused(f"{broken}---\n{ours}")) == 2


# Those that Prober wrote


def exported(text: str = MINIMAL) -> str:
    return openslo_file(parse(text, "contract.yaml")).text


EDITS = {
    "the target": ("target: 0.999", "target: 0.99", "spec.objectives[0].target"),
    "the window": ("duration: 30d, isRolling", "duration: 28d, isRolling",
                   "spec.timeWindow[0].duration"),
    "the service": ("service: login", "service: logins", "spec.service"),
    "the name": ("name: login-availability-rolling", "name: login-rolling", "metadata.name"),
    "a label": ("labels: {product: pm", "labels: {product: pn", "metadata.labels.product"),
    "an alert": ("  - {alertPolicyRef: login-leak}\n", "", "spec.alertPolicies"),
    "a description": ("  service: login\n", "  description: More\n  service: login\n",
                      "spec.description"),
    "an indicator": ("              sli: success\n", "              sli: {assertion: price}\n",
                     "spec.indicator.spec.ratioMetric.good.metricSource.spec.sli"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place"), EDITS.values(), ids=EDITS.keys())
def test_what_was_changed_in_one_place_only_is_told(old: str, new: str, place: str) -> None:
    text = exported()
    assert old in text
    [said] = refused(text.replace(old, new))
    assert f": {place}: is not what the annotations prober.dev/… say, change both" in said
    assert re.match(r"slos\.yaml:\d+:", said)


def test_what_was_changed_in_both_places_is_taken_over() -> None:
    text = (
        exported()
        .replace("target: 0.999", "target: 0.99")
        .replace('target: "99.9%"', 'target: "99%"')
    )
    assert (
        parse(one(text).file.text, "x").objectives[0].target
        == parse(MINIMAL.replace("99.9%", "99%"), "y").objectives[0].target
    )


def test_annotations_of_others_stay_out_of_it() -> None:
    text = exported().replace(
        "  annotations:\n    prober", "  annotations:\n    a.b/c: d\n    prober"
    )
    assert "a.b/c: d" in text
    assert parse(one(text).file.text, "x").hash == parse(MINIMAL, "y").hash


def test_an_slo_that_is_gone_is_missed_and_one_too_many_is_refused() -> None:
    first, *others = exported(DESIGNED).split("---\n")
    slos = [each for each in others if "kind: SLO" in each]
    rest = "---\n".join(slos[1:])
    line = rest.splitlines().index("  annotations:") + 1
    assert refused(rest) == [
        f"slos.yaml:{line}: metadata.annotations: there is no SLO "
        "checkout-completion-availability-rolling, of a contract with that objective and window, "
        "add it, or export the contract again"
    ]
    [said] = refused("---\n".join([first, *slos, slos[0]]))
    assert "the same objective and window are there twice, remove one SLO" in said


def test_annotations_that_make_no_contract_are_refused_where_they_stand() -> None:
    text = exported().replace('owners: "{product: pm, sre: sre}"', 'owners: "{product: pm}"')
    text = text.replace("""sli: success, target: "99.9%"}'""", """sli: success, target: all}'""")
    line = {
        key: number
        for number, words in enumerate(text.splitlines(), 1)
        for key in ("owners", "objective")
        if f"prober.dev/{key}:" in words
    }
    assert refused(text) == [
        f"slos.yaml:{line['objective']}: metadata.annotations.prober.dev/objective: "
        "spec.objectives[0].target 'all' is not a share, write a string such as \"99.5%\" or "
        '"0.995"',
        f"slos.yaml:{line['owners']}: metadata.annotations.prober.dev/owners: spec.owners.sre is "
        "missing, write sre: sre-payments",
    ]


def test_an_annotation_of_a_window_that_is_none_is_refused_at_its_line() -> None:
    text = exported().replace(
        'window: "{name: rolling, duration: 30d', 'window: "{name: rolling, duration: all'
    )
    line = next(n for n, words in enumerate(text.splitlines(), 1) if "prober.dev/window:" in words)
    (said,) = refused(text)
    assert said.startswith(
        f"slos.yaml:{line}: metadata.annotations.prober.dev/window: spec.windows[0].duration "
    )


def test_two_contracts_of_one_name_are_refused() -> None:
    assert refused(f"{OTHER}---\n{OTHER}") == [
        "slos.yaml: two contracts would be called basket.slo.yaml, rename one SLO"
    ]


@pytest.mark.parametrize("text", [SERVICE, f"{OTHER}---\n{OTHER}"], ids=["no SLO", "twice"])
def test_a_problem_of_a_whole_file_has_no_line_and_no_path(text: str) -> None:
    with pytest.raises(InputError) as caught:
        imported(text, "slos.yaml")
    assert [(each.line, each.path) for each in caught.value.problems] == [(0, "")]


def test_a_policy_file_is_looked_for_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(POLICY)
    contract = parse(f"{MINIMAL}  policy: ours.yaml\n", str(tmp_path / "login.slo.yaml"))
    [found] = imported(openslo_file(contract).text, str(tmp_path / "login.openslo.yaml"))
    assert parse(found.file.text, contract.source.file) == contract


def test_an_annotation_that_no_contract_has_is_refused_at_its_line() -> None:
    text = exported().replace("prober.dev/rationale: Because", "prober.dev/rationale: [a]")
    line = text.splitlines().index("    prober.dev/rationale: [a]") + 1
    assert refused(text) == [
        f"slos.yaml:{line}: metadata.annotations.prober.dev/rationale: is not text, "
        "write it in quotes"
    ]


def test_without_our_annotations_it_is_read_as_anybody_elses() -> None:
    text = "".join(line for line in exported().splitlines(True) if "prober.dev/" not in line)
    found = one(text.replace("  annotations:\n", ""))
    assert "name: login-availability-rolling" in found.file.text
    assert "sli: success" in found.file.text
    assert [note.split(":")[0] for note in found.notes] == [
        "spec.journey", "spec.rationale", "spec.alerts",
    ]  # fmt: skip
