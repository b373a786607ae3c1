"""What a change touches, told to its reviewers in Markdown that nothing from outside can break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prober.evaluator.audit import AuditLog
from prober.evaluator.desk.desk import Desk
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.verbs import VERBS
from prober.journal.tally import rules_of
from prober.journal.view import View
from prober.model import Outcome, Record, Run, Schedule, Step
from prober.slo import format

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
LATENCY = """\
    - {name: fast, sli: {latency: {threshold: 8s}}, target: "90%"}
    - {name: paid, sli: {latency: {threshold: 2s, step: pay}}, target: "90%"}
    - {name: paid-late, sli: {latency: {threshold: 3s, step: pay}}, target: "90%"}
"""

Check = Callable[..., dict[str, Any]]


@pytest.fixture
def prcheck(
    journal: Callable[..., Path],
    contract_text: Callable[..., str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Check:
    """`prcheck(records, *paths, spec)`: what is said of changed paths."""

    def check(records: list[Record], *paths: str, spec: str = "", more: str = "") -> dict[str, Any]:
        text = contract_text(more=more) + spec
        contract = format.parse(text, "contracts/checkout.slo.yaml")
        view = View.open(journal(records, rules_of([contract])))
        request.addfinalizer(view.close)
        desk = Desk(
            contracts=(contract,),
            source=JournalSource(view),
            audit=AuditLog.open(tmp_path / "audit.jsonl"),
            verbs=VERBS,
            clock=lambda: HOUR_MS,
        )
        return desk.answer("prcheck", {"paths": paths})

    return check


@pytest.fixture
def hourful(
    run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> Callable[..., list[Record]]:
    """`hourful(*bad)`: an hour of runs, the payment of which takes 10 ms more each minute."""

    def records(*bad: int, step: str = "pay") -> list[Record]:
        found: list[Record] = [schedule(MINUTE_MS)]
        for k in range(60):
            outcome = FAILED if k in bad else PASSED
            took_us = 1_000_000 + k * 10_000
            steps = (Step(name=step, offset_us=0, duration_us=took_us, outcome=outcome),)
            responses = {"5xx": 1} if k % 2 else {"2xx": 1}
            found.append(
                run(k * MINUTE_MS, outcome, steps=steps, responses=responses, duration_us=took_us)
            )
        return found

    return records


def test_a_change_that_touches_a_journey_gets_labels_and_questions(
    prcheck: Check, hourful: Callable[..., list[Record]]
) -> None:
    told = prcheck(hourful(4, 5, 6), "services/pay/api.py", spec='  paths: ["services/pay/**"]\n')
    assert told["labels"] == ["slo/checkout", "budget/warning"]
    (slo,) = told["slos"]
    assert (slo["name"], slo["paths"], slo["state"]) == (
        "checkout",
        ["services/pay/api.py"],
        "WARNING",
    )
    assert slo["recent"] == {"runs": 60, "failed": 3, "silent": 2}
    assert told["markdown"].startswith(
        "## SLO impact\n\nLabels: `slo/checkout`, `budget/warning`\n"
    )
    for words in (
        "### checkout: Checkout completes",
        "Touched by `services/pay/api.py`.",
        "| availability | 1h | WARNING | 90% | 50% |",
        "- [ ] Timeout: what happens when a call that it makes times out? Is there a fallback?",
        "Is the failure loud or silent? (2 of the last 3 failures were silent.)",
        "- [ ] Failure mode: is it written down how it fails",
        "- [ ] Budget: it is WARNING. Must this go out now",
    ):
        assert words in told["markdown"]


def test_the_times_of_steps_stand_beside_their_thresholds(
    prcheck: Check, hourful: Callable[..., list[Record]]
) -> None:
    told = prcheck(hourful(59), "checkout.py", more=LATENCY)
    (slo,) = told["slos"]
    assert slo["steps"] == [
        {  # the failed one of 1.59 s does not tell how long paying takes
            "step": "pay",
            "runs": 59,
            "p99_us": 1_580_000,
            "threshold_us": 2_000_000,
            "headroom_us": 420_000,
        },
        {
            "step": None,
            "runs": 59,
            "p99_us": 1_580_000,
            "threshold_us": 8_000_000,
            "headroom_us": 6_420_000,
        },
    ]
    assert "| pay | 1.58 s | 2 s | 0.42 s |" in told["markdown"]
    assert "step pay takes 1.58 s at p99, 0.42 s below its threshold of 2 s" in told["markdown"]


def test_a_step_above_its_threshold_is_told_as_such(
    prcheck: Check, hourful: Callable[..., list[Record]]
) -> None:
    slow = '    - {name: paid, sli: {latency: {threshold: 1s, step: pay}}, target: "90%"}'
    told = prcheck(hourful(), "checkout.py", more=slow)
    assert "0.59 s above its threshold of 1 s" in told["markdown"]


def test_ninety_nine_of_a_hundred_are_no_longer_than_p99(
    prcheck: Check, run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> None:
    runs = [
        run(
            k * 30_000,
            duration_us=1_000_000 * (k + 1),
            steps=(),
        )
        for k in range(100)
    ]
    (slo,) = prcheck([schedule(30_000), *runs], "checkout.py")["slos"]
    assert [(step["step"], step["p99_us"]) for step in slo["steps"]] == [(None, 99_000_000)]


def test_a_change_that_touches_nothing_says_so(prcheck: Check) -> None:
    told = prcheck([], "README.md")
    assert (told["labels"], told["slos"]) == ([], [])
    assert told["markdown"] == (
        "## SLO impact\n\nThis change touches no journey that has an SLO.\n"
    )


def test_a_journey_that_never_ran_is_asked_about_all_the_same(prcheck: Check) -> None:
    told = prcheck([], "checkout.slo.yaml", more=LATENCY)
    (slo,) = told["slos"]
    assert [(step["step"], step["p99_us"], step["headroom_us"]) for step in slo["steps"]] == [
        (None, None, None),
        ("pay", None, None),
    ]
    assert "| pay | – | 2 s | – |" in told["markdown"]
    assert "loud or silent?\n" in told["markdown"]
    assert "Budget: it is UNKNOWN" in told["markdown"]


def test_a_full_budget_asks_no_more_than_it_must(
    prcheck: Check, hourful: Callable[..., list[Record]]
) -> None:
    assert "Budget:" not in prcheck(hourful(), "checkout.py")["markdown"]


def test_dependencies_are_asked_about(prcheck: Check) -> None:
    spec = '  depends_on: [{name: psp, target: "99.95%"}]\n'
    assert "lean more on psp" in prcheck([], "checkout.py", spec=spec)["markdown"]


def test_names_from_outside_stay_text_in_the_comment(
    prcheck: Check, hourful: Callable[..., list[Record]]
) -> None:
    step = "pay | <img src=x> [x](y) `z` *w*"
    told = prcheck(
        hourful(step=step),
        "pay/a`b|c\n# d.py",
        more='    - {name: l, sli: {latency: {threshold: 9s, step: "pay"}}, target: "90%"}',
        spec='  paths: ["pay/*"]\n',
    )
    text = told["markdown"]
    assert r"| pay \| \<img src=x\> \[x\](y) \`z\` \*w\* | 1.59 s |" in text
    assert "Touched by `` pay/a`b|c # d.py ``." in text
    assert "\n# d" not in text
