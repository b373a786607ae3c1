"""What a gate weighs beside the state: how much of the last day ran."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from prober.slo.moment import iso
from tests.evaluator.office import MINUTE_MS, NOW_MS, Office, contract


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """`office(*contracts)`: a desk over an empty journal."""
    with ExitStack() as opened:

        def start(*contracts: str) -> Office:
            made = Office(tmp_path, *contracts)
            opened.callback(lambda: made.close())
            return made

        yield start


def test_a_gap_that_two_people_agreed_on_leaves_the_last_day_whole(
    office: Callable[..., Office],
) -> None:
    there = office()
    there.live(end_ms=NOW_MS - 1200 * MINUTE_MS)
    there.live()
    there.ask(
        "exclude-add",
        start=iso(NOW_MS - 1200 * MINUTE_MS),
        end=iso(NOW_MS - 100 * MINUTE_MS),
        category="scheduled_maintenance",
        reason="database move",
        requested_by="bob",
        approved_by="eve",
    )
    assert there.gate()["verdict"] == "allow"


def test_a_gap_from_before_a_contract_took_effect_is_none_of_its_last_day(
    office: Callable[..., Office],
) -> None:
    """It is 14:00, and 840 minutes since midnight."""
    there = office(contract(more="  effective_from: 2026-07-01\n"))
    there.live(end_ms=NOW_MS - 1200 * MINUTE_MS)
    there.live(minutes=840)
    assert there.gate()["verdict"] == "allow"
