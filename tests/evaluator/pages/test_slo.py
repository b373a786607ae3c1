"""What the page about a contract is made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.evaluator.board import Board
from prober.evaluator.pages.drawing import draw
from prober.evaluator.pages.slo import SloPage, gather
from prober.model import Outcome
from prober.slo.moment import iso
from tests.evaluator.conftest import build_run
from tests.evaluator.hours import EARLIER, IMPACT, MORNING, Hours, hourly_contract
from tests.evaluator.office import MINUTE_MS, NOW_MS, WINDOW, Office, contract

CALENDAR = contract().replace(
    "    - {name: rolling, duration: 100m}\n",
    "    - {name: rolling, duration: 100m}\n"
    "    - {name: month, calendar: {unit: month, time_zone: Europe/Berlin}}\n",
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    there = Office(tmp_path, CALENDAR)
    yield there
    there.close()


def look(office: Office, name: str = "checkout") -> SloPage:
    board = Board(office.desk.contracts, office.view, clock=lambda: office.now_ms)
    page = gather(board, office.desk, name)
    assert page
    return page


def test_every_result_has_its_own_burn_down(office: Office) -> None:
    office.live([50])
    page = look(office)
    assert page.details
    for burning, result in zip(page.details.burning, page.evaluation.results, strict=True):
        assert burning.result is result
        assert burning.left[-1].remaining == result.judgement.remaining


def test_a_contract_without_runs_has_a_page_too(office: Office) -> None:
    page = look(office)
    html = draw("slo.html", page=page, alive=True)
    assert "No region has sent anything about this journey." in html
    assert "Not judged: no run yet" in html


def test_the_budget_of_a_month_says_when_it_was_reset(office: Office) -> None:
    office.live()
    html = draw("slo.html", page=look(office), alive=True)
    assert html.count("The budget was reset at 2026-06-30T22:00:00Z") == 1
    assert "will be at 2026-07-31T22:00:00Z: nothing is carried over" in html


def test_windows_gone_by_are_told(office: Office) -> None:
    office.live([5, 110], minutes=3 * WINDOW)
    page = look(office)
    assert page.details
    past = page.details.past
    assert [each.span.end_ms for each in past][:2] == [NOW_MS, NOW_MS - WINDOW * MINUTE_MS]
    assert [each.judgement.counts.bad for each in past] == [1, 1, 0]
    assert "Windows gone by" in draw("slo.html", page=page, alive=True)


@pytest.mark.parametrize("budgeting", ["occurrences", "{timeslices: {slice: 1h, rule: all}}"])
def test_of_an_incident_page_report_and_command_say_the_same(
    tmp_path: Path, budgeting: str
) -> None:
    more = f"{IMPACT}  budgeting: {budgeting}\n"
    there = Hours(tmp_path / "hours", hourly_contract(more=more)).hours((*MORNING, EARLIER))
    try:
        page = look(there)
        (objective,) = there.slo("daily")["objectives"]
        (told,) = there.ask("budget-explain", slo="checkout")["slos"][0]["results"]
    finally:
        there.close()
    assert page.details
    (seen, _), (reported,) = page.details.incidents, objective["incidents"]
    (explained, _) = told["incidents"]
    assert seen.text == reported["text"]
    assert "From 2026-06-30 10:00 to 13:00 UTC" in seen.text
    assert str(seen.incident.part.share) == reported["share"]["exact"]
    span = tuple(map(iso, seen.incident.span))
    for other in (reported, explained):
        assert (other["start"], other["end"]) == span


def test_the_newest_troubles_of_the_whole_window_are_told(office: Office) -> None:
    office.live([90])
    office.live([3], region="us-east-1")
    office.journal.write([build_run(NOW_MS - MINUTE_MS + 1, Outcome.INCONCLUSIVE)], now_ms=NOW_MS)
    page = look(office)
    assert page.details
    told = [(each.region, each.run.outcome) for each in page.details.troubles]
    assert told == [
        ("eu-west-1", Outcome.INCONCLUSIVE),
        ("us-east-1", Outcome.FAILED),
        ("eu-west-1", Outcome.FAILED),
    ]


def test_there_is_no_page_of_a_name_that_is_not_there(office: Office) -> None:
    board = Board(office.desk.contracts, office.view, clock=lambda: office.now_ms)
    assert gather(board, office.desk, "nothing") is None
