"""Pages that list what is on record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.evaluator.board import Board
from prober.evaluator.pages import records
from prober.evaluator.pages.drawing import draw
from tests.evaluator.office import NOW_MS, Office, contract


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    there = Office(
        tmp_path,
        contract(more='  dependents: [mobile-app]\n  depends_on: [{name: psp, target: "99%"}]\n'),
        contract("login", "login"),
    )
    there.live([5])
    there.live(journey="login", region="us-east-1")
    yield there
    there.close()


@pytest.fixture
def board(office: Office) -> Board:
    return Board(office.desk.contracts, office.view, clock=lambda: office.now_ms)


def test_who_leans_on_a_contract_sees_how_it_stands(board: Board, office: Office) -> None:
    html = draw("dependents.html", **records.dependents(board, office.desk))
    assert "mobile-app" in html
    assert "psp (99%)" in html
    assert "nobody has said so" in html
    assert "90% of the error budget left" in html


def test_regions_are_told_with_all_of_their_journeys(board: Board, office: Office) -> None:
    found = records.regions(board, office.desk)["regions"]
    assert {region: [journey for journey, _ in rows] for region, rows in found.items()} == {
        "eu-west-1": ["checkout"],
        "us-east-1": ["login"],
    }
    html = draw("regions.html", **records.regions(board, office.desk))
    assert "Regions: 2" in html


def test_exceptions_come_newest_first_and_what_was_revoked_stays(
    board: Board, office: Office
) -> None:
    for name in ("first", "second"):
        office.ask(
            "exclude-add",
            start="2026-07-01T13:05:00Z",
            end="2026-07-01T13:15:00Z",
            category="other",
            reason=name,
            requested_by="sre",
            approved_by="pm",
        )
        office.now_ms += 1
    (first, _) = office.ask("exclude-list")["exclusions"]
    office.ask("exclude-revoke", id=first["id"], by="sre", reason="it was ours")
    found = records.exceptions(board, office.desk)
    assert [each["reason"] for each in found["exclusions"]] == ["second", "first"]
    html = draw("exceptions.html", as_of_ms=NOW_MS, **found)
    assert "revoked: it was ours" in html
    assert html.count("in force") == 1


def test_misses_are_for_everybody_to_see(board: Board, office: Office) -> None:
    assert "No budget was spent" in draw(
        "misses.html", as_of_ms=NOW_MS, **records.misses(board, office.desk)
    )
    body = {"slo": "checkout", "objective": "availability", "window": "rolling", "from": "FULL",
            "to": "EXHAUSTED", "consumed": "11/10", "reason": None}  # fmt: skip
    office.desk.audit.append("state", body, office.now_ms)
    found = records.misses(board, office.desk)
    html = draw("misses.html", as_of_ms=NOW_MS, **found)
    (miss,) = found["misses"]
    assert "1 of 1 misses want a change" in html
    assert f"prober miss close {miss['id']}" in html
    office.ask(
        "miss-close",
        id=miss["id"],
        change="a test of the total",
        kind="test",
        link="https://a.example/1",
    )
    html = draw("misses.html", as_of_ms=NOW_MS, **records.misses(board, office.desk))
    assert "0 of 1 misses want a change" in html
    assert "Changed (test): a test of the total" in html


def test_reviews_that_are_due_and_what_came_of_others_are_told(
    board: Board, office: Office
) -> None:
    office.ask("review-record", slo="checkout", kind="quarterly", by="sre", notes="it is right")
    office.ask(
        "feedback-add", text="too slow", start="2026-07-01T02:00:00Z", end="2026-07-01T03:00:00Z"
    )
    html = draw("reviews.html", as_of_ms=NOW_MS, **records.reviews(board, office.desk))
    assert "it is right" in html
    assert "too slow" in html
    assert "quarterly" in html
