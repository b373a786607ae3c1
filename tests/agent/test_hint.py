"""Which selectors of Playwright's are weak; tests/cli/test_hints.py shows what is offered."""

from __future__ import annotations

import pytest

from prober.agent.hint import is_weak


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ('internal:role=button[name="Pay"i]', False),
        ('internal:label="Total"s', False),
        ('internal:testid=[data-testid="pay"s]', False),
        ('internal:role=listitem >> internal:has-text="Dawn"i >> internal:role=button', False),
        ("body", False),
        ("text=Dawn", False),
        ("iframe >> internal:control=enter-frame >> internal:role=button", False),
        ("h1", True),
        ("#pay", True),
        ("xpath=//div", True),
        ("//div/a", True),
        ("internal:role=listitem >> nth=2", True),
        ("internal:role=main >> div > a", True),
        ("iframe >> internal:control=enter-frame >> #pay", True),
    ],
)
def test_a_selector_is_weak_by_what_no_user_knows(selector: str, expected: bool) -> None:
    assert is_weak(selector) is expected
