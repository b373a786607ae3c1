"""What the prober did not find out: by cause and region, on status, page and metrics."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from prober.evaluator.judging.losses import Losses, losses
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.sources.source import Lost
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.model import Cause, Gap, Outcome, Record, SlotReason, SlotState
from prober.slo.format import parse
from prober.slo.window import Span
from tests.conftest import Victoria, require_backends, wait_until
from tests.evaluator.conftest import Evaluator, build_contract, build_run, build_schedule
from tests.evaluator.crafted import MINUTE_MS, START_MS, Told

HOUR_MS = 60 * MINUTE_MS
#: A 30th of it is an hour.
CONTRACT = parse(build_contract(window="30h"), "checkout.slo.yaml")


def gap(first: int, last: int, state: SlotState, reason: SlotReason, **more: Any) -> Gap:
    """Slots from one minute to another without a run."""
    begin_ms = more.get("begin_ms", START_MS)
    return Gap(
        journey="checkout",
        region=more.get("region", "eu-west-1"),
        first_ms=begin_ms + first * MINUTE_MS,
        last_ms=begin_ms + last * MINUTE_MS,
        count=last - first + 1,
        state=state,
        reason=reason,
    )


def lived(begin_ms: int = START_MS, region: str = "eu-west-1") -> list[Record]:
    """An hour of slots, one a minute: 9 were missed, 3 skipped, and 12 runs gave no verdict."""
    causes = {
        **dict.fromkeys(range(9), Cause.EGRESS),
        **dict.fromkeys(range(9, 12), Cause.SATURATED),
    }
    return [
        build_schedule(MINUTE_MS, region, begin_ms),
        gap(20, 28, SlotState.MISSED, SlotReason.DOWN, begin_ms=begin_ms, region=region),
        gap(29, 31, SlotState.SKIPPED, SlotReason.CAPACITY, begin_ms=begin_ms, region=region),
        *(
            build_run(
                begin_ms + minute * MINUTE_MS,
                Outcome.INCONCLUSIVE if minute in causes else Outcome.PASSED,
                region=region,
                **({"cause": causes[minute]} if minute in causes else {}),
            )
            for minute in range(60)
            if not 20 <= minute <= 31
        ),
    ]


@pytest.fixture
def found(journal: Callable[..., Path]) -> Iterator[Callable[..., Losses]]:
    """`found(records, minute)`: what was lost in the hour before a minute."""
    views: list[View] = []

    def tell(records: list[Record], minute: int = 60) -> Losses:
        views.append(View.open(journal(records)))
        source = JournalSource(views[-1])
        return losses(CONTRACT, source, MINUTE_MS, START_MS + minute * MINUTE_MS)

    yield tell
    for view in views:
        view.close()


def test_what_was_lost_is_told_by_cause_and_region(found: Callable[..., Losses]) -> None:
    told = found(lived())
    assert told.coverage == (
        "coverage 80%: 12 of 60 due slots have no run in 1h: "
        "missed (down) 9, skipped (capacity) 3, in eu-west-1"
    )
    assert told.validity == (
        "validity 75%: 12 of 48 runs gave no verdict in 1h: egress 9, saturated 3, in eu-west-1"
    )


def test_a_region_that_lost_nothing_is_not_named(found: Callable[..., Losses]) -> None:
    well = [build_run(START_MS + n * MINUTE_MS, region="us-east-1") for n in range(60)]
    told = found([*lived(), build_schedule(MINUTE_MS, "us-east-1", START_MS), *well])
    assert told.coverage.startswith("coverage 90%: 12 of 120 ")
    assert told.coverage.endswith("in eu-west-1")
    regions = {each["region"]: each for each in told.to_dict()["regions"]}
    assert regions["us-east-1"]["coverage"]["exact"] == "1"
    assert regions["us-east-1"]["no_run"] == {}
    assert regions["eu-west-1"]["no_run"] == {"missed (down)": 9, "skipped (capacity)": 3}
    assert regions["eu-west-1"]["no_verdict"] == {"egress": 9, "saturated": 3}


def test_where_nothing_was_lost_nothing_is_told(found: Callable[..., Losses]) -> None:
    runs = [build_run(START_MS + n * MINUTE_MS) for n in range(60)]
    told = found([build_schedule(MINUTE_MS, from_ms=START_MS), *runs])
    assert (told.coverage, told.validity, told.to_dict()["text"]) == ("", "", [])
    assert found([]).to_dict()["coverage"] is None


def test_slots_that_nobody_speaks_of_are_named_as_such(found: Callable[..., Losses]) -> None:
    runs = [build_run(START_MS + n * MINUTE_MS) for n in range(50)]
    told = found([build_schedule(MINUTE_MS, from_ms=START_MS), *runs])
    assert told.coverage.endswith(
        "10 of 60 due slots have no run in 1h: not reported 10, in eu-west-1"
    )


@pytest.mark.parametrize(
    ("minute", "missed", "skipped"),
    [(25, 5, 0), (30, 9, 1), (60, 9, 3), (85, 4, 3), (89, 0, 3), (92, 0, 0)],
)
def test_a_gap_counts_with_the_slots_that_lie_in_the_span(
    minute: int, missed: int, skipped: int, journal: Callable[..., Path]
) -> None:
    view = View.open(journal(lived()))
    try:
        end_ms = START_MS + minute * MINUTE_MS
        told = view.unfinished("checkout", Span(end_ms - HOUR_MS, end_ms))["eu-west-1"]
        assert +told == {
            name: n for name, n in (("missed (down)", missed), ("skipped (capacity)", skipped)) if n
        }
    finally:
        view.close()


def test_counters_know_states_and_causes(tmp_path_factory: pytest.TempPathFactory) -> None:
    require_backends()
    victoria = Victoria(tmp_path_factory.mktemp("victoria"))
    try:
        told = Told(victoria, "checkout", START_MS + 2 * HOUR_MS)
        told.all(120, unclear=[0] * 30 + [4] * 90, missed=[0] * 40 + [7] * 80)
        told.schedule(MINUTE_MS, 120)
        source = told.source()
        span = Span(START_MS + 10 * MINUTE_MS, START_MS + 70 * MINUTE_MS)
        expected = Lost(unclear={"browser": 4}, unfinished={"missed": 7})
        assert source.lost("checkout", span) == {"eu": expected}
        source.close()
    finally:
        victoria.close()


def test_an_evaluator_shows_it_in_the_api_on_the_page_and_by_status(tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    book = Journal.open(tmp_path / "data" / "journal.db")
    book.write(lived(now_ms - now_ms % MINUTE_MS - 62 * MINUTE_MS))
    book.close()
    (tmp_path / "contracts").mkdir()
    text = build_contract(window="40h")
    (tmp_path / "contracts" / "checkout.slo.yaml").write_text(text)
    judge = Evaluator(tmp_path / "contracts", tmp_path / "data", dict(os.environ))
    try:
        slo = wait_until(
            lambda: next((each for each in judge.status()["slos"] if each["losses"]), None)
        )
        coverage, validity = slo["notes"]
        assert "missed (down) 9, skipped (capacity) 3" in coverage
        assert validity.endswith("egress 9, saturated 3, in eu-west-1")
        (region,) = slo["results"][0]["regions"]
        assert Fraction(region["validity"]["exact"]) == Fraction(36, 48)
        page = judge.http.get("/").text
        assert coverage in page
        assert validity in page
        command = [sys.executable, "-m", "prober", "status", "--url", judge.url]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert f"checkout: {validity}\n" in said.stdout
    finally:
        judge.close()
