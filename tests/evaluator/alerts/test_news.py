"""News: what entries of the audit log tell, and what is true after all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prober.evaluator.alerts.news import Bulletin
from prober.evaluator.alerts.notices import Key
from prober.evaluator.audit import AUDIT, AuditLog

ALERT = {
    "slo": "checkout",
    "rule": "page-fast",
    "objective": "availability",
    "window": "rolling",
    "region": "",
    "severity": "page",
    "text": "burns",
    "facts": {},
}
STATE = {"slo": "checkout", "objective": "availability", "window": "rolling", "reason": None}
FAST = Key("checkout", "page-fast", "availability", "rolling")
BUDGET = Key("checkout", "budget", "availability", "rolling")


def state(before: str | None, after: str) -> dict[str, Any]:
    return {**STATE, "from": before, "to": after, "consumed": "1/2"}


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog.open(tmp_path / AUDIT)


def test_an_alert_begins_and_ends(log: AuditLog) -> None:
    log.append("alert", {**ALERT, "phase": "firing", "began_ms": 40}, 50)
    end = {**ALERT, "phase": "resolved", "consumed": "1/4", "since_ms": 50, "began_ms": 40}
    log.append("alert", end, 90)
    bulletin = Bulletin(log)
    bulletin.catch_up()
    first, last = bulletin.after(0)
    assert (first.now, first.since_ms, first.cost) == ("firing", 40, None)
    assert (last.now, last.since_ms, last.cost) == (None, 40, "1/4")
    assert bulletin.newest() == {FAST: last}
    assert bulletin.after(1) == [last]
    assert bulletin.at(1) == first


def test_an_entry_of_an_older_version_is_told_with_what_it_has(log: AuditLog) -> None:
    log.append("alert", {**ALERT, "phase": "firing", "began_ms": None}, 50)
    log.append("alert", {**ALERT, "phase": "resolved", "consumed": None}, 90)
    bulletin = Bulletin(log)
    bulletin.catch_up()
    first, last = bulletin.after(0)
    assert (first.since_ms, last.since_ms, last.seen) == (50, 90, {})


def test_states_are_news_from_half_of_the_budget_on(log: AuditLog) -> None:
    told = ("FULL", "CAUTION", "WARNING", "CRITICAL", "EXHAUSTED", "CAUTION")
    before = None
    for at_ms, after in enumerate(told):
        log.append("state", state(before, after), at_ms)
        before = after
    bulletin = Bulletin(log)
    bulletin.catch_up()
    found = bulletin.after(0)
    assert [each.now for each in found] == [None, None, "WARNING", "CRITICAL", "EXHAUSTED", None]
    assert [each.name for each in found[2:]] == [
        "budget-warning", "budget-critical", "budget-exhausted", "budget",
    ]  # fmt: skip


def test_that_nobody_knows_a_state_ends_nothing(log: AuditLog) -> None:
    log.append("state", state("FULL", "WARNING"), 1)
    log.append("state", state("WARNING", "UNKNOWN"), 2)
    log.append("state", state("UNKNOWN", "WARNING"), 3)
    bulletin = Bulletin(log)
    bulletin.catch_up()
    assert bulletin.newest()[BUDGET].number == 1


@pytest.mark.parametrize(
    ("more", "since_ms"),
    [
        pytest.param({"since_ms": 40}, 40, id="since it began"),
        pytest.param({"since_ms": None}, 90, id="nobody was told of the one before"),
        pytest.param({}, 90, id="of an older version"),
    ],
)
def test_the_end_of_a_state_is_told_with_its_beginning(
    log: AuditLog, more: dict[str, Any], since_ms: int
) -> None:
    log.append("state", {**state("CRITICAL", "CAUTION"), **more}, 90)
    bulletin = Bulletin(log)
    bulletin.catch_up()
    (end,) = bulletin.after(0)
    assert (end.now, end.since_ms, end.gone) == (None, since_ms, False)


def test_a_state_of_a_budget_that_is_gone_is_over(log: AuditLog) -> None:
    log.append("state", state("FULL", "EXHAUSTED"), 1)
    log.append("state", {**state("EXHAUSTED", "UNKNOWN"), "reason": "gone", "since_ms": 1}, 9)
    bulletin = Bulletin(log)
    bulletin.catch_up()
    end = bulletin.newest()[BUDGET]
    assert (end.now, end.since_ms, end.gone) == (None, 1, True)


@pytest.mark.parametrize(
    ("before", "after", "recovers"),
    [
        ("EXHAUSTED", "CRITICAL", True),
        ("CRITICAL", "WARNING", True),
        ("WARNING", "CRITICAL", False),
        ("CAUTION", "WARNING", False),
        ("UNKNOWN", "CRITICAL", False),
        (None, "EXHAUSTED", False),
        ("WARNING", "FULL", False),
    ],
)
def test_a_state_that_comes_after_a_worse_one_is_a_recovery(
    log: AuditLog, before: str | None, after: str, recovers: bool
) -> None:
    log.append("state", state(before, after), 1)
    bulletin = Bulletin(log)
    bulletin.catch_up()
    assert bulletin.newest()[BUDGET].recovers == recovers


def test_what_is_written_after_a_look_is_news_after_the_next(log: AuditLog) -> None:
    bulletin = Bulletin(log)
    bulletin.catch_up()
    log.append("alert", {**ALERT, "phase": "firing", "began_ms": None}, 50)
    assert bulletin.after(0) == []
    assert bulletin.newest() == {}
    bulletin.catch_up()
    assert len(bulletin.after(0)) == 1
