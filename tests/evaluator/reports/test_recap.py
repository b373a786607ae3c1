"""The recap beside how things stand: yesterday, and what there is to be proud of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.evaluator.reports.recap import Recap, recap
from prober.model import Outcome, Record, Schedule
from tests.evaluator.conftest import build_run
from tests.evaluator.office import NOW_MS, Office, contract

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MIDNIGHT_MS = NOW_MS // DAY_MS * DAY_MS
WEEK = contract().replace("duration: 100m", "duration: 7d")
QUARTERS = contract().replace(
    "    - {name: rolling, duration: 100m}\n",
    "    - {name: quarter, calendar: {unit: quarter, time_zone: UTC}, gate: true}\n",
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    there = Office(tmp_path, WEEK)
    yield there
    there.close()


def hourly(days: int, bad: set[int]) -> list[Record]:
    """A run an hour up to now; of some hours before the last midnight, the run failed."""
    first_ms = MIDNIGHT_MS - days * DAY_MS
    schedule = Schedule(
        journey="checkout", region="eu-west-1", from_ms=first_ms, every_ms=HOUR_MS, phase_ms=0
    )
    runs = [
        build_run(
            at_ms, Outcome.FAILED if (MIDNIGHT_MS - at_ms) // HOUR_MS in bad else Outcome.PASSED
        )
        for at_ms in range(first_ms, NOW_MS, HOUR_MS)
    ]
    return [schedule, *runs]


def told(office: Office) -> Recap:
    return recap(office.desk, office.desk.contracts[0], office.now_ms)


def test_yesterday_is_told_with_the_trend(office: Office) -> None:
    office.journal.write(hourly(20, {3, 5}), now_ms=NOW_MS)
    assert told(office).yesterday == (
        "availability on 2026-06-30: 91.666%, 2 of 24 bad; budget ↓ 88%",
    )


def test_a_day_without_a_failure_heals_nothing_that_is_still_in_the_window(office: Office) -> None:
    office.journal.write(hourly(20, {30}), now_ms=NOW_MS)
    assert told(office).yesterday == (
        "availability on 2026-06-30: 100%, 0 of 24 bad; budget → 94%",
    )


def test_a_day_of_which_nobody_knows_is_unknown(office: Office) -> None:
    assert told(office).yesterday == ("availability on 2026-06-30: UNKNOWN, no run",)


def test_what_took_the_most_is_told_too(office: Office) -> None:
    office.journal.write(hourly(3, {3}), now_ms=NOW_MS)
    assert told(office).worst[0].startswith("cause assertion: ")


@pytest.mark.parametrize(("days", "quarters"), [(100, 0), (300, 3)])
def test_three_quarters_in_a_row_are_told(tmp_path: Path, days: int, quarters: int) -> None:
    office = Office(tmp_path, QUARTERS)
    office.journal.write(hourly(days, set()), now_ms=NOW_MS)
    assert told(office).quarters == quarters
    office.close()
