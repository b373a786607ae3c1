"""docs/reliability.md: every line of the contract has a test that exists, or says what it lacks."""

from __future__ import annotations

import pytest

from tests.test_docs import code, page, rows, section
from tests.test_requirements import docstring

LINES = [
    row for row in rows(section(page("reliability.md"), "## The contract")) if row[0].isdigit()
]


def test_every_promise_has_one_line() -> None:
    assert [int(line[0]) for line in LINES] == list(range(1, 25))


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_a_promise_has_a_test_or_says_what_is_not_shown(line: list[str]) -> None:
    _, promise, _, shown, lacks = line
    assert promise
    assert [test for test in code(shown) if docstring(test) is None] == []
    assert code(shown) or lacks
