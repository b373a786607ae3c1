"""Codegen: what it needs, and that it writes what conversions are tried with."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from playwright._impl.browser_context import BrowserContext
from playwright.sync_api import expect, sync_playwright

from tests.conftest import Shop, wait_until
from tests.recording.scripts import library


def test_playwright_has_the_recorder_that_is_asked_for() -> None:
    source = inspect.getsource(BrowserContext._show_recorder)
    for name in ("language", "mode", "outputFile", "handleSIGINT"):
        assert f'params.get("{name}")' in source


@pytest.mark.browser
def test_codegen_writes_what_conversions_are_tried_with(
    browser_path: str, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PWTEST_CLI_HEADLESS", "1")  # of codegen's own window
    output = tmp_path / "script.py"
    asked = {"language": "python", "mode": "recording", "outputFile": str(output)}

    def read() -> str:
        return output.read_text() if output.exists() else ""

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path)
        context = browser.new_context()
        context._sync(context._impl_obj._show_recorder(asked))
        page = context.new_page()
        page.goto(shop.url)
        page.get_by_role("link", name="Sign in").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.get_by_label("User name").click()
        page.keyboard.type('a "b" \\')
        page.keyboard.press("Tab")
        wait_until(lambda: "Tab" in read() or page.wait_for_timeout(50))
        page.close()
        context.close()
        browser.close()
    assert read() == library(
        f'page.goto("{shop.url}/")',
        'page.get_by_role("link", name="Sign in").click()',
        'page.get_by_role("textbox", name="User name").click()',
        'page.get_by_role("textbox", name="User name").fill("a \\"b\\" \\\\")',
        'page.get_by_role("textbox", name="User name").press("Tab")',
        "page.close()",
    )
