"""A journey along time: every run is in a cell, and what happened stands beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.evaluator.desk.about import abouts
from prober.evaluator.judging.counting import Counting
from prober.evaluator.judging.grid import Grid
from prober.evaluator.judging.timeline import Cell, Happened, Mood, timeline
from prober.evaluator.sources.once import Once
from prober.model import Outcome
from prober.slo.attribution import Deploy
from prober.slo.budget import Counts
from prober.slo.window import Span
from tests.evaluator.conftest import build_run
from tests.evaluator.office import MINUTE_MS, NOW_MS, WINDOW, Office

SPAN = Span(NOW_MS - WINDOW * MINUTE_MS, NOW_MS)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def counting(office: Office) -> Counting:
    desk = office.desk
    (about,) = abouts(desk, desk.contracts[0], Once(desk.source), office.now_ms)
    return about.counting


@pytest.mark.parametrize(
    ("counts", "mood"),
    [
        (Counts(good=3), Mood.PASSED),
        (Counts(good=3, invalid=4), Mood.PASSED),
        (Counts(good=2, bad=1), Mood.SOME),
        (Counts(good=1, bad=1), Mood.FAILED),
        (Counts(bad=1), Mood.FAILED),
        (Counts(invalid=1), Mood.INCONCLUSIVE),
        (Counts(excluded=2), Mood.EXCLUDED),
        (Counts(), Mood.NONE),
    ],
)
def test_a_cell_has_the_mood_of_its_runs(counts: Counts, mood: Mood) -> None:
    assert Cell(0, counts).mood is mood


def test_every_run_of_the_window_is_in_the_cell_of_its_moment(office: Office) -> None:
    office.live([5, 6, 50])
    office.live([7], region="us-east-1")
    found = timeline(counting(office), Grid.over(SPAN), (), ())
    assert sorted(found.strips) == ["eu-west-1", "us-east-1"]
    cells = found.strips["eu-west-1"]
    assert sum(cell.counts.good for cell in cells) == WINDOW - 3
    step_ms = found.grid.step_ms
    bad = [cell.at_ms for cell in cells if cell.counts.bad]
    assert bad == sorted({(NOW_MS - ago * MINUTE_MS) // step_ms * step_ms for ago in (5, 6, 50)})


def test_runs_without_a_verdict_and_moments_without_a_run_look_otherwise(office: Office) -> None:
    slots = [SPAN.start_ms + n * 2 * MINUTE_MS for n in range(10)]
    office.journal.write([build_run(at, Outcome.INCONCLUSIVE) for at in slots], now_ms=NOW_MS)
    found = timeline(counting(office), Grid.over(SPAN), (), ())
    moods = {cell.mood for cell in found.strips["eu-west-1"]}
    assert moods == {Mood.INCONCLUSIVE, Mood.NONE}


def test_what_happened_in_the_window_is_told_in_order(office: Office) -> None:
    office.live()
    office.ask(
        "exclude-add",
        start="2026-07-01T13:00:00Z",
        end="2026-07-01T13:10:00Z",
        category="provider_outage",
        reason="no power",
        regions=["eu-west-1"],
        requested_by="sre",
        approved_by="pm",
    )
    deploys = [Deploy(SPAN.start_ms - 1, "long ago"), Deploy(SPAN.start_ms, "v1")]
    incident = Happened("incident", Span(NOW_MS - 3, NOW_MS), "it failed")
    found = timeline(counting(office), Grid.over(SPAN), deploys, [incident])
    assert [each.text for each in found.happened] == [
        "deploy v1",
        "excluded in eu-west-1: provider_outage, no power",
        "it failed",
    ]
    assert any(cell.mood is Mood.EXCLUDED for cell in found.strips["eu-west-1"])
