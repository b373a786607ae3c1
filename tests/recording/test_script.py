"""Scripts: which are read, and what of them is what the person did."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest

from prober.errors import InputError
from prober.recording.script import read
from tests.recording.scripts import SITE, asynchronous, library, pytest_style


def did(text: str) -> list[str]:
    return [ast.unparse(statement) for statement in read(text, "script.py").body]


@pytest.mark.parametrize("form", [library, pytest_style])
def test_what_opens_and_closes_the_browser_is_no_part_of_it(form: Callable[..., str]) -> None:
    text = form('page.goto("/a")', 'page.get_by_text("b").click()', "page.close()")
    assert did(text) == ["page.goto('/a')", "page.get_by_text('b').click()"]


def test_a_second_page_and_its_end_are_part_of_it() -> None:
    text = library('page.goto("/a")', "page1 = context.new_page()", "page1.close()", "page.close()")
    assert did(text)[1:] == ["page1 = context.new_page()", "page1.close()"]


def test_cookies_that_were_saved_at_the_end_are_no_part_of_it() -> None:
    text = library('page.goto("/a")', 'context.storage_state(path="auth.json")')
    assert did(text) == ["page.goto('/a')"]


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        (library("page.reload()"), {}),
        (
            library("page.reload()", context='**playwright.devices["Pixel 7"], locale="de-DE"'),
            {"device": "Pixel 7", "locale": "de-DE"},
        ),
        (
            library(
                "page.reload()",
                context='timezone_id="Europe/Rome", viewport={"width":390,"height":844}',
            ),
            {"timezone": "Europe/Rome", "viewport": "390x844"},
        ),
        (
            pytest_style("page.reload()", args='**playwright.devices["Pixel 7"], "locale": "it"'),
            {"device": "Pixel 7", "locale": "it"},
        ),
    ],
)
def test_what_the_browser_passed_itself_off_as_is_read(text: str, looks: dict[str, str]) -> None:
    script = read(text, "script.py")
    assert script.looks == looks
    assert script.lost == ()


def test_options_that_no_run_has_are_noted_by_name_alone() -> None:
    given = 'http_credentials={"username":"a","password":"hunter22"}, storage_state="auth.json"'
    assert read(library("page.reload()", context=given), "x").lost == (
        "http_credentials", "storage_state",
    )  # fmt: skip


def test_it_says_where_it_begins() -> None:
    assert read(library(f'page.goto("{SITE}/a")', 'page.goto("/b")'), "x").begins_at == f"{SITE}/a"
    assert read(library("page.reload()"), "x").begins_at == ""


def test_line_ends_and_marks_of_windows_are_read() -> None:
    popup = 'with page.expect_popup() as page1_info:\n        page.get_by_text("ä").click()'
    text = "\ufeff" + library(popup, "page.reload()").replace("\n", "\r\n")
    script = read(text, "script.py")
    assert script.rewritten(script.body[0], {}) == [
        "with page.expect_popup() as page1_info:", '    page.get_by_text("ä").click()',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param(
            asynchronous(),
            "script.py:3: the recording is async, and journeys are not, "
            "record it with --target python",
            id="async",
        ),
        pytest.param(
            "const { test } = require('@playwright/test');",
            "script.py:1: is not Python, record it with --target python",
            id="another language",
        ),
        pytest.param(
            "print('hello')\n",
            "script.py: there is no recording in it, record it with --target python",
            id="no recording",
        ),
        pytest.param(
            library(),
            "script.py:5: nothing was recorded, use the site while it records",
            id="nothing done",
        ),
        pytest.param(
            pytest_style("page.reload()") + "\n\ndef test_other(page):\n    page.reload()\n",
            "script.py:9: there are 2 recordings in it: test_example, test_other, "
            "leave one, and make a journey of each",
            id="two recordings",
        ),
        pytest.param(
            "def test_cart(page, cart):\n    cart.open()\n",
            "script.py:1: it asks for cart, which a run has not, "
            "make a journey that calls the test with it, see docs/authors.md",
            id="a fixture",
        ),
        pytest.param(
            library("browser.new_context()", "browser.contexts.clear()"),
            "script.py:10: it uses browser, which a run has not, do without it",
            id="the browser itself",
        ),
        pytest.param(
            "def login(page):\n    pass\n\ndef test_a(page):\n    login(page)\n",
            "script.py:5: it uses login of this file, which is not taken over, "
            "write what that does where it is used",
            id="a helper",
        ),
        pytest.param(
            library("page.reload()").replace("page = context", "tab = context"),
            "script.py:8: its first page has another name, call it page",
            id="a page of another name",
        ),
    ],
)
def test_what_cannot_be_a_journey_is_refused_with_the_mend(text: str, complaint: str) -> None:
    with pytest.raises(InputError) as raised:
        read(text, "script.py")
    assert str(raised.value) == complaint


def test_pieces_of_a_statement_are_replaced_where_they_stand() -> None:
    text = library(
        'with page.expect_popup() as page1_info:\n        page.get_by_text("ä €").click()'
    )
    script = read(text, "script.py")
    (statement,) = script.body
    nodes = [node for node in ast.walk(statement) if isinstance(node, ast.Constant)]
    assert script.rewritten(statement, {nodes[0]: '"o"'}) == [
        "with page.expect_popup() as page1_info:",
        '    page.get_by_text("o").click()',
    ]
