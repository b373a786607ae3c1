"""Counters that cannot be trusted, and those that can: a real backend with series made by hand."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from prober.errors import SourceUnavailable
from prober.evaluator.sources.promql import PromSource
from prober.evaluator.sources.source import Measure
from prober.slo.budget import Counts
from prober.slo.window import Span
from tests.conftest import Victoria, require_backends
from tests.evaluator.crafted import HOUR_MS, MINUTE_MS, START_MS, Told, rule
from tests.evaluator.fleet import Prometheus

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victoria]:
    require_backends()
    server = Victoria(tmp_path_factory.mktemp("victoria"))
    yield server
    server.close()


@pytest.fixture
def told(victoria: Victoria) -> Told:
    """An agent's report of a journey that no other test has."""
    return Told(victoria, f"journey-{next(NUMBERS)}", START_MS + 10 * HOUR_MS)


def count(told: Told, start_minute: int, end_minute: int, **environ: str) -> Counts:
    """What `eu` counted from one minute of the history to another."""
    source = told.source(**environ)
    span = Span(START_MS + start_minute * MINUTE_MS, START_MS + end_minute * MINUTE_MS)
    try:
        measure = Measure(rule(told.journey))
        found = source.counts(measure, span)["eu"]
        assert source.counts(measure, span, due=False)["eu"] == replace(found, due=0)
        return found
    finally:
        source.close()


def test_a_span_adds_what_was_reported_in_it(told: Told) -> None:
    told.all(600, good=range(600), completed=range(600))
    assert count(told, 10, 70) == Counts(60, 0, 0, 60)


def test_a_sample_on_an_edge_belongs_to_the_span_that_ends_there(told: Told) -> None:
    told.all(600, bad=[0, 0, 1] + [1] * 597, completed=[0, 0, 1] + [1] * 597)
    assert count(told, 1, 2) == Counts(0, 1, 0, 1)
    assert count(told, 2, 3) == Counts(0, 0, 0, 0)


def test_what_began_at_0_in_a_span_was_0_before(told: Told) -> None:
    told.all(600, good=range(600), completed=range(600))
    assert count(told, -300, 30) == Counts(30, 0, 0, 30)


def test_a_span_before_the_birth_has_nothing_in_it(told: Told) -> None:
    told.all(600, good=range(600), completed=range(600))
    assert count(told, -300, -30) == Counts()


def test_what_is_not_0_when_seen_first_is_not_known(told: Told) -> None:
    told.all(600, good=range(5, 605), completed=range(600))
    with pytest.raises(SourceUnavailable, match="is 5 where it is seen first"):
        count(told, -10, 30)
    assert count(told, 10, 30).good == 20


def test_before_its_first_schedule_a_journey_counted_nothing(told: Told) -> None:
    told.all(600, good=range(5, 605), completed=range(5, 605))
    told.schedule(MINUTE_MS, 600, from_ms=START_MS - 5 * MINUTE_MS)
    assert count(told, -10, 30) == Counts(35, 0, 0, 35)
    with pytest.raises(SourceUnavailable, match="is 5 where it is seen first"):
        count(told, -4, 30)


def test_a_counter_stays_while_nothing_is_reported_however_long(told: Told) -> None:
    values = [*range(60), *[None] * 300, *range(60, 300)]
    told.all(600, good=values, completed=values)
    told.schedule(MINUTE_MS, 600)
    assert count(told, 30, 200).good == 29
    assert count(told, 200, 420).good == 120 - 59
    assert count(told, 100, 300).good == 0


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([*range(100), *range(500)], id="and never gets back"),
        pytest.param([*range(50), *range(550)], id="and grows past where it was"),
        pytest.param([0, 1, 2, 3, 4, 5] * 100, id="over and over, as two agents under one name"),
        pytest.param([*range(50), *[None] * 200, *range(350)], id="after a silence"),
    ],
)
def test_a_counter_that_falls_is_not_known(values: list[int | None], told: Told) -> None:
    told.all(600, good=values, completed=values)
    with pytest.raises(SourceUnavailable, match="went backwards"):
        count(told, 10, 590)


def test_a_fall_in_a_silence_over_the_start_is_seen(told: Told) -> None:
    values = [*range(50), *[None] * 200, *range(350)]
    told.all(600, good=values, completed=values)
    with pytest.raises(SourceUnavailable, match="went backwards"):
        count(told, 150, 590)


