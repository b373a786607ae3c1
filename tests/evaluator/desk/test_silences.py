"""Silences at the desk: said on purpose, for a time that ends, and on record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

import pytest

from prober.errors import InputError, ProberError
from prober.slo import recurrence
from prober.slo.moment import iso
from tests.evaluator.office import MINUTE_MS, NOW_MS, Office

SILENCE = {"slos": ["checkout"], "lasts": "2h", "by": "ann", "reason": "a new database"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    there = Office(tmp_path)
    there.live()
    yield there
    there.close()


def test_a_silence_is_added_listed_and_ended(office: Office) -> None:
    added = office.ask("silence-add", **SILENCE)["silence"]
    assert (added["start_ms"], added["end_ms"]) == (NOW_MS, NOW_MS + 120 * MINUTE_MS)
    assert office.ask("silence-list")["silences"] == [added]
    office.now_ms += MINUTE_MS
    office.ask("silence-end", id=added["id"], by="bob")
    (listed,) = office.ask("silence-list")["silences"]
    assert (listed["until_ms"], listed["ended_ms"]) == (None, office.now_ms)
    with pytest.raises(ProberError, match="no silence"):
        office.ask("silence-end", id=added["id"], by="bob")


def test_a_silence_may_be_about_a_time_to_come_and_come_again(office: Office) -> None:
    start_ms = NOW_MS + 60 * MINUTE_MS
    times = {"start": iso(start_ms), "end": iso(start_ms + 30 * MINUTE_MS)}
    given = {key: value for key, value in SILENCE.items() if key != "lasts"} | times
    added = office.ask("silence-add", **given, repeat="FREQ=WEEKLY", time_zone="Europe/Berlin")
    assert added["silence"]["until_ms"] is None
    assert added["silence"]["recurrence"]["time_zone"] == "Europe/Berlin"
    office.now_ms = start_ms + 7 * 24 * 60 * MINUTE_MS
    (listed,) = office.ask("silence-list")["silences"]
    assert listed["until_ms"] == office.now_ms + 30 * MINUTE_MS


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"slos": ["chekout"]}, "slos: 'chekout' is not known, did you mean checkout?"),
        ({"journeys": ["chekout"]}, "journeys: 'chekout' is not known"),
        ({"rule": "page-fsat"}, "rule: 'page-fsat' is not known, did you mean page-fast?"),
        ({"slos": None}, "nothing says what it is about"),
        ({"everything": True}, "it is about everything and about something"),
        ({"lasts": None}, "end: it takes one end"),
        ({"end": iso(NOW_MS + MINUTE_MS)}, "end: it takes one end"),
        ({"lasts": "31d"}, "it is longer than 30 days"),
        ({"start": "2001-01-01T00:00:00Z"}, "end: it is over already"),
        ({"start": "soon"}, "start: 'soon' is not a moment"),
        ({"repeat": "FREQ=HOURLY"}, "FREQ is not known"),
        ({"by": " "}, "by: the text is blank"),
        ({"reason": None}, "reason: is missing"),
    ],
)
def test_a_silence_that_may_not_be_is_refused(
    office: Office, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError) as raised:
        office.ask("silence-add", **SILENCE | changes)
    assert problem in str(raised.value)
    assert office.desk.audit.length == 0


def test_a_silence_that_cannot_be_read_is_told_and_can_be_ended(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = {"repeat": "FREQ=DAILY", "time_zone": "Europe/Berlin"}
    added = office.ask("silence-add", **SILENCE, **zone)["silence"]

    def lacking(name: str) -> None:
        raise ZoneInfoNotFoundError(name)

    monkeypatch.setattr(recurrence, "ZoneInfo", lacking)
    listed = office.ask("silence-list")
    why = "'Europe/Berlin' is no time zone, write an IANA name such as Europe/Berlin"
    assert listed == {"silences": [], "unread": [{"id": added["id"], "why": why}]}
    with pytest.raises(ProberError, match=f"did you mean {added['id']}"):
        office.ask("silence-end", id=added["id"][:-1], by="bob")
    assert office.ask("silence-end", id=added["id"], by="bob")["ended"]["id"] == added["id"]
    assert office.ask("silence-list") == {"silences": [], "unread": []}


def test_an_end_before_the_start_is_refused_as_a_typo(office: Office) -> None:
    """0226 for 2026, which was written with three digits and could never be read again."""
    for year in ("0226", "2025"):
        with pytest.raises(InputError, match="UNTIL lies before"):
            office.ask("silence-add", **SILENCE, repeat=f"FREQ=WEEKLY;UNTIL={year}0801T000000Z")
    assert office.ask("silence-list")["silences"] == []
