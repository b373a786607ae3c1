"""A contract is in force when those who must agree have agreed, to exactly what it says."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from prober.slo.contract import Contract
from prober.slo.format import parse
from prober.slo.signoff import Lack, standing
from prober.slo.state import State

UNSIGNED = """\
apiVersion: prober/v1
kind: SLO
metadata: {name: login}
spec:
  journey: login
  owners: {product: pm, sre: sre}
  rationale: Support calls start below this target
  effective_from: 2026-07-01
  objectives: [{name: availability, sli: success, target: "99.9%"}]
  windows: [{name: rolling, duration: 30d}]
  policy: seed-5
  required_roles: [engineering, product]
"""
ENGINEERING = "role: engineering, scope: [target, policy], date: 2026-06-20"
PRODUCT = "role: product, scope: [target, policy], date: 2026-07-01"


def signed(*signoffs: str, text: str = UNSIGNED, of: str | None = None) -> Contract:
    """A contract with sign-offs to what `of` says, else to what it says itself."""
    content = parse(of or text, "login.slo.yaml").hash
    lines = [f"    - {{{signoff}, by: ada, hash: sha256:{content}}}\n" for signoff in signoffs]
    return parse(f"{text}  signoffs:\n{''.join(lines)}" if lines else text, "login.slo.yaml")


def ms(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


def test_a_contract_that_all_signed_in_time_is_in_force() -> None:
    standing_ = standing(signed(ENGINEERING, PRODUCT))
    assert (standing_.in_force, standing_.lacks, str(standing_)) == (True, (), "in_force")


def test_nobody_need_sign_a_contract_that_asks_nobody() -> None:
    text = UNSIGNED.replace("  required_roles: [engineering, product]\n", "")
    assert standing(parse(text, "a.yaml")).in_force


def test_whoever_has_not_signed_is_listed_with_the_scope() -> None:
    draft = standing(signed(ENGINEERING.replace("[target, policy]", "[target]")))
    assert str(draft) == "draft"
    assert draft.lacks == (
        Lack("engineering", "policy", "not signed"),
        Lack("product", "target", "not signed"),
        Lack("product", "policy", "not signed"),
    )
    assert str(draft.lacks[0]) == "engineering (policy): not signed"


def test_the_scopes_may_be_signed_one_by_one() -> None:
    halves = [PRODUCT.replace("[target, policy]", f"[{scope}]") for scope in ("target", "policy")]
    assert standing(signed(ENGINEERING, *halves)).in_force


def test_a_sign_off_by_a_role_that_is_not_required_changes_nothing() -> None:
    ghost = PRODUCT.replace("product", "marketing")
    assert not standing(signed(ENGINEERING, ghost)).in_force
    assert standing(signed(ENGINEERING, PRODUCT, ghost)).in_force


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("99.9%", "99.95%", id="target"),
        pytest.param("30d", "28d", id="window"),
        pytest.param("pm,", "pm-other,", id="owner"),
        pytest.param("engineering, product]", "engineering, product] # x\n  paths: [a]", id="key"),
    ],
)
def test_a_sign_off_is_void_once_the_contract_says_something_else(old: str, new: str) -> None:
    changed = UNSIGNED.replace(old, new)
    draft = standing(signed(ENGINEERING, PRODUCT, text=changed, of=UNSIGNED))
    assert [(lack.role, lack.scope) for lack in draft.lacks] == [
        (role, scope) for role in ("engineering", "product") for scope in ("target", "policy")
    ]
    assert draft.lacks[0].why == "void, the contract changed since ada signed on 2026-06-20"


def test_a_sign_off_after_the_contract_took_effect_is_void() -> None:
    late = PRODUCT.replace("2026-07-01", "2026-07-02")
    assert standing(signed(ENGINEERING, late)).lacks == tuple(
        Lack(
            "product",
            scope,
            "void, ada signed on 2026-07-02, after it took effect on 2026-07-01",
        )
        for scope in ("target", "policy")
    )


def test_a_void_sign_off_does_not_spoil_a_good_one() -> None:
    late = PRODUCT.replace("2026-07-01", "2026-07-02")
    assert standing(signed(ENGINEERING, late, PRODUCT)).in_force


def test_without_a_day_of_effect_no_sign_off_is_late() -> None:
    text = UNSIGNED.replace("  effective_from: 2026-07-01\n", "")
    late = PRODUCT.replace("2026-07-01", "2099-01-01")
    assert standing(signed(ENGINEERING, late, text=text), ms("2026-01-01")).in_force


def test_without_a_policy_nothing_is_in_force() -> None:
    text = UNSIGNED.replace("  policy: seed-5\n", "")
    draft = standing(signed(ENGINEERING, PRODUCT, text=text))
    assert draft.lacks == (Lack("", "policy", "there is no policy with an action for each state"),)


def test_a_policy_has_an_action_for_each_state() -> None:
    contract = signed(ENGINEERING, PRODUCT)
    some = dict(contract.policy.actions)
    del some[State.CAUTION]
    draft = standing(replace(contract, policy=replace(contract.policy, actions=some)))
    assert [lack.scope for lack in draft.lacks] == ["policy"]


def test_before_its_day_nothing_is_in_force() -> None:
    contract = signed(ENGINEERING, PRODUCT)
    early = standing(contract, ms("2026-07-01") - 1)
    assert early.lacks == (Lack("", "target", "it takes effect on 2026-07-01"),)
    assert [str(lack) for lack in early.lacks] == ["it takes effect on 2026-07-01"]
    assert standing(contract, ms("2026-07-01")).in_force


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_days_begin_at_midnight_in_utc_wherever_it_is_asked(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = signed(ENGINEERING, PRODUCT)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", zone)
        time.tzset()
        known = [standing(contract, ms("2026-07-01") + n).in_force for n in (-1, 0)]
    time.tzset()
    assert known == [False, True]