def test_a_span_after_a_fall_can_be_judged(told: Told) -> None:
    values = [*range(50), *range(550)]
    told.all(600, good=values, completed=values)
    assert count(told, 150, 590).good == 440


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(2.5, "2.5", id="a fraction"),
        pytest.param(-1, "-1", id="below 0"),
        pytest.param("Infinity", r"\+Inf", id="infinite"),
    ],
)
def test_what_is_no_count_is_refused(value: float | str, shown: str, told: Told) -> None:
    told.all(600, good=[0] * 60 + [value] * 540)
    with pytest.raises(SourceUnavailable, match=f"is {shown}.*, which is no count"):
        count(told, 10, 70)


def test_two_series_where_one_is_expected_are_refused(told: Told) -> None:
    told.all(600, good=range(600), completed=range(600))
    told.one("good", range(600), instance="10.0.0.7:9090")
    with pytest.raises(SourceUnavailable, match="twice, with different instance"):
        count(told, 10, 70)
    assert count(told, 10, 70, PROBER_SOURCE_MATCH='instance=""').good == 60


@pytest.mark.parametrize(
    ("missing", "metric"),
    [
        pytest.param(("good", "bad"), "prober.sli.events", id="of the objective"),
        pytest.param(("bad",), "prober.sli.events", id="of its bad runs"),
        pytest.param(("unclear",), "prober.runs", id="of inconclusive runs"),
    ],
)
def test_an_absent_series_is_not_0(missing: tuple[str, ...], metric: str, told: Told) -> None:
    for name in {"good", "bad", "unclear", "completed"} - set(missing):
        told.one(name, range(600))
    with pytest.raises(SourceUnavailable, match=f"holds no {metric} of {told.journey} avail"):
        count(told, 10, 70)


def test_a_journey_that_nobody_reports_is_not_known(told: Told) -> None:
    with pytest.raises(SourceUnavailable, match=f"holds no prober.slots of {told.journey}"):
        count(told, 10, 70)


