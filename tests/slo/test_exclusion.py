"""Exclusions: who may ask for which, what is in force, and what they leave of a judgement."""

from __future__ import annotations

import doctest
import json
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.slo import exclusion
from prober.slo.budget import Counts, judge
from prober.slo.contract import ExclusionMode
from prober.slo.exclusion import (
    Category,
    Exclusion,
    fingerprint,
    in_force,
    oddities,
    share,
    spans,
    unread_exclusions,
    without,
)
from prober.slo.recurrence import Frequency, Recurrence
from prober.slo.window import Span

DAY_MS = 86_400_000
MAINTENANCE = Exclusion(
    id="x1",
    start_ms=40 * DAY_MS,
    end_ms=41 * DAY_MS,
    category=Category.SCHEDULED_MAINTENANCE,
    reason="the database moves",
    requested_by="dana",
    approved_by="sre-lead",
    created_ms=39 * DAY_MS,
)


class Entry(NamedTuple):
    """A line of the log."""

    at_ms: int
    kind: str
    body: Mapping[str, Any]


def excluded(start_ms: int, end_ms: int, **fields: Any) -> Exclusion:
    return replace(MAINTENANCE, start_ms=start_ms, end_ms=end_ms, created_ms=start_ms, **fields)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(exclusion).failed == 0


BOTH = "it takes one who asks and one who approves, name both"
EMPTY = "an empty list excludes nothing, name one or leave the list out"
#: What nobody may exclude, and everything that is said of it.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({"end_ms": 40 * DAY_MS}, "it ends no later than it begins, write a later end"),
    "without reason": ({"reason": " "}, "it has no reason, write one"),
    "approved by nobody": ({"approved_by": ""}, BOTH),
    "asked for by nobody": ({"requested_by": " "}, BOTH),
    "approved by oneself": (
        {"approved_by": "Dana "},
        "who asks for it cannot approve it, let somebody else approve",
    ),
    "too long afterwards": (
        {"created_ms": 70 * DAY_MS + 1},
        "it begins more than 30 days ago, which is over for good, begin later",
    ),
    "over before it begins": (
        {"recurrence": Recurrence(frequency=Frequency.DAILY, until_ms=40 * DAY_MS - 1)},
        "UNTIL lies before the start, write a later one",
    ),
    "of no region": ({"regions": frozenset()}, EMPTY),
    "of no journey": ({"journeys": frozenset()}, EMPTY),
}


@pytest.mark.parametrize(("fields", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_nobody_may_exclude_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}$"):
        replace(MAINTENANCE, **fields)


def test_what_begins_as_it_is_asked_for_is_not_retroactive() -> None:
    assert not excluded(0, DAY_MS).retroactive
    assert replace(MAINTENANCE, created_ms=MAINTENANCE.start_ms + 1).retroactive


def test_thirty_days_afterwards_it_may_still_be_asked_for_and_is_marked() -> None:
    late = replace(MAINTENANCE, created_ms=70 * DAY_MS)
    assert (MAINTENANCE.retroactive, late.retroactive) == (False, True)


EXCLUSIONS = st.builds(
    replace,
    st.just(MAINTENANCE),
    regions=st.none() | st.frozensets(st.sampled_from("abc"), min_size=1),
    journeys=st.none() | st.frozensets(st.sampled_from(["checkout", "login"]), min_size=1),
    category=st.sampled_from(Category),
    evidence=st.none() | st.text(),
    recurrence=st.none()
    | st.builds(Recurrence, frequency=st.sampled_from(Frequency), count=st.integers(1, 9)),
)


@settings(deadline=None)
@given(EXCLUSIONS)
def test_an_exclusion_survives_the_log(each: Exclusion) -> None:
    assert Exclusion.from_dict(json.loads(json.dumps(each.to_dict()))) == each


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"category": "because"}, id="an unknown category"),
        pytest.param({"colour": "red"}, id="an unknown key"),
        pytest.param({"recurrence": "daily"}, id="a recurrence of another shape"),
        pytest.param({"recurrence": {"rule": "FREQ=DAILY"}}, id="a recurrence without a zone"),
        pytest.param({"start_ms": "soon"}, id="a start that is no moment"),
    ],
)
def test_a_body_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"an exclusion|because"):
        Exclusion.from_dict(MAINTENANCE.to_dict() | change)


