"""What the page about a run is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prober.evaluator.pages.artefacts import Artefacts
from prober.evaluator.pages.run import RunPage, gather
from prober.journal.view import View
from prober.model import Kind, Outcome, Record, Run, Step

MINUTE_MS = 60_000


@pytest.fixture
def look(journal: Callable[..., Path]) -> Iterator[Callable[..., RunPage | None]]:
    """`look(records, key)`: the page of a run, from a journal that holds some."""
    views: list[View] = []

    def found(records: list[Record], key: str) -> RunPage | None:
        views.append(View.open(journal(records)))
        return gather(views[-1], (), Artefacts(), key)

    yield found
    for view in views:
        view.close()


def test_other_attempts_of_its_slot_and_the_runs_beside_it_are_found(
    look: Callable[..., RunPage | None], run: Callable[..., Run]
) -> None:
    first, again = run(MINUTE_MS, Outcome.FAILED), run(MINUTE_MS, attempt=2)
    byhand = run(MINUTE_MS, kind=Kind.MANUAL)
    before, after = run(0), run(2 * MINUTE_MS)
    others = [run(MINUTE_MS, region="us-east-1"), run(MINUTE_MS, journey="login")]
    page = look([before, first, again, byhand, after, *others], first.id.key)
    assert page
    assert page.run == first
    assert {each.id for each in page.others} == {again.id, byhand.id}
    assert (page.before, page.after) == (before.id, after.id)


def test_the_first_run_has_none_before_it(
    look: Callable[..., RunPage | None], run: Callable[..., Run]
) -> None:
    page = look([run(0)], run(0).id.key)
    assert page
    assert (page.before, page.after) == (None, None)


@pytest.mark.parametrize(
    "key", ["", "-", "0", "0-", "0-00", "x-1", f"{2**70}-00", "-1-00", "²-00", "9" * 400]
)
def test_what_is_no_key_is_no_run(
    look: Callable[..., RunPage | None], run: Callable[..., Run], key: str
) -> None:
    assert look([run(0)], key) is None


def test_a_key_names_the_run_and_no_other_of_its_slot(
    look: Callable[..., RunPage | None], run: Callable[..., Run]
) -> None:
    assert look([run(0)], run(0, region="us-east-1").id.key) is None


def test_steps_stand_along_time_and_none_is_too_narrow_to_see(
    look: Callable[..., RunPage | None], run: Callable[..., Run]
) -> None:
    def step(offset_us: int, duration_us: int) -> Step:
        return Step(name="s", offset_us=offset_us, duration_us=duration_us, outcome=Outcome.PASSED)

    given = run(0, steps=(step(0, 250_000), step(500_000, 0), step(500_000, 500_000)))
    page = look([given], given.id.key)
    assert page
    assert [(bar.start, bar.width) for bar in page.bars] == [(0, 250), (500, 2), (500, 500)]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "It counts."),
        ({"attempt": 2}, "It tried again"),
        ({"kind": Kind.MANUAL}, "by hand"),
        ({"outcome": Outcome.INCONCLUSIVE}, "no verdict"),
    ],
)
def test_it_says_whether_it_counts(
    look: Callable[..., RunPage | None],
    run: Callable[..., Run],
    fields: dict[str, object],
    words: str,
) -> None:
    given = run(0, **fields)
    page = look([given], given.id.key)
    assert page
    assert words in page.counted
