"""Complaints are noted with the time that they are about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.errors import InputError
from tests.evaluator.hours import EARLIER, MORNING, Hours

TOLD = {"text": "vouchers are refused", "start": EARLIER, "end": MORNING[0]}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Hours]:
    there = Hours(tmp_path / "hours")
    yield there
    there.close()


def test_a_complaint_is_noted_and_listed(office: Hours) -> None:
    added = office.ask("feedback-add", **TOLD, journey="checkout")["feedback"]
    assert {key: added[key] for key in TOLD} == TOLD
    assert added["journey"] == "checkout"
    other = office.ask("feedback-add", **TOLD)["feedback"]
    assert other["journey"] is None
    assert office.ask("feedback-list")["feedback"] == [added, other]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"journey": "chekout"}, "journey: 'chekout' is not known, did you mean checkout"),
        ({"start": "monday"}, "start: 'monday' is not a moment"),
        ({"end": EARLIER}, "end: it ends no later than it begins"),
        ({"text": ""}, "text: the text is blank"),
    ],
)
def test_a_complaint_about_nothing_is_refused(
    office: Hours, change: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError) as raised:
        office.ask("feedback-add", **{**TOLD, **change})
    assert said in str(raised.value)
    assert office.desk.audit.length == 0
