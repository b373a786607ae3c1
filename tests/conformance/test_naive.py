"""The real evaluator, journal and all, agrees with a naive one; and laws that hold for both.

`PROBER_HYPOTHESIS=thorough` tries thousands of histories instead of hundreds, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import count
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prober.journal.journal import Journal
from prober.journal.view import View
from prober.slo.moment import iso
from tests.conftest import EFFORT

#: What is one to the naive one is so much in the journal.
UNIT_S = 300
#: In units since 1970, on no edge of an hour or a day.
AS_OF = 5_940_007
KNOWN = AS_OF + 3
REGIONS = ("r1", "r2", "r3")

History = dict[str, Any]
Judge = Callable[[History], Mapping[str, Any]]


def cases(default: int) -> settings:
    return settings(
        max_examples=round(default * EFFORT),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def judge(adapter: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    """`judge(history)`: what the real evaluator says; all histories share one journal."""
    path = tmp_path_factory.mktemp("naive") / "journal.db"
    book, numbers = Journal.open(path, now_ms=1), count()
    view = View.open(path)

    def judged(history: History) -> Mapping[str, Any]:
        told: Mapping[str, Any] = adapter.judged(real(history, next(numbers)), book, view)
        return told

    yield judged
    view.close()
    book.close()


def real(history: History, number: int) -> dict[str, Any]:
    """A history as a vector, of a journey of its own."""
    slo = dict(history["slo"])
    for span in ("slice_s", "interval_s", "skew_tolerance_s"):
        slo[span] *= UNIT_S
    slo["window"] = {"type": "rolling", "duration_s": slo["window"]["duration_s"] * UNIT_S}
    return {
        "journey": f"journey-{number}",
        "slo": slo,
        "as_of": moment(AS_OF),
        "known_at": moment(KNOWN),
        "events": [
            event | {"t": moment(event["t"]), "ingested": moment(event["ingested"])}
            for event in history["events"]
        ],
        "exclusions": [
            each | {"start": moment(each["start"]), "end": moment(each["end"])}
            for each in history["exclusions"]
        ],
    }


def moment(units: int) -> str:
    return iso(units * UNIT_S * 1000)


SHARES = st.sampled_from(["0", "1/2", "3/4", "9/10", "99/100", "1"])
RULES = st.one_of(
    st.fixed_dictionaries({"mode": st.sampled_from(["any", "all", "majority", "pooled"])}),
    st.fixed_dictionaries(
        {"mode": st.just("quorum"), "quorum": st.integers(1, 3), "min_reporting": st.integers(1, 3)}
    ),
    st.fixed_dictionaries(
        {
            "mode": st.just("weighted"),
            "weights": st.dictionaries(
                st.sampled_from(REGIONS), st.sampled_from(["0", "1/4", "1"]), min_size=1
            ),
        }
    ),
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Regions, retries, repeats, conflicts, gaps, exclusions, late and early runs."""
    every = draw(st.integers(1, 3))
    window = every * draw(st.integers(2, 16))
    slices = [length for length in range(1, window + 1) if window % length == 0]
    slo = {
        "target": draw(SHARES),
        "window": {"type": "rolling", "duration_s": window},
        "interval_s": every,
        "regions": draw(st.lists(st.sampled_from(REGIONS), unique=True)),
        "budget_basis": draw(st.sampled_from(["observed", "planned"])),
        "min_runs": draw(st.integers(1, 4)),
        "min_coverage": draw(SHARES),
        "retry": draw(st.sampled_from(["first", "final"])),
        "exclusion_mode": draw(st.sampled_from(["remove", "as_good"])),
        "no_data": draw(st.sampled_from(["exclude", "good", "bad"])),
        "skew_tolerance_s": 1,
        "budgeting": draw(st.sampled_from(["occurrences", "timeslices"])),
        "slice_s": draw(st.sampled_from(slices)),
        "slice_rule": draw(RULES),
    }
    if draw(st.booleans()):
        slo["latency_threshold_s"] = 2
    events = draw(st.lists(runs(every, window), max_size=40))
    known = {*slo["regions"], *(event["region"] for event in events)}
    exclusions = draw(st.lists(excluded(window), max_size=3))
    return {
        "slo": slo,
        "events": events,
        "exclusions": exclusions,
        "known_regions": sorted(known),
    }