def test_what_was_written_down_is_in_force_until_it_is_revoked() -> None:
    log = [
        Entry(1, "exclusion", MAINTENANCE.to_dict()),
        Entry(2, "deploy", {"id": "x1"}),
        Entry(3, "exclusion", excluded(0, 1, id="x2").to_dict()),
        Entry(4, "revocation", {"id": "x1", "by": "vp"}),
        Entry(5, "revocation", {"id": "never-there"}),
    ]
    assert [each.id for each in in_force(log)] == ["x2"]
    known = {ms: [each.id for each in in_force(log, ms)] for ms in range(6)}
    assert known == {0: [], 1: ["x1"], 2: ["x1"], 3: ["x1", "x2"], 4: ["x2"], 5: ["x2"]}


def test_what_a_clock_that_was_set_back_wrote_down_is_in_force() -> None:
    log = [
        Entry(5, "exclusion", MAINTENANCE.to_dict()),
        Entry(3, "exclusion", excluded(0, 1, id="x2").to_dict()),
    ]
    assert [each.id for each in in_force(log, 4)] == ["x2"]


def test_what_cannot_be_read_is_left_out_and_told_until_it_is_revoked() -> None:
    """A year of three digits is what an older version made of `UNTIL=02260801T000000Z`."""
    rule = {"rule": "FREQ=WEEKLY;INTERVAL=1;UNTIL=2260801T000000Z", "time_zone": "UTC"}
    log = [
        Entry(1, "exclusion", MAINTENANCE.to_dict() | {"recurrence": rule}),
        Entry(2, "exclusion", excluded(0, 1, id="x2").to_dict()),
        Entry(3, "exclusion", {"of": "another version"}),
        Entry(4, "revocation", {"id": "x1", "by": "vp"}),
        Entry(5, "revocation", {"of": "another version"}),
    ]
    assert [each.id for each in in_force(log)] == ["x2"]
    assert [str(each) for each in unread_exclusions(log, known_ms=1)] == [
        "exclusion x1 cannot be read and is left out (UNTIL is not a moment in UTC, write "
        "UNTIL=20260801T000000Z): take it back, and write it anew"
    ]
    (unread,) = unread_exclusions(log, known_ms=1)
    assert unread.sentence == f"The {unread}."
    assert unread.to_dict() == {"id": "x1", "why": unread.why}
    known = {ms: [each.id for each in unread_exclusions(log, ms)] for ms in range(6)}
    nameless = "without an id"
    assert known == {0: [], 1: ["x1"], 2: ["x1"], 3: ["x1", nameless], 4: [nameless], 5: []}


def test_a_set_of_exclusions_has_one_hash_whatever_its_order() -> None:
    one, other = MAINTENANCE, excluded(0, 1, id="x2")
    assert fingerprint([one, other]) == fingerprint([other, one])
    assert len({fingerprint(some) for some in ([], [one], [other], [one, other])}) == 4
    assert fingerprint([replace(one, reason="another")]) != fingerprint([one])


def test_overlapping_exclusions_are_one() -> None:
    overlapping = [excluded(0, 10), excluded(5, 20), excluded(6, 8), excluded(20, 30)]
    far = excluded(40, 50)
    assert spans([far, *overlapping], "checkout", "eu", Span(3, 45)) == (Span(3, 30), Span(40, 45))


def test_an_exclusion_of_another_time_holds_nothing() -> None:
    assert spans([excluded(0, 10), excluded(20, 30)], "checkout", "eu", Span(10, 20)) == ()


@pytest.mark.parametrize(
    ("fields", "held"),
    [
        pytest.param({}, True, id="about everything"),
        pytest.param({"regions": frozenset({"eu"})}, True, id="about the region"),
        pytest.param({"regions": frozenset({"us"})}, False, id="about another region"),
        pytest.param({"journeys": frozenset({"checkout"})}, True, id="about the journey"),
        pytest.param({"journeys": frozenset({"login"})}, False, id="about another journey"),
    ],
)
def test_an_exclusion_is_about_the_journeys_and_regions_it_names(
    fields: dict[str, Any], held: bool
) -> None:
    found = spans([excluded(0, 10, **fields)], "checkout", "eu", Span(0, 100))
    assert found == ((Span(0, 10),) if held else ())


