"""Failures that passed when they were tried again: told, and held for nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from prober.errors import SourceUnavailable
from prober.evaluator.asides import Asides
from prober.evaluator.judging.flakes import Flakes, flakes
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.sources.source import Confirmations
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.model import Kind, Outcome, Record
from prober.slo.format import parse
from prober.slo.window import Span
from tests.conftest import Victoria, require_backends, wait_until
from tests.evaluator.conftest import Evaluator, build_contract, build_run, build_schedule
from tests.evaluator.crafted import MINUTE_MS, START_MS, Told

HOUR_MS = 60 * MINUTE_MS
NOW_MS = START_MS + HOUR_MS
CONTRACT = parse(build_contract(), "checkout.slo.yaml")


def tried_again(
    minute: int, outcome: Outcome, region: str = "eu-west-1", begin_ms: int = START_MS
) -> list[Record]:
    """A run that failed, and what became of it when it was tried again."""
    slot_ms = begin_ms + minute * MINUTE_MS
    first = build_run(slot_ms, Outcome.FAILED, region=region)
    return [first, build_run(slot_ms, outcome, region=region, attempt=2)]


@pytest.fixture
def found(journal: Callable[..., Path]) -> Iterator[Callable[..., Flakes]]:
    """`found(records)`: what is told of them."""
    views: list[View] = []

    def tell(*records: Record) -> Flakes:
        views.append(View.open(journal(records)))
        return flakes(CONTRACT, JournalSource(views[-1]), NOW_MS)

    yield tell
    for view in views:
        view.close()


def test_the_flake_ratio_is_of_failures_whose_second_attempt_gave_a_verdict(
    found: Callable[..., Flakes],
) -> None:
    told = found(
        build_run(START_MS),
        build_run(START_MS + 50 * MINUTE_MS, Outcome.FAILED),  # not tried again
        *tried_again(1, Outcome.PASSED),
        *tried_again(2, Outcome.FAILED),
        *tried_again(3, Outcome.FAILED),
        *tried_again(4, Outcome.INCONCLUSIVE),
        *tried_again(5, Outcome.FAILED, "us-east-1"),
    )
    assert told.regions == {
        "eu-west-1": Confirmations(passed=1, failed=2, inconclusive=1),
        "us-east-1": Confirmations(failed=1),
    }
    assert told.every.flake_ratio == Fraction(1, 4)
    assert told.text == (
        "25% of failures passed when tried again, 1 of 4 over 1h: 1 of 3 in eu-west-1"
    )
    plain = told.to_dict()
    assert (plain["passed"], plain["flake_ratio"]["exact"]) == (1, "1/4")
    assert [each["flake_ratio"]["exact"] for each in plain["regions"]] == ["1/3", "0"]


def test_a_second_attempt_of_what_gave_no_verdict_is_no_flake(found: Callable[..., Flakes]) -> None:
    told = found(
        build_run(START_MS, Outcome.INCONCLUSIVE),
        build_run(START_MS, Outcome.PASSED, attempt=2),
    )
    assert told.every == Confirmations()
    assert (told.every.flake_ratio, told.text) == (None, "")


def test_what_was_asked_for_by_hand_is_no_flake(found: Callable[..., Flakes]) -> None:
    told = found(
        build_run(START_MS, Outcome.FAILED, kind=Kind.MANUAL),
        build_run(START_MS, Outcome.PASSED, kind=Kind.MANUAL, attempt=2),
    )
    assert told.every == Confirmations()


def test_only_the_window_is_told_of(found: Callable[..., Flakes]) -> None:
    told = found(*tried_again(-1, Outcome.PASSED), *tried_again(60, Outcome.PASSED))
    assert told.every == Confirmations()


def test_counters_say_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    require_backends()
    victoria = Victoria(tmp_path_factory.mktemp("victoria"))
    try:
        told = Told(victoria, "checkout", START_MS + 2 * HOUR_MS)
        told.all(120, good=[0] * 120)
        told.schedule(MINUTE_MS, 120)
        source = told.source()
        span = Span(START_MS + 10 * MINUTE_MS, START_MS + 70 * MINUTE_MS)
        assert source.confirmations("checkout", span) == {}
        source.close()
        told.one("flaky", [0] * 5 + [2] * 20 + [5] * 95)
        told.one("real", [0] * 30 + [9] * 90)
        source = told.source()
        assert source.confirmations("checkout", span) == {"eu": Confirmations(passed=3, failed=9)}
        source.close()
    finally:
        victoria.close()


def test_a_journal_that_cannot_tell_says_nothing(journal: Callable[..., Path]) -> None:
    path = journal([])
    book = Journal.open(path, now_ms=1)
    book.write([build_schedule(MINUTE_MS), *tried_again(1, Outcome.PASSED)], now_ms=NOW_MS)
    book.prune(NOW_MS + HOUR_MS, NOW_MS + HOUR_MS)
    book.close()
    view = View.open(path)
    try:
        with pytest.raises(SourceUnavailable, match="single runs are kept from"):
            flakes(CONTRACT, JournalSource(view), NOW_MS)
        asides = Asides.connect([CONTRACT], JournalSource(view), None, {})
        asides.look(NOW_MS)
        assert asides.found["checkout"].to_dict(NOW_MS)["confirmations"] is None
    finally:
        view.close()


def test_an_evaluator_shows_it_in_the_api_on_the_page_and_by_status(tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    begin_ms = now_ms - now_ms % MINUTE_MS - 30 * MINUTE_MS
    book = Journal.open(tmp_path / "data" / "journal.db")
    book.write(tried_again(1, Outcome.PASSED, begin_ms=begin_ms))
    book.write(tried_again(2, Outcome.FAILED, begin_ms=begin_ms))
    book.close()
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "checkout.slo.yaml").write_text(build_contract())
    judge = Evaluator(tmp_path / "contracts", tmp_path / "data", dict(os.environ))
    try:
        said = "50% of failures passed when tried again, 1 of 2 over 1h: 1 of 2 in eu-west-1"
        found = wait_until(lambda: judge.status()["slos"][0]["confirmations"])
        assert found["text"] == said
        assert said in judge.http.get("/").text
        command = [sys.executable, "-m", "prober", "status", "--url", judge.url]
        line = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert f"checkout: {said}\n" in line.stdout
        (result,) = judge.status()["slos"][0]["results"]
        assert result["counts"]["bad"] == 2  # a flake is a failure that a user met
    finally:
        judge.close()
