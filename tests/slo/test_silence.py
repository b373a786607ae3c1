"""Silences: what they are about, and when they hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from prober.slo.recurrence import Frequency, Recurrence
from prober.slo.silence import Silence, silences_of, silencing, unread_silences

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True)
class About:
    slo: str = "checkout"
    journey: str = "buy"
    rule: str = "page-fast"
    region: str = ""


@dataclass(frozen=True)
class Line:
    id: str
    at_ms: int
    kind: str
    body: dict[str, Any]


def silence(**changes: Any) -> Silence:
    given = {"id": "a", "start_ms": 0, "end_ms": HOUR_MS, "by": "ann", "reason": "a new database"}
    return Silence(**given | changes)


@pytest.mark.parametrize(
    ("changes", "about", "held"),
    [
        pytest.param({}, About(), True, id="everything"),
        pytest.param({"slos": frozenset({"checkout"})}, About(), True, id="its SLO"),
        pytest.param({"slos": frozenset({"login"})}, About(), False, id="another SLO"),
        pytest.param({"journeys": frozenset({"buy"})}, About(), True, id="its journey"),
        pytest.param({"journeys": frozenset({"sell"})}, About(), False, id="another journey"),
        pytest.param(
            {"slos": frozenset({"login"}), "journeys": frozenset({"buy"})},
            About(),
            True,
            id="either is enough",
        ),
        pytest.param({"rule": "page-fast"}, About(), True, id="its rule"),
        pytest.param({"rule": "page-slow"}, About(), False, id="another rule"),
        pytest.param({"region": "eu"}, About(region="eu"), True, id="its region"),
        pytest.param({"region": "eu"}, About(), False, id="a region, of an alert about several"),
    ],
)
def test_a_silence_is_about(changes: dict[str, Any], about: About, held: bool) -> None:
    assert silence(**changes).concerns(about) is held


def test_a_silence_holds_from_its_start_to_just_before_its_end() -> None:
    assert [silence().until_ms(ms) for ms in (-1, 0, HOUR_MS - 1, HOUR_MS)] == [
        None, HOUR_MS, HOUR_MS, None,
    ]  # fmt: skip


def test_a_maintenance_window_is_a_silence_that_comes_again() -> None:
    weekly = silence(recurrence=Recurrence.parse("FREQ=WEEKLY", "UTC"))
    assert weekly.until_ms(7 * DAY_MS + 1) == 7 * DAY_MS + HOUR_MS
    assert weekly.until_ms(6 * DAY_MS) is None


def test_a_silence_that_somebody_ended_holds_no_longer() -> None:
    ended = replace(silence(), ended_ms=1000)
    assert (ended.until_ms(999), ended.until_ms(1000)) == (HOUR_MS, None)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"end_ms": 0}, "it ends no later than it begins"),
        ({"end_ms": 31 * DAY_MS}, "it is longer than 30 days"),
        ({"start_ms": -1}, "it begins before 1970, write a later start"),
        (
            {"start_ms": 2, "recurrence": Recurrence(frequency=Frequency.DAILY, until_ms=1)},
            "UNTIL lies before the start, write a later one",
        ),
    ],
)
def test_a_silence_that_may_not_be_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        silence(**changes)


def test_silences_are_read_back_from_the_log() -> None:
    made = silence(
        slos=frozenset({"checkout"}),
        rule="page-fast",
        recurrence=Recurrence.parse("FREQ=DAILY;COUNT=3", "Europe/Berlin"),
    )
    lines = [
        Line("a", 5, "silence", made.to_dict()),
        Line("b", 6, "deploy", {}),
        Line("c", 7, "silence", silence().to_dict()),
        Line("d", 9, "silence-end", {"id": "c"}),
        Line("e", 9, "silence-end", {"id": "nobody"}),
    ]
    assert silences_of(lines) == (made, silence(id="c", ended_ms=9))


def test_what_cannot_be_read_is_left_out_and_told_until_it_is_ended() -> None:
    rule = {"rule": "FREQ=DAILY", "time_zone": "Mars/Olympus"}
    lines = [
        Line("a", 5, "silence", silence().to_dict() | {"recurrence": rule}),
        Line("b", 6, "silence", {"of": "another version"}),
        Line("c", 7, "silence", silence().to_dict()),
        Line("d", 8, "silence-end", {"id": "a"}),
        Line("e", 9, "silence-end", {"of": "another version"}),
    ]
    assert silences_of(lines) == (silence(id="c"),)
    assert [str(each) for each in unread_silences(lines[:1])] == [
        "silence a cannot be read and is left out ('Mars/Olympus' is no time zone, write an IANA "
        "name such as Europe/Berlin): take it back, and write it anew"
    ]
    assert [each.id for each in unread_silences(lines)] == ["b"]


def test_of_several_silences_the_one_that_ends_last_is_named() -> None:
    long = silence(id="long", end_ms=2 * HOUR_MS)
    assert silencing([silence(), long, silence()], About(), 1) == long
    assert silencing([long], About(), 2 * HOUR_MS) is None
