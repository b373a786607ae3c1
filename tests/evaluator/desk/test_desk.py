"""The desk: one door for every verb."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.errors import ProberError
from prober.evaluator.door.tokens import Scope
from prober.evaluator.verbs import VERBS
from tests.evaluator.office import Office

#: Whoever may read may ask these; the others add to the audit log.
READS = {
    "gate-replay",
    "override-list",
    "exclude-list",
    "mark-list",
    "budget-reservations",
    "report",
    "reviews",
    "misses",
    "feedback-list",
}
WRITES = {
    "gate": Scope.GATE,
    "override-grant": Scope.OVERRIDE,
    "exclude-add": Scope.EXCLUDE,
    "exclude-revoke": Scope.EXCLUDE,
    "mark-deploy": Scope.MARK,
    "budget-reserve": Scope.RESERVE,
    "budget-release": Scope.RESERVE,
    "silence-add": Scope.SILENCE,
    "silence-end": Scope.SILENCE,
    "review-record": Scope.REVIEW,
    "miss-close": Scope.REVIEW,
    "feedback-add": Scope.REVIEW,
}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    there = Office(tmp_path)
    yield there
    there.close()


def test_a_verb_that_there_is_not_is_told_with_the_nearest(office: Office) -> None:
    with pytest.raises(ProberError, match=r"there is no verb 'gat', did you mean gate\?"):
        office.ask("gat")


def test_a_contract_that_there_is_not_is_told_with_the_nearest(office: Office) -> None:
    assert office.desk.contract("checkout").name == "checkout"
    with pytest.raises(ProberError, match=r"there is no SLO .chekout., did you mean checkout\?"):
        office.desk.contract("chekout")


def test_verbs_that_add_to_the_log_take_a_token_of_their_scope() -> None:
    scopes = {name: verb.scope for name, verb in VERBS.items()}
    assert {name: scopes[name] for name in WRITES.keys() | READS if scopes[name]} == WRITES


def test_a_verb_says_in_one_line_what_it_does() -> None:
    assert all(verb.summary.endswith(".") and verb.says for verb in VERBS.values())


def test_a_key_without_value_is_one_that_is_not_there(office: Office) -> None:
    office.live()
    assert office.gate(commit=None, estimate=None)["verdict"] == "allow"
