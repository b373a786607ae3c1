"""Percentiles are times that were measured: enough took no longer, and no shorter one would do."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.evaluator.judging.latencies import RANKS, Ranked, by_bucket, durations, label
from prober.model import Outcome, Run, Step

times = st.lists(st.integers(0, 10**8), min_size=1, max_size=300)


@given(times, st.sampled_from(RANKS))
def test_a_rank_is_the_shortest_time_that_enough_did_not_exceed(
    times_us: list[int], rank: Fraction
) -> None:
    ranked = Ranked.of(times_us)
    assert ranked
    found = ranked.at(rank)
    assert found in times_us
    assert sum(each <= found for each in times_us) >= rank * len(times_us)
    assert sum(each < found for each in times_us) < rank * len(times_us)


@pytest.mark.parametrize(
    ("number", "p99_us"), [(1, 1), (99, 99), (100, 99), (101, 100), (200, 198)]
)
def test_of_fewer_than_a_hundred_the_longest_is_p99(number: int, p99_us: int) -> None:
    assert Ranked(tuple(range(1, number + 1))).at(Fraction(99, 100)) == p99_us


def test_of_nothing_there_is_no_rank() -> None:
    assert Ranked.of([]) is None


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=100))
def test_every_time_is_in_the_bucket_of_its_moment(found: list[tuple[int, int]]) -> None:
    buckets = by_bucket(found, 0, 1000)
    assert list(buckets) == sorted({at_ms // 1000 * 1000 for at_ms, _ in found})
    for start_ms, ranked in buckets.items():
        within = sorted(took for at_ms, took in found if at_ms // 1000 * 1000 == start_ms)
        assert list(ranked.times_us) == within


def test_only_runs_that_passed_say_how_long_steps_take(run: Callable[..., Run]) -> None:
    def steps(*times_us: int) -> tuple[Step, ...]:
        return tuple(
            Step(name=f"step {n}", offset_us=0, duration_us=took, outcome=Outcome.PASSED)
            for n, took in enumerate(times_us)
        )

    runs = [
        run(1, steps=steps(10, 20), duration_us=30),
        run(2, steps=steps(30, 40), duration_us=70),
        run(3, Outcome.FAILED, steps=steps(1000), duration_us=1000),
    ]
    told = [(each.step, each.ranked.times_us) for each in durations(runs)]
    assert told == [("step 0", (10, 30)), ("step 1", (20, 40)), (None, (30, 70))]


def test_ranks_have_the_names_that_people_use() -> None:
    assert [label(rank) for rank in RANKS] == ["p50", "p95", "p99"]
