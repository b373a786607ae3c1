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


def test_what_is_written_after_a_look_is_news_after_the_next(log: AuditLog) -> None:
    bulletin = Bulletin(log)
    bulletin.catch_up()
    log.append("alert", {**ALERT, "phase": "firing", "began_ms": None}, 50)
    assert bulletin.after(0) == []
    assert bulletin.newest() == {}
    bulletin.catch_up()
    assert len(bulletin.after(0)) == 1
