"""What is remembered of states: what the log says was told, and what ends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prober.evaluator.alerts.memory import Budget, Memory
from prober.evaluator.audit import AUDIT, AuditLog

BUDGET = Budget("checkout", "availability", "rolling")


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog.open(tmp_path / AUDIT)


def state(after: str, reason: str | None = None) -> dict[str, Any]:
    return {**BUDGET._asdict(), "from": None, "to": after, "consumed": None, "reason": reason}


@pytest.mark.parametrize(
    ("states", "since_ms"),
    [
        (("FULL", "CAUTION"), None),
        (("FULL", "WARNING", "EXHAUSTED", "CRITICAL"), 2),
        (("WARNING", "UNKNOWN"), 1),
        (("WARNING", "UNKNOWN", "CRITICAL"), 1),
        (("WARNING", "CAUTION", "WARNING"), 3),
        (("WARNING", "UNKNOWN", "FULL"), None),
    ],
)
def test_the_log_says_since_when_there_is_something_to_tell(
    log: AuditLog, states: tuple[str, ...], since_ms: int | None
) -> None:
    for at_ms, after in enumerate(states, 1):
        log.append("state", state(after), at_ms)
    memory = Memory.restore(log)
    assert memory.told.get(BUDGET) == since_ms
    assert memory.states == {BUDGET: states[-1]}


def test_what_was_told_of_a_budget_that_is_gone_ends_once(log: AuditLog) -> None:
    log.append("state", state("EXHAUSTED"), 1)
    memory = Memory.restore(log)
    memory.abandon({BUDGET}, 5)
    memory.write()
    assert len(log.entries()) == 1
    memory.abandon((), 6)
    memory.write()
    end = log.entries()[-1]
    assert end.at_ms == 6
    assert end.body == {
        **BUDGET._asdict(),
        "from": "EXHAUSTED",
        "to": "UNKNOWN",
        "since_ms": 1,
        "consumed": None,
        "reason": "gone",
    }
    for found in (memory, Memory.restore(log)):
        assert (found.states, found.told) == ({}, {})
        found.abandon((), 7)
        found.write()
    assert len(log.entries()) == 2


def test_a_state_that_nobody_was_told_of_needs_no_end(log: AuditLog) -> None:
    log.append("state", state("CAUTION"), 1)
    memory = Memory.restore(log)
    memory.abandon((), 5)
    memory.write()
    assert len(log.entries()) == 1
