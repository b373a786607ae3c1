"""Misses are found in the log and in the calendar, once each, and are closed with a change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from prober.errors import InputError, ProberError
from prober.evaluator.alerts.alerts import Alerts
from prober.evaluator.audit import AUDIT, AuditLog
from prober.slo.moment import moment_ms
from tests.evaluator.hours import HOUR_MS, Hours, ago, exact, hourly_contract
from tests.evaluator.office import NOW_MS

MONTH = "    - {name: month, calendar: {unit: month, time_zone: America/New_York}}\n"
PUBLIC = '  sla: {target: "85%", public_commitment: true}\n'
SPRING = "2026-04-28T00:00:00Z"
CHANGE = {
    "change": "a test buys with a voucher",
    "kind": "test",
    "link": "https://git.example/pull/7",
}

Open = Callable[..., Hours]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Open]:
    made: list[Hours] = []

    def open_office(more: str = "") -> Hours:
        made.append(Hours(tmp_path / str(len(made)), hourly_contract(more=more)))
        return made[-1]

    yield open_office
    for each in made:
        each.close()


def hours_of_may(number: int) -> list[str]:
    """From 10 May on."""
    first_ms = moment_ms("2026-05-10T00:00:00Z")
    return [ago(NOW_MS - first_ms - hour * HOUR_MS) for hour in range(number)]


def misses(there: Hours) -> list[dict[str, Any]]:
    found = there.ask("misses")["misses"]
    assert isinstance(found, list)
    return found


def test_a_month_that_ended_below_its_target_is_a_miss_without_anybody_noting_it(
    office: Open,
) -> None:
    there = office(MONTH).hours(hours_of_may(80), first=SPRING)
    (found,) = misses(there)
    assert (found["slo"], found["objective"], found["window"]) == (
        "checkout",
        "availability",
        "month",
    )
    assert (found["how"], exact(found["consumed"])) == ("ended", Fraction(800, 744))
    assert found["opened"] == "2026-06-01T04:00:00Z"  # midnight there
    assert found["due"] == "2026-07-01T04:00:00Z"
    assert (found["standing"], found["closed"]) == ("overdue", None)
    assert found["items"] == [{"what": "one structural change", "done": False}]


def test_it_is_open_until_the_next_month_is_over(office: Open) -> None:
    there = office(MONTH).hours(hours_of_may(80), first=SPRING)
    there.now_ms = moment_ms("2026-07-01T03:59:59Z")
    assert [each["standing"] for each in misses(there)] == ["open"]
    there.now_ms += 1000
    assert [each["standing"] for each in misses(there)] == ["overdue"]
    there.now_ms = moment_ms("2026-06-01T03:59:59Z")
    assert misses(there) == []


def test_a_month_that_was_met_and_one_before_the_contract_took_effect_are_none(
    office: Open,
) -> None:
    assert misses(office(MONTH).hours(hours_of_may(74), first=SPRING)) == []
    later = office(f"{MONTH}  effective_from: 2026-05-02\n").hours(hours_of_may(80), first=SPRING)
    assert misses(later) == []
    since = office(f"{MONTH}  effective_from: 2026-05-01\n").hours(hours_of_may(80), first=SPRING)
    assert len(misses(since)) == 1


def test_an_exhausted_budget_opens_one_miss_however_often_the_evaluator_is_started(
    office: Open,
) -> None:
    there = office().hours([ago(hour * HOUR_MS) for hour in range(1, 31)])
    for minute in range(3):
        log = AuditLog.open(there.directory / AUDIT)
        alerts = Alerts.restore(there.desk.contracts, there.desk.source, log)
        alerts.look(NOW_MS + minute * 60_000)
    there.now_ms = NOW_MS + 3 * 60_000
    (found,) = misses(there)
    assert (found["how"], found["standing"]) == ("exhausted", "open")
    assert exact(found["consumed"]) == Fraction(30, 24)
    assert found["due_ms"] - found["opened_ms"] == 10 * 24 * HOUR_MS
    again = misses(there)
    assert again == [found]


def test_a_miss_is_closed_with_a_change_and_not_twice(office: Open) -> None:
    there = office().hours()
    there.entered("EXHAUSTED", "2026-06-20T00:01:00Z", "5/4")
    (found,) = misses(there)
    closed = there.ask("miss-close", id=found["id"], **CHANGE)["miss"]
    assert closed["standing"] == "closed"
    assert closed["closed"]["change"] == CHANGE["change"]
    assert all(item["done"] for item in closed["items"])
    assert misses(there) == [closed]
    with pytest.raises(ProberError, match="is closed since 2026-07-01T14:00:00Z"):
        there.ask("miss-close", id=found["id"], **CHANGE)


def test_one_that_was_promised_in_public_takes_a_notice_to_customers(office: Open) -> None:
    there = office(PUBLIC).hours()
    there.entered("EXHAUSTED", "2026-06-20T00:01:00Z")
    (found,) = misses(there)
    assert [item["what"] for item in found["items"]] == [
        "one structural change",
        "a notice to customers, who were promised it in public",
    ]
    with pytest.raises(InputError, match="notice: customers were promised it in public"):
        there.ask("miss-close", id=found["id"], **CHANGE)
    notice = "https://status.example/7"
    closed = there.ask("miss-close", id=found["id"], **CHANGE, notice=notice)["miss"]
    assert (closed["standing"], closed["closed"]["notice"]) == ("closed", notice)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "prayer"}, "kind: 'prayer'"),
        ({"change": " "}, "change: the text is blank"),
        ({"link": "javascript:alert(1)"}, "link: 'javascript:alert(1)' is not an address"),
        ({"link": None}, "link: is missing"),
    ],
)
def test_a_change_that_nobody_could_read_closes_nothing(
    office: Open, change: dict[str, Any], said: str
) -> None:
    there = office().hours()
    there.entered("EXHAUSTED", "2026-06-20T00:01:00Z")
    (found,) = misses(there)
    with pytest.raises(InputError) as raised:
        there.ask("miss-close", **{"id": found["id"], **CHANGE, **change})
    assert said in str(raised.value)
    assert misses(there) == [found]


def test_a_miss_that_there_is_not_is_told(office: Open) -> None:
    there = office().hours()
    with pytest.raises(ProberError, match="there is no miss 'abc'"):
        there.ask("miss-close", id="abc", **CHANGE)
    there.entered("EXHAUSTED", "2026-06-20T00:01:00Z")
    (found,) = misses(there)
    wrong = f"{found['id'][:-1]}x"
    with pytest.raises(ProberError, match=f"did you mean {found['id']}"):
        there.ask("miss-close", id=wrong, **CHANGE)


def test_misses_of_windows_and_slos_that_are_gone_are_nobodys(office: Open) -> None:
    there = office().hours()
    there.entered("EXHAUSTED", "2026-06-20T00:01:00Z", slo="login")
    there.entered("EXHAUSTED", "2026-06-20T00:01:00Z", window="week")
    assert misses(there) == []
    with pytest.raises(ProberError, match="there is no SLO 'login'"):
        there.ask("misses", slo="login")
