"""Names of resources are short, plain, and still told from each other."""

from __future__ import annotations

import doctest
import hashlib
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


def test_a_long_name_is_cut_before_its_digest_and_not_after_a_dash() -> None:
    digest = hashlib.sha256(b"a" * 80).hexdigest()[:8]
    assert resource_name("a" * 80) == f"{'a' * 54}-{digest}"
    parts = "a" * 53, "b" * 20
    digest = hashlib.sha256("-".join(parts).encode()).hexdigest()[:8]
    assert resource_name(*parts) == f"{'a' * 53}-{digest}"


def test_what_is_no_letter_or_digit_is_a_dash_inside_and_nothing_outside() -> None:
    assert resource_name("_Sign in_", "(fast)") == "sign-in-fast"


def test_a_label_is_one_of_kubernetes() -> None:
    assert [fits_label(text) for text in ("team-1", "a@x", "", "x" * 64, "-a")] == [
        True, False, False, False, False,
    ]  # fmt: skip
