"""Weak locators: they are kept, and what the linter would say stands above them."""

from __future__ import annotations

import pytest

from tests.recording.scripts import lines_of

MEND = "find it as a user does, by get_by_role or get_by_label"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('page.locator("xpath=//div/a").click()', "XPath follows the layout of the page"),
        (
            'page.locator("div:nth-child(3) > a").click()',
            "it counts places on the page, which change with the layout",
        ),
        (
            'page.get_by_role("listitem").nth(2).click()',
            "it counts places on the page, which change with the layout",
        ),
        (
            'page.get_by_role("button").first.click()',
            "it counts places on the page, which change with the layout",
        ),
        ('page.locator(".css-1x2y3z").click()', "the id or class looks generated"),
        ('page.locator("#email").fill("a")', "a selector follows the markup of the page"),
        (
            'page.locator("div").filter(has_text="Total").click()',
            "a selector follows the markup of the page, which no user sees",
        ),
    ],
)
def test_a_weak_locator_is_kept_and_doubted(line: str, why: str) -> None:
    _, *comment, kept = [each.strip() for each in lines_of(line)][:-2]
    assert kept == line
    assert comment
    said = " ".join(each.removeprefix("# ") for each in comment)
    assert said.startswith(f"css-path: {why}")
    assert said.endswith(MEND)


@pytest.mark.parametrize(
    "line",
    [
        'page.get_by_role("button", name="Pay").click()',
        'page.get_by_role("listitem").filter(has_text="Dawn").get_by_role("button").click()',
        'page.get_by_label("Total").click()',
        'page.get_by_test_id("pay").click()',
        'page.locator("body").click()',
        'page.locator("iframe[name=\\"pay\\"]").content_frame.get_by_label("Card").click()',
        'page.locator("iframe").content_frame.get_by_label("Card").click()',
    ],
)
def test_what_a_user_would_find_is_not(line: str) -> None:
    assert [each.strip() for each in lines_of(line)][1:-2] == [line]
