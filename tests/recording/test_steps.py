"""Steps: where one ends, and what it is called."""

from __future__ import annotations

import pytest

from prober.agent.recorder import MOST_STEPS
from prober.recording import steps
from tests.recording.scripts import SIGN_IN, SITE, converted, library

OPEN = f'page.goto("{SITE}/")'


def named(*lines: str) -> list[str]:
    return list(converted(library(*lines)).steps)


def test_a_recording_falls_into_what_the_user_lives_through() -> None:
    assert named(*SIGN_IN) == ["open site", "click Sign in", "sign in", "click Cart"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([f'page.goto("{SITE}")'], "open site 2"),
        ([f'page.goto("{SITE}/cart")'], "open cart"),
        ([f'page.goto("{SITE}/my-orders/R-123.html?a=b")'], "open my orders"),
        ([f'page.goto("{SITE}/about_us.html")'], "open about us"),
        (['page.goto("https://pay.example/x")'], "open pay.example"),
        (['page.get_by_role("button", name="Add to cart: D").click()'], "click Add to cart: D"),
        (['page.get_by_text("Dawn").dblclick()'], "click Dawn"),
        (['page.get_by_test_id("add-to_cart").click()'], "click add to cart"),
        (['page.get_by_text(re.compile(r"^Dawn$")).click()'], "click Dawn"),
        (['page.locator("#go").click()'], "click"),
        (['page.get_by_label("Search prints").press("Enter")'], "enter Search prints"),
        (['page.get_by_label("Country").select_option("it")'], "choose Country"),
        (['page.get_by_role("checkbox", name="Terms").check()'], "check Terms"),
        (['page.get_by_label("Photo").set_input_files("a.png")'], "attach Photo"),
        (['page.get_by_label("Full name").fill("Ada")'], "fill in Full name"),
        (["page.go_back()"], "go back"),
        (["page.reload()"], "reload"),
        (['page.once("dialog", lambda dialog: dialog.dismiss())'], "look at the page"),
        (
            [
                'page.get_by_label("Name").fill("Ada")',
                'page.get_by_role("button", name="Place order").click()',
            ],
            "place order",
        ),
        (
            [
                'page.get_by_label("Name").fill("Ada")',
                'page.get_by_role("button", name="Pay €18.90 now").click()',
            ],
            "click Pay €18.90 now",
        ),
        (
            [
                "with page.expect_popup() as page1_info:\n"
                '        page.get_by_role("link", name="Terms").click()',
                "page1 = page1_info.value",
                "page1.close()",
            ],
            "click Terms",
        ),
        (
            [
                'page.once("dialog", lambda dialog: dialog.dismiss())',
                'page.get_by_role("button", name="Remove").click()',
            ],
            "click Remove",
        ),
        ([f'page.get_by_text("{"a long text " * 9}").click()'],
         "click a long text a long text a long text a…"),
    ],
)  # fmt: skip
def test_a_step_is_called_after_what_the_user_does(lines: list[str], expected: str) -> None:
    assert named(OPEN, *lines)[1:] == [expected]


def test_a_click_into_a_field_ends_no_step() -> None:
    assert named(
        OPEN,
        'page.locator("#name").click()',
        'page.locator("#name").fill("Ada")',
        'page.get_by_placeholder("Street").click()',
        'page.get_by_role("combobox", name="Country").click()',
    ) == ["open site", "fill in the form"]


def test_what_is_expected_belongs_to_what_led_to_it() -> None:
    text = converted(library(*SIGN_IN)).text
    sign_in = text.partition('step("sign in")')[2].partition("with step")[0]
    assert sign_in.rstrip().endswith('expect(page.get_by_text("Hello, Ada")).to_be_visible()')


def test_no_two_steps_have_one_name() -> None:
    click = 'page.get_by_text("Next").click()'
    other = 'page.get_by_text("Next 2").click()'
    names = named(OPEN, click, other, click, f'page.goto("{SITE}/")')
    assert names == ["open site", "click Next", "click Next 2", "click Next 3", "open site 2"]


def test_there_are_no_more_steps_than_a_run_may_have() -> None:
    assert steps.MOST == MOST_STEPS
    clicks = [f'page.get_by_text("Item").nth({number}).click()' for number in range(MOST_STEPS + 9)]
    found = converted(library(*clicks))
    assert len(found.steps) == MOST_STEPS
    assert found.text.count(".click()") == MOST_STEPS + 9
