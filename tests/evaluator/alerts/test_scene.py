"""What is kept beside an alert for its message: the newest failure, and a page's words as data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prober.evaluator.alerts.scene import clean
from prober.model import Outcome, Record
from prober.slo.format import parse
from tests.evaluator.alerts.test_alerts import EVERY_MS, NOON_MS, REGIONS
from tests.evaluator.watch import MINUTE_MS, Watch, channels, one_rule


@pytest.fixture
def seen(
    tmp_path: Path,
    run: Callable[..., Any],
    schedule: Callable[..., Record],
    contract_text: Callable[..., str],
    journal: Callable[..., Path],
) -> Iterator[Callable[..., dict[str, Any]]]:
    """`seen(message)`: what was seen when runs that said so failed."""
    made: list[Watch] = []

    def look(message: str, step: str = "pay") -> dict[str, Any]:
        contract = one_rule(parse(contract_text(target="99.9%", window="30d"), "c.slo.yaml"))
        failed = [
            run(NOON_MS + n * MINUTE_MS, Outcome.FAILED, region=region, message=message, step=step)
            for n, region in enumerate(REGIONS)
        ]
        schedules = [schedule(EVERY_MS, region, NOON_MS - EVERY_MS) for region in REGIONS]
        watch = Watch(journal([*schedules, *failed]), tmp_path, contract, channels(), NOON_MS)
        made.append(watch)
        watch.at(6)
        begun = next(e for e in watch.audit.entries("alert") if e.body["rule"] == "fast")
        found: dict[str, Any] = begun.body["seen"]
        assert found["run"]["id"] == failed[-1].id.key
        return found

    yield look
    for each in made:
        each.close()


def test_what_was_seen_says_how_things_stood(seen: Callable[..., dict[str, Any]]) -> None:
    found = seen("expected 42 to be 43")
    assert (found["journey"], found["name"]) == ("checkout", "Checkout completes")
    assert (found["run"]["step"], found["run"]["message"]) == ("pay", "expected 42 to be 43")
    assert (found["run"]["region"], found["run"]["cause"]) == ("us", "assertion")
    assert (found["advice"], found["over"]) == ("act_now", "30d")
    assert found["consumed"] and found["remaining"] and found["cost"]
    assert found["incident"].startswith("From 1970-04-11 00:00")


def test_words_of_a_page_are_one_line_of_plain_text(seen: Callable[..., dict[str, Any]]) -> None:
    found = seen("a\x1b[31m red\r\nline\u202e" + "x" * 1000, step="p\x00ay")
    assert found["run"]["message"].startswith("a [31m red line x")
    assert len(found["run"]["message"]) == 200
    assert found["run"]["step"] == "p ay"


def test_what_is_short_and_plain_is_kept_as_it_is() -> None:
    assert clean("expected “42”, got 43 – <b>") == "expected “42”, got 43 – <b>"
