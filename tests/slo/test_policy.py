"""The built-in policy says what the articles it comes from say."""

from __future__ import annotations

import pytest

from prober.slo.policy import POLICIES, SEED_5, Answer, ChangeClass, Policy, Verdict
from prober.slo.state import State

JUDGED = [state for state in State if state is not State.UNKNOWN]
#: Feature on the critical path, other feature, config, config on the critical path, and the same
#: two of reliability and security, as the table of the policy has it.
TABLE = {
    State.FULL: ("allow",) * 6,
    State.CAUTION: (
        "approval:sre", "allow:off-peak", "allow", "approval:sre", "allow", "approval:sre",
    ),
    State.WARNING: ("block", *("approval:sre",) * 5),
    State.CRITICAL: ("block", "block", *("approval:sre+product",) * 4),
    State.EXHAUSTED: ("block",) * 4 + ("approval:vp_engineering",) * 2,
}  # fmt: skip
COLUMNS = [
    (ChangeClass.FEATURE, True),
    (ChangeClass.FEATURE, False),
    (ChangeClass.CONFIG, False),
    (ChangeClass.CONFIG, True),
    (ChangeClass.RELIABILITY, False),
    (ChangeClass.RELIABILITY, True),
]


@pytest.mark.parametrize("state", JUDGED)
def test_the_table(state: State) -> None:
    answers = [SEED_5.answer(state, change, critical_path=critical) for change, critical in COLUMNS]
    assert tuple(map(str, answers)) == TABLE[state]


@pytest.mark.parametrize("state", JUDGED)
@pytest.mark.parametrize("critical_path", [False, True])
def test_security_is_answered_as_reliability_is(state: State, critical_path: bool) -> None:
    security, reliability = (
        SEED_5.answer(state, change, critical_path=critical_path)
        for change in (ChangeClass.SECURITY, ChangeClass.RELIABILITY)
    )
    assert security == reliability


@pytest.mark.parametrize("change", ChangeClass)
def test_an_unknown_state_is_inconclusive_for_every_change(change: ChangeClass) -> None:
    answer = SEED_5.answer(State.UNKNOWN, change, critical_path=False)
    assert answer == Answer(Verdict.INCONCLUSIVE)


@pytest.mark.parametrize("state", State)
def test_people_do_something_in_every_state(state: State) -> None:
    assert all(action.strip() for action in SEED_5.actions[state])


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.FULL, "take risks"),
        (State.CAUTION, "SRE review required"),
        (State.CAUTION, "off-peak hours"),
        (State.CAUTION, "Weekly budget review"),
        (State.WARNING, "Alert engineering leadership"),
        (State.WARNING, "Daily budget review"),
        (State.WARNING, "Reliability improvement work prioritized in sprint"),
        (State.CRITICAL, "Active reliability incident"),
        (State.CRITICAL, "Pause non-critical deployments"),
        (State.CRITICAL, "Root cause"),
        (State.EXHAUSTED, "All engineering capacity redirected"),
        (State.EXHAUSTED, "All releases require VP Engineering approval"),
        (State.EXHAUSTED, "Formal reliability review before any production change"),
        (State.EXHAUSTED, "Incident review for any further failures"),
        (State.EXHAUSTED, "SLO renegotiation if structural limits"),
        (State.EXHAUSTED, "only critical fixes ship"),
    ],
)
def test_actions_are_in_the_words_of_the_articles(state: State, words: str) -> None:
    assert words in "\n".join(SEED_5.actions[state])


def test_budgets_are_reviewed_weekly_and_then_daily() -> None:
    day_ms = 86_400_000
    assert [SEED_5.review_ms.get(state) for state in JUDGED] == [
        None, 7 * day_ms, day_ms, day_ms, day_ms,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("role", "required", "may"),
    [
        pytest.param("sre", "sre", True, id="itself"),
        pytest.param("vp_engineering", "sre", True, id="one of lower rank"),
        pytest.param("sre", "vp_engineering", False, id="one of higher rank"),
        pytest.param("product", "sre", False, id="another of the same rank"),
        pytest.param("intern", "sre", False, id="nobody, being unknown"),
        pytest.param("intern", "intern", False, id="not even itself, being unknown"),
        pytest.param("sre", "intern", False, id="nobody that is unknown"),
    ],
)
def test_a_role_may_stand_in_for(role: str, required: str, may: bool) -> None:
    assert SEED_5.may(role, required) is may


def test_roles_together_leave_out_whom_another_stands_in_for() -> None:
    assert SEED_5.together(["sre", "product", "sre"]) == ("sre", "product")
    assert SEED_5.together(["sre", "vp_engineering", "product"]) == ("vp_engineering",)
    assert SEED_5.together([]) == ()


def test_a_policy_is_seed_5_where_it_says_nothing_else() -> None:
    mine = Policy(name="mine")
    assert mine.gate == SEED_5.gate
    assert mine.conditions == SEED_5.conditions
    assert POLICIES == {"seed-5": SEED_5}
