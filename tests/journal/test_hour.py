"""Any part of an hour holds the runs whose slots lie in it."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from prober.journal.hour import Hour
from prober.slo.window import Span

ROWS = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.sampled_from("ab"),
        st.just(0),
        *[st.integers(0, 1) for _ in range(4)],
    )
)


@given(ROWS, st.integers(0, 21), st.integers(0, 21))
def test_a_part_holds_its_start_and_not_its_end(
    rows: list[tuple[int, str, int, int, int, int, int]], start_ms: int, end_ms: int
) -> None:
    expected = Counter(row[1:] for row in rows if start_ms <= row[0] < end_ms)
    hour = Hour.of(sorted(rows))
    assert hour.between(Span(start_ms, max(start_ms, end_ms))).heaps == expected
    assert len(hour) == len(rows)


def test_a_part_is_the_same_until_another_run_is_in_it() -> None:
    hour = Hour.of([(minute, "a", 0, 0, 0, 0, 0) for minute in range(20)])
    part = hour.between(Span(3, 10))
    assert hour.between(Span(3, 10)) is part
    for start_ms in range(10):
        assert hour.between(Span(start_ms, 10)).heaps.total() == 10 - start_ms
    assert len(hour._parts) <= 8
