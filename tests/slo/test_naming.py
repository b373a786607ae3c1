"""Names of resources are short, plain, and still told from each other."""

from __future__ import annotations

import doctest
import re

from hypothesis import given
from hypothesis import strategies as st

from prober.slo import naming
from prober.slo.naming import fits_label, resource_name

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(naming).failed == 0


@given(st.lists(labels, min_size=1, max_size=3))
def test_a_name_is_one_of_rfc_1123(parts: list[str]) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", resource_name(*parts))


def test_long_names_that_begin_alike_differ() -> None:
    long = "a" * 63
    assert resource_name(long, "b") != resource_name(long, "c")
    assert resource_name("a" * 63) == long


def test_a_label_is_one_of_kubernetes() -> None:
    assert [fits_label(text) for text in ("team-1", "a@x", "", "x" * 64, "-a")] == [
        True, False, False, False, False,
    ]  # fmt: skip
