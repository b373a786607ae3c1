"""Decisions made again long after, and while the journal is written to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from prober.evaluator.sources.journal import JournalSource
from prober.slo.moment import moment_ms
from tests.evaluator.office import MINUTE_MS, NOW_MS, Office, contract

HOUR_MS = 3_600_000
QUARTER = "    - {name: quarter, calendar: {unit: quarter, time_zone: UTC}}\n"


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Office]:
    """A desk over an empty journal; the contract has a window that does not gate."""
    made = Office(tmp_path, contract(more=QUARTER))
    yield made
    made.close()


def let_pass(there: Office, hours: int) -> None:
    """Let hours go by, of which the last have runs; what is too old by then is dropped."""
    there.now_ms += hours * HOUR_MS
    there.live(end_ms=there.now_ms)
    while there.journal.keep_small(there.now_ms):
        pass


def test_a_window_that_does_not_gate_does_not_decide_whether_it_is_the_same(there: Office) -> None:
    there.live(end_ms=moment_ms("2026-07-02T00:00:00Z"))
    there.now_ms = moment_ms("2026-09-28T14:00:00Z")
    there.live(bad=range(50, 60), end_ms=there.now_ms)
    made = there.gate()
    let_pass(there, hours=7 * 24)
    again = there.ask("gate-replay", decision=made["decision"])
    rolling, quarter = again["now"]["slos"][0]["results"]
    assert (rolling["state"], quarter["reason"]) == ("EXHAUSTED", "source")
    assert (again["same"], again["differences"], again["gone"]) == (True, [], "")


def test_a_decision_whose_runs_are_gone_cannot_be_made_again_and_says_so(there: Office) -> None:
    there.live(bad=range(50, 58))
    made = there.gate()
    let_pass(there, hours=95 * 24)
    again = there.ask("gate-replay", decision=made["decision"])
    assert (again["same"], again["now"]["verdict"]) == (False, "inconclusive")
    assert again["gone"] == (
        "single runs are kept from 2026-07-01T13:59:00Z on, and those from 2026-07-01T12:20:00Z "
        "on are needed"
    )
    assert again["differences"][0] == f"it cannot be made again: {again['gone']}"


def test_nor_can_one_of_which_a_part_of_the_day_before_is_gone(there: Office) -> None:
    there.live(minutes=1440)
    made = there.gate()
    assert made["verdict"] == "allow"
    let_pass(there, hours=93 * 24 - 3)
    again = there.ask("gate-replay", decision=made["decision"])
    assert again["now"]["slos"][0]["results"][0]["state"] == "FULL", "its window is all there"
    assert (again["same"], again["now"]["verdict"]) == (False, "inconclusive")
    assert again["gone"].endswith("and those from 2026-06-30T14:00:00Z on are needed")


class Waits(JournalSource):
    """One that others hold at first: meanwhile a run comes in."""

    def at_one_moment(self) -> AbstractContextManager[None]:
        if waiting:
            waiting.pop()()
        return JournalSource.at_one_moment(self)


waiting: list[Callable[[], None]] = []


def test_what_came_in_while_a_decision_waited_for_the_journal_is_known_to_it(
    there: Office,
) -> None:
    there.live(bad=range(50, 57), end_ms=NOW_MS - MINUTE_MS)

    def meanwhile() -> None:
        there.now_ms += 5
        there.live(bad=[1], minutes=1)

    waiting.append(meanwhile)
    desk = replace(there.desk, source=Waits(there.view))
    made = desk.answer("gate", {"slo": ["checkout"], "change": "feature"})
    assert made["as_of_ms"] == NOW_MS + 5
    again = there.ask("gate-replay", decision=made["decision"])
    assert (again["same"], again["differences"]) == (True, [])