def runs(every: int, window: int) -> st.SearchStrategy[dict[str, Any]]:
    """Runs of due slots, some before the window and some after the judgement."""
    return st.fixed_dictionaries(
        {
            "t": st.integers(-3, window // every + 2).map(lambda n: AS_OF - n * every),
            "region": st.sampled_from(REGIONS),
            "outcome": st.sampled_from(["good", "good", "bad", "invalid"]),
            "attempt": st.sampled_from([1, 1, 1, 2, 3]),
            "kind": st.sampled_from(["scheduled"] * 9 + ["manual"]),
            "duration_s": st.sampled_from([1, 2, 3]),
            "ingested": st.sampled_from([AS_OF - 9, AS_OF, KNOWN, KNOWN + 1]),
        }
    )


def excluded(window: int) -> st.SearchStrategy[dict[str, Any]]:
    start = st.integers(AS_OF - window - 3, AS_OF)
    return st.builds(
        lambda begin, length, regions: {"start": begin, "end": begin + length, "regions": regions},
        start,
        st.integers(1, window),
        st.none() | st.lists(st.sampled_from(REGIONS), unique=True, min_size=1),
    )


@cases(400)
@given(history=histories())
def test_both_say_the_same(history: History, judge: Judge, naive: ModuleType) -> None:
    expected, told = naive.evaluate(history, AS_OF, KNOWN), judge(history)
    assert {name: told[name] for name in expected} == expected


@cases(100)
@given(history=histories(), random=st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(history: History, random: Any, judge: Judge) -> None:
    """Of records of a run that differ, and not in their outcome, the first counts: none does."""
    for event in history["events"]:
        event["duration_s"] = 1
    shuffled = history | {"events": random.sample(history["events"], len(history["events"]))}
    told, again = judge(history), judge(shuffled)
    moved = ("duplicates", "conflicts")
    assert {k: v for k, v in told.items() if k not in moved} == {
        k: v for k, v in again.items() if k not in moved
    }


@cases(100)
@given(history=histories(), start=st.integers(AS_OF, AS_OF + 50))
def test_excluding_time_without_runs_changes_nothing(
    history: History, start: int, judge: Judge
) -> None:
    later = {"start": start, "end": start + 5}
    assert judge(history | {"exclusions": [*history["exclusions"], later]}) == judge(history)


@cases(100)
@given(history=histories(), n=st.integers(1, 16))
def test_excluding_time_between_two_slots_changes_nothing(
    history: History, n: int, judge: Judge
) -> None:
    """Not of slices: one that lies in an exclusion in all regions is left out."""
    slo, every = history["slo"] | {"budgeting": "occurrences"}, history["slo"]["interval_s"]
    slot, history = AS_OF - n * every, history | {"slo": slo}
    between = {"start": slot + 1, "end": slot + every}
    assert judge(history | {"exclusions": [*history["exclusions"], between]}) == judge(history)


@cases(100)
@given(history=histories(), event=runs(1, 3))
def test_a_good_run_more_never_costs_and_a_bad_one_never_gives(
    history: History, event: dict[str, Any], judge: Judge
) -> None:
    slo = history["slo"] | {"budgeting": "occurrences", "slice_rule": {"mode": "pooled"}}
    one = event | {"region": "r4", "kind": "scheduled", "duration_s": 1, "t": AS_OF - 1}
    before = judge(history | {"slo": slo, "exclusions": []})["consumed"]
    more = {
        outcome: judge(
            history
            | {
                "slo": slo,
                "exclusions": [],
                "events": [*history["events"], one | {"outcome": outcome}],
            }
        )["consumed"]
        for outcome in ("good", "bad")
    }
    if isinstance(before, Fraction):
        assert more["bad"] == "inf" or more["good"] <= before <= more["bad"]
