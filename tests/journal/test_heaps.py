"""Runs are sorted by a mark, and sorted once; parts of a window add up."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from prober.journal.heaps import NOTHING, Heaps, Part, added, sort
from prober.journal.rollup import FAILED, INCONCLUSIVE, OUTCOMES, PASSED, Finding

REGIONS = ("ap", "eu", "us")
RUNS = st.lists(
    st.tuples(
        st.sampled_from(REGIONS),
        st.integers(0, 2),
        st.builds(
            Finding,
            st.sampled_from(range(len(OUTCOMES))),
            st.integers(0, 1),
            st.integers(0, 3),
            st.integers(0, 3),
        ),
    )
)


def heaps(*runs: tuple[str, int, Finding]) -> Heaps:
    """Runs of a region and a slice."""
    return Counter((region, number, *finding) for region, number, finding in runs)


def test_a_mark_tells_good_from_bad_from_what_it_was_not_asked_of() -> None:
    found = sort(
        heaps(
            ("eu", 0, Finding(PASSED)),
            ("eu", 0, Finding(PASSED, odd=0b10)),
            ("eu", 0, Finding(FAILED)),
            ("eu", 0, Finding(FAILED)),
            ("eu", 0, Finding(FAILED, odd=0b10)),
            ("eu", 0, Finding(PASSED, unasked=0b10)),
            ("eu", 0, Finding(INCONCLUSIVE)),
            ("us", 0, Finding(PASSED)),
            ("eu", 4, Finding(FAILED)),
        ),
        bit=1,
    )
    assert found == {0: {"eu": (2, 3, 1, 1), "us": (1, 0, 0, 0)}, 4: {"eu": (0, 1, 0, 0)}}


@given(RUNS, st.integers(0, 2))
def test_it_sorts_as_a_finding_says_of_itself(
    runs: list[tuple[str, int, Finding]], bit: int
) -> None:
    cells = sort(heaps(*runs), bit)
    for region, number, verdict in {(r, n, f.good(bit)) for r, n, f in runs}:
        expected = sum((r, n, f.good(bit)) == (region, number, verdict) for r, n, f in runs)
        good, bad, invalid, unasked = cells[number][region]
        assert {True: good, False: bad, None: invalid + unasked}[verdict] == expected


@given(st.lists(RUNS, min_size=1, max_size=3), st.integers(0, 2))
def test_parts_add_up_to_the_whole(parts: list[list[tuple[str, int, Finding]]], bit: int) -> None:
    plain = [[(region, 0, finding) for region, _, finding in part] for part in parts]
    whole = sort(heaps(*(run for part in plain for run in part)), bit).get(0, {})
    found = added([Part(heaps(*part)) for part in plain], bit, REGIONS)
    assert found == {region: whole.get(region, NOTHING) for region in REGIONS}


def test_a_part_is_sorted_once_for_each_mark() -> None:
    part = Part(heaps(("eu", 0, Finding(PASSED, odd=1))))
    assert part.flat(0, REGIONS) is part.flat(0, REGIONS)
    assert part.flat(0, REGIONS) != part.flat(1, REGIONS)
