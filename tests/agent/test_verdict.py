"""The verdict over all that can be found: ours is never blamed on the target."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.agent.verdict import Doubt, Finding, Stage, Trouble, judge, settled
from prober.model import TARGET_CAUSES, Cause, Outcome

SOUND = Finding(stage=Stage.ENDED, step="pay", asked_target=True, steps=1, assertions=1)
TARGETS = {
    Trouble.ASSERTION: Cause.ASSERTION,
    Trouble.TIMEOUT: Cause.TIMEOUT,
    Trouble.HTTP_STATUS: Cause.HTTP_STATUS,
    Trouble.FROM_BETWEEN: Cause.HTTP_STATUS,
    Trouble.NETWORK: Cause.NETWORK,
    Trouble.PAGE_CRASH: Cause.PAGE_CRASH,
}
OURS = {
    Trouble.BROWSER_GONE: Cause.BROWSER,
    Trouble.DRIVER_GONE: Cause.WORKER,
    Trouble.OUR_NETWORK: Cause.EGRESS,
    Trouble.OUR_RESOURCES: Cause.BROWSER,
    Trouble.SECRET: Cause.SECRETS,
    Trouble.SCRIPT: Cause.SCRIPT,
    Trouble.STUCK: Cause.SCRIPT,
    Trouble.CANCELLED: Cause.CANCELLED,
}
findings = st.builds(
    Finding,
    stage=st.sampled_from(Stage),
    trouble=st.none() | st.sampled_from(Trouble),
    message=st.none() | st.text(),
    step=st.none() | st.text(),
    asked_target=st.booleans(),
    steps=st.integers(0, 3),
    assertions=st.integers(0, 3),
    swallowed_deadline=st.booleans(),
    too_slow=st.booleans(),
)


def test_every_trouble_is_somebodys() -> None:
    assert TARGETS.keys() | OURS.keys() == set(Trouble)


@pytest.mark.parametrize(("trouble", "cause"), TARGETS.items())
def test_what_a_user_would_meet_is_the_targets(trouble: Trouble, cause: Cause) -> None:
    verdict = judge(replace(SOUND, stage=Stage.JOURNEY, trouble=trouble))
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, cause)


@pytest.mark.parametrize(("trouble", "cause"), OURS.items())
def test_what_gave_way_here_is_ours(trouble: Trouble, cause: Cause) -> None:
    verdict = judge(replace(SOUND, stage=Stage.JOURNEY, trouble=trouble))
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, cause)


@given(findings)
def test_nothing_is_the_targets_before_it_was_asked(finding: Finding) -> None:
    if not finding.asked_target or finding.stage is Stage.LAUNCH:
        assert judge(finding).outcome is Outcome.INCONCLUSIVE


@given(findings)
def test_a_pass_rests_on_a_step_a_request_and_an_assertion(finding: Finding) -> None:
    if judge(finding).outcome is Outcome.PASSED:
        assert finding.steps
        assert finding.assertions
        assert finding.asked_target
        assert not (finding.trouble or finding.too_slow or finding.swallowed_deadline)


@given(findings)
def test_outcome_and_cause_belong_together(finding: Finding) -> None:
    verdict = judge(finding)
    expected = {
        Outcome.PASSED: {None},
        Outcome.FAILED: TARGET_CAUSES,
        Outcome.INCONCLUSIVE: set(Cause) - TARGET_CAUSES,
    }
    assert verdict.cause in expected[verdict.outcome]


EGRESS = Doubt(Cause.EGRESS, "no reference target answers")
SATURATED = Doubt(Cause.SATURATED, "the browser waited for a processor")
doubts = st.lists(st.sampled_from([EGRESS, SATURATED]))


@given(findings, doubts)
def test_a_doubt_never_makes_a_failure_and_never_another_pass(
    finding: Finding, doubts: list[Doubt]
) -> None:
    plain, doubted = judge(finding), judge(finding, doubts)
    if doubted != plain:
        assert doubted.outcome is Outcome.INCONCLUSIVE
        assert doubted.cause in {doubt.cause for doubt in doubts}
        assert plain.outcome is not Outcome.INCONCLUSIVE


@pytest.mark.parametrize("trouble", [Trouble.NETWORK, Trouble.TIMEOUT, Trouble.ASSERTION])
def test_what_a_dead_network_of_ours_can_bring_about_is_not_the_targets(trouble: Trouble) -> None:
    finding = replace(SOUND, stage=Stage.JOURNEY, trouble=trouble, message="no page")
    verdict = judge(finding, [EGRESS])
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.EGRESS)
    assert verdict.message == "no reference target answers, while the run met: no page"


def test_who_passed_had_a_network() -> None:
    assert judge(SOUND, [EGRESS]).outcome is Outcome.PASSED


def test_nothing_is_measured_on_a_machine_that_is_too_busy() -> None:
    for finding in (SOUND, replace(SOUND, too_slow=True)):
        assert judge(finding, [SATURATED]).cause is Cause.SATURATED


@pytest.mark.parametrize("doubt", [EGRESS, SATURATED])
def test_an_answer_with_an_error_is_the_targets_however_we_were(doubt: Doubt) -> None:
    finding = replace(SOUND, stage=Stage.JOURNEY, trouble=Trouble.HTTP_STATUS)
    assert judge(finding, [doubt]).outcome is Outcome.FAILED


def test_a_status_of_what_stands_between_is_excused_by_our_own_network_and_nothing_else() -> None:
    finding = replace(SOUND, stage=Stage.JOURNEY, trouble=Trouble.FROM_BETWEEN)
    assert judge(finding).cause is judge(finding, [SATURATED]).cause is Cause.HTTP_STATUS
    assert judge(finding, [SATURATED, EGRESS]).cause is Cause.EGRESS


def test_what_the_browser_says_of_our_own_is_told_beside_what_the_run_met() -> None:
    trouble = Trouble.OUR_NETWORK
    finding = Finding(stage=Stage.JOURNEY, trouble=trouble, asked_target=True, message="no page")
    assert judge(finding).message == (
        "the browser says that this region's own network gave way, while the run met: no page"
    )


@given(findings)
def test_a_finding_travels_by_pipe(finding: Finding) -> None:
    assert Finding.from_dict(json.loads(json.dumps(finding.to_dict()))) == finding


@given(st.dictionaries(st.text(), st.sampled_from([True, False, None])))
def test_only_a_verdict_says_that_an_assertion_did_not_hold(held: dict[str, bool | None]) -> None:
    known = {name: each for name, each in held.items() if each is not None}
    assert settled(Outcome.PASSED, held) == settled(Outcome.FAILED, held) == known
    assert settled(Outcome.INCONCLUSIVE, held) == {name: True for name in known if known[name]}
