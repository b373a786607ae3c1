"""What stands beside a judgement: found out now and then, shown, and part of none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prober.evaluator.asides import Asides
from prober.evaluator.board import Board
from prober.evaluator.links import SERVED
from prober.evaluator.pages.served import overview
from prober.evaluator.sources.journal import JournalSource
from prober.journal.view import View
from prober.model import Outcome
from prober.slo.format import parse
from tests.evaluator.conftest import build_contract, build_run, build_schedule
from tests.evaluator.crafted import MINUTE_MS, START_MS

CONTRACT = parse(build_contract(window="4h"), "checkout.slo.yaml")
NOW_MS = START_MS + 121 * MINUTE_MS
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def board(journal: Callable[..., Path]) -> Iterator[Callable[..., Board]]:
    """`board(new, took_us)`: two hours, in the second of which another browser measured."""
    views: list[View] = []

    def build(new: str, took_us: int) -> Board:
        runs = [
            build_run(
                START_MS + minute * MINUTE_MS,
                regime={"browser": "141" if minute < 60 else new},
                duration_us=1_000_000 if minute < 60 else took_us,
            )
            for minute in range(120)
        ]
        views.append(View.open(journal([build_schedule(MINUTE_MS, from_ms=START_MS), *runs])))
        asides = Asides([CONTRACT], JournalSource(views[-1]), None)
        asides.look(NOW_MS)
        return Board((CONTRACT,), views[-1], clock=lambda: NOW_MS, asides=lambda: asides.found)

    yield build
    for view in views:
        view.close()


def slo(board: Board) -> dict[str, Any]:
    (found,) = board.status().to_dict()["slos"]
    plain: dict[str, Any] = found
    return plain


def test_a_step_in_latency_that_coincides_with_a_change_of_ours_is_noted(
    board: Callable[..., Board],
) -> None:
    found = slo(board("142", 1_350_000))
    assert found["notes"] == [
        "latency moved by 35% (1 s to 1.35 s) at 2026-03-01T21:00:00Z in eu-west-1, "
        "when browser 141 became 142"
    ]
    (change,) = found["changes"]
    assert change["what"] == {"browser": ["141", "142"]}
    assert change["before"] == {"runs": 60, "median_us": 1_000_000}
    assert change["moved"]["exact"] == "7/20"


def test_a_change_that_moved_nothing_is_in_the_json_and_no_note(
    board: Callable[..., Board],
) -> None:
    found = slo(board("142", 1_010_000))
    assert found["notes"] == []
    assert [change["moved"] for change in found["changes"]] == [None]


def test_without_a_change_there_is_none(board: Callable[..., Board]) -> None:
    found = slo(board("141", 5_000_000))
    assert (found["notes"], found["changes"]) == ([], [])


def test_a_look_reads_ahead_what_spent_the_budget(journal: Callable[..., Path]) -> None:
    runs = [
        build_run(START_MS + minute * MINUTE_MS, Outcome.FAILED if minute < 7 else Outcome.PASSED)
        for minute in range(120)
    ]
    view = View.open(journal([build_schedule(MINUTE_MS, from_ms=START_MS), *runs]))
    Asides([CONTRACT], JournalSource(view), None).look(NOW_MS)
    assert len(view.reasons) == 7
    view.close()


def test_what_was_not_looked_for_yet_is_nothing(journal: Callable[..., Path]) -> None:
    view = View.open(journal([]))
    found = slo(Board((CONTRACT,), view, clock=lambda: NOW_MS))
    assert (found["notes"], found["losses"], found["agreement"]) == ([], None, None)
    view.close()


def test_a_note_is_shown_on_the_page_as_text(board: Callable[..., Board]) -> None:
    page = overview(board(EVIL, 2_000_000), SERVED)
    assert "latency moved by 100%" in page
    assert "became &lt;script&gt;" in page
    assert EVIL not in page