def test_maintenance_comes_again_every_week() -> None:
    weekly = Recurrence(frequency=Frequency.WEEKLY, count=3)
    hours = excluded(0, 3_600_000, recurrence=weekly)
    found = spans([hours], "checkout", "eu", Span(0, 30 * DAY_MS))
    assert [span.start_ms for span in found] == [0, 7 * DAY_MS, 14 * DAY_MS]


def test_the_two_modes_of_a_day_without_a_provider() -> None:
    """A week of hourly runs with six failures, five of them on that day: vectors V28."""
    week, day = Counts(good=162, bad=6, due=168), Counts(good=19, bad=5, due=24)
    raw = judge(Fraction("0.99"), week)
    removed = judge(Fraction("0.99"), without(week, day, ExclusionMode.REMOVE))
    forgiven = judge(Fraction("0.99"), without(week, day, ExclusionMode.AS_GOOD))
    assert [each.consumed for each in (raw, removed, forgiven)] == [
        Fraction(25, 7),
        Fraction(25, 36),
        Fraction(25, 42),
    ]
    assert (removed.counts.due, forgiven.counts.due) == (144, 168)
    assert (removed.counts.excluded, forgiven.counts.excluded) == (24, 24)


def test_inconclusive_runs_are_never_made_good() -> None:
    counts = without(Counts(good=1, invalid=2), Counts(invalid=2), ExclusionMode.AS_GOOD)
    assert (counts.good, counts.invalid, counts.excluded) == (1, 2, 2)


PARTS = st.builds(
    Counts,
    good=st.integers(0, 99),
    bad=st.integers(0, 99),
    invalid=st.integers(0, 99),
    due=st.integers(0, 400),
)


@settings(deadline=None)
@given(PARTS, PARTS, st.sampled_from(ExclusionMode))
def test_an_exclusion_never_makes_more_of_the_rest(
    rest: Counts, held: Counts, mode: ExclusionMode
) -> None:
    left = without(rest + held, held, mode)
    assert left.excluded == held.completed
    assert left.due >= left.completed or left.due == rest.due + held.due
    if mode is ExclusionMode.REMOVE:
        assert (left.good, left.bad, left.invalid) == (rest.good, rest.bad, rest.invalid)
    else:
        assert left.bad == rest.bad
        assert left.completed == (rest + held).completed


@settings(deadline=None)
@given(PARTS, st.sampled_from(ExclusionMode))
def test_excluding_a_time_without_runs_changes_nothing(counts: Counts, mode: ExclusionMode) -> None:
    left = without(counts, Counts(), mode)
    assert replace(left, due=counts.due) == counts


def test_how_much_is_excluded_is_the_mean_of_the_regions() -> None:
    assert share([[Span(0, 50)], [Span(0, 10), Span(20, 30)]], Span(0, 100)) == Fraction(7, 20)
    assert share([], Span(0, 100)) == share([[]], Span(5, 5)) == 0


@pytest.mark.parametrize(
    ("asked", "held", "before", "said"),
    [
        pytest.param(MAINTENANCE, Counts(), Counts(bad=1), [], id="nothing was there to hold"),
        pytest.param(
            MAINTENANCE, Counts(bad=3), Counts(good=1), [], id="failures that began later"
        ),
        pytest.param(
            MAINTENANCE, Counts(good=9), Counts(bad=1), ["holds no failure"], id="no failure"
        ),
        pytest.param(
            MAINTENANCE,
            Counts(good=6, bad=3),
            Counts(bad=1),
            ["begins when runs were failing already"],
            id="cut to the failures",
        ),
        pytest.param(
            replace(MAINTENANCE, created_ms=41 * DAY_MS),
            Counts(bad=3),
            Counts(),
            ["was asked for after it had begun"],
            id="asked for afterwards",
        ),
    ],
)
def test_what_deserves_a_second_look_is_said(
    asked: Exclusion, held: Counts, before: Counts, said: list[str]
) -> None:
    assert list(oddities(asked, held, before)) == said