def test_a_backend_without_any_of_ours_says_so(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    empty = Victoria(tmp_path_factory.mktemp("empty"))
    try:
        with pytest.raises(SourceUnavailable, match=r"holds no prober\.slots of any agent"):
            count(Told(empty, "checkout", START_MS), 0, 10)
    finally:
        empty.close()


def test_a_region_that_fell_silent_has_slots_that_nobody_counts(told: Told) -> None:
    told.all(100, good=range(100), completed=range(100))
    assert count(told, 10, 150).due == 89
    with pytest.raises(SourceUnavailable, match="eu was silent for an hour"):
        count(told, 10, 200)


def test_a_schedule_tells_what_was_due_in_a_silence(told: Told) -> None:
    told.all(100, good=range(100), completed=range(100))
    told.schedule(MINUTE_MS, 100)
    assert count(told, 10, 400) == Counts(89, 0, 0, 390)


def test_a_slot_whose_run_may_be_going_on_is_not_due(told: Told) -> None:
    ended = [0, 0, *((n - 2) // 5 + 1 for n in range(2, 600))]
    told.all(600, good=ended, completed=ended)
    told.schedule(5 * MINUTE_MS, 600)
    assert count(told, 3, 11) == Counts(1, 0, 0, 1)
    assert count(told, 3, 13) == Counts(2, 0, 0, 2)


# What was looked at once


def reaches(source: PromSource) -> list[int]:
    """How far back falls are looked for, of each look from now on, in minutes."""
    found: list[int] = []

    def note(request: httpx.Request) -> None:
        asked = parse_qs(request.read().decode()).get("query", [""])[0]
        if match := re.search(r"resets\(.*?\[(\d+)ms\]", asked):
            found.append(int(match[1]) // MINUTE_MS)

    source.counters.backend.http.event_hooks = {"request": [note]}
    return found


def test_what_was_found_to_rise_is_not_looked_at_again(told: Told) -> None:
    told.all(600, good=range(600), completed=range(600))
    source = told.source()
    looks = reaches(source)
    for minute in (400, 401, 460):
        told.clock_ms = START_MS + minute * MINUTE_MS
        assert grown(source, told, 10, minute) == minute - 10
        assert grown(source, told, minute - 60, minute) == 60
    source.close()
    assert looks == [450, 61, 119]


def test_a_fall_after_the_first_look_is_seen_and_stays_seen(told: Told) -> None:
    values = [*range(300), *range(300)]
    told.all(600, good=values, completed=values)
    source = told.source()
    told.clock_ms = START_MS + 299 * MINUTE_MS
    assert grown(source, told, 10, 299) == 289
    for minute in (310, 599):
        told.clock_ms = START_MS + minute * MINUTE_MS
        with pytest.raises(SourceUnavailable, match="went backwards"):
            grown(source, told, 10, minute)
    assert grown(source, told, 400, 599) == 199, "a span after it can be judged"
    source.close()


def test_what_is_reported_late_is_looked_at_as_well(told: Told) -> None:
    told.all(200, good=range(200), completed=range(200))
    told.schedule(MINUTE_MS, 200)
    source = told.source()
    for minute in (199, 340):
        told.clock_ms = START_MS + minute * MINUTE_MS
        assert grown(source, told, 10, minute) == 189
    late_ms = START_MS + 210 * MINUTE_MS
    told.all(400, late_ms, good=range(400), completed=range(400))
    told.clock_ms = START_MS + 500 * MINUTE_MS
    with pytest.raises(SourceUnavailable, match="went backwards"):
        grown(source, told, 10, 500)
    source.close()


def test_a_region_that_is_back_is_looked_at_from_where_it_was_lost(told: Told) -> None:
    values = [*range(50), *[None] * 300, *range(250)]
    told.all(600, good=values, completed=values)
    for name in ("good", "bad", "unclear", "completed"):
        told.one(name, range(600), region="us")
    told.schedule(MINUTE_MS, 50)
    source = told.source()
    for minute in (49, 200, 340):
        told.clock_ms = START_MS + minute * MINUTE_MS
        assert grown(source, told, 10, minute) == 39
    told.clock_ms = START_MS + 500 * MINUTE_MS
    with pytest.raises(SourceUnavailable, match="went backwards"):
        grown(source, told, 10, 500)
    source.close()


def test_one_moment_asks_each_question_once(told: Told) -> None:
    told.all(600, good=range(600), completed=range(600))
    source = told.source()
    grown(source, told, 10, 70)
    asked: list[httpx.Request] = []
    source.counters.backend.http.event_hooks = {"request": [asked.append]}
    with source.at_one_moment():
        for _ in range(3):
            grown(source, told, 10, 70)
    first = len(asked)
    grown(source, told, 10, 70)
    source.close()
    assert first == len(asked) - first <= 5


def grown(source: PromSource, told: Told, start_minute: int, end_minute: int) -> int:
    span = Span(START_MS + start_minute * MINUTE_MS, START_MS + end_minute * MINUTE_MS)
    return int(source.counts(Measure(rule(told.journey)), span)["eu"].good)


def test_what_is_not_a_number_is_no_count(tmp_path: Path) -> None:
    require_backends()
    lines = []
    for minute in range(60):
        at = f"{START_MS // 1000 + minute * 60}.000"
        labels = 'prober_region="eu",prober_journey="nan"'
        value = "NaN" if minute > 30 else minute
        lines += [
            f'prober_slots_total{{{labels},prober_slot_state="completed"}} {value} {at}\n',
            f'prober_runs_total{{{labels},prober_outcome="inconclusive"}} 0 {at}\n',
        ]
    prometheus = Prometheus(tmp_path, lines)
    source = PromSource.connect(prometheus.url, [rule("nan")], {})
    source.counters.clock = lambda: START_MS + HOUR_MS
    try:
        with pytest.raises(SourceUnavailable, match="is NaN, which is no count"):
            source.counts(Measure(rule("nan")), Span(START_MS, START_MS + HOUR_MS))
    finally:
        source.close()
        prometheus.close()


# Correctness: runs that did not come to the assertion


def asserted(told: Told, start_minute: int, end_minute: int) -> Counts:
    judged = rule(told.journey, assertion="order-total")
    source = told.source(judged)
    span = Span(START_MS + start_minute * MINUTE_MS, START_MS + end_minute * MINUTE_MS)
    try:
        return source.counts(Measure(judged), span)["eu"]
    finally:
        source.close()


def test_a_run_that_did_not_come_to_the_assertion_leaves_no_gap(told: Told) -> None:
    half = [n // 2 for n in range(600)]
    told.all(600, good=half, passed=range(600), completed=range(600))
    assert asserted(told, 100, 200) == Counts(50, 0, 0, 50)
    assert asserted(told, -10, 200) == Counts(100, 0, 0, 100)


def test_runs_from_before_the_contract_leave_one(told: Told) -> None:
    for name in ("passed", "completed"):
        told.one(name, range(600))
    told.one("unclear", [0] * 600)
    for name in ("good", "bad"):
        told.one(name, [None] * 100 + [0] * 500)
    assert asserted(told, -10, 200) == Counts(0, 0, 0, 200)
    assert asserted(told, 110, 200) == Counts(0, 0, 0, 0)
