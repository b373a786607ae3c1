"""What is written as YAML is read back as the same values, also by readers of an older YAML."""

from __future__ import annotations

import doctest
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from prober import writing
from prober.document import parse, parse_all
from prober.errors import InputError
from prober.writing import flow, write

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
plain = (
    text
    | st.lists(st.text("a -:", max_size=4), max_size=4).map("\n".join)
    | st.sampled_from(["no", "0o17", "1_000", "12:30", "2026-01-01", "~", "null", "1e3", "# x"])
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.dates(date(1970, 1, 1))
)
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
mappings = st.dictionaries(text, values, min_size=1, max_size=4)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(writing).failed == 0


@settings(deadline=None)
@given(st.lists(mappings, min_size=1, max_size=3))
def test_documents_are_read_back(documents: list[dict[str, Any]]) -> None:
    found = parse_all(write(*documents), "x.yaml")
    assert [each.data for each in found] == documents
    assert [list(each.data) for each in found] == [list(each) for each in documents]


@settings(deadline=None)
@given(values)
def test_a_value_on_one_line_is_read_back(value: Any) -> None:
    line = flow(value)
    assert "\n" not in line
    assert parse(f"value: {line}", "x.yaml").data["value"] == value


@pytest.mark.parametrize("word", ["yes", "No", "on", "off", "y", "0777", "1_000", "12:30", "1e3"])
def test_text_stays_text_for_readers_of_an_older_yaml(word: str) -> None:
    older = YAML(typ="safe", pure=True)
    older.version = (1, 1)
    assert older.load(write({"word": word})) == {"word": word}


def test_several_documents_are_told_apart_by_their_lines() -> None:
    with pytest.raises(InputError) as caught:
        parse_all("a: 1\n---\nb:\n---\n- c\n", "x.yaml")
    assert str(caught.value).splitlines() == [
        "x.yaml:0: is not a mapping, write `key: value` lines".replace(":0", ""),
        "x.yaml:3: b: has no value, write one or remove the key",
    ]
