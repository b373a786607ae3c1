"""From a run that failed in a real browser to its picture and its trace, by clicking."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.conftest import Shop
from tests.e2e.conftest import Process

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(170)]

JOURNEY = """
    from playwright.sync_api import Page, expect
    from prober import journey, step

    @journey(every="30s", timeout="10s")
    def look(page: Page) -> None:
        with step("open shop"):
            page.goto("/")
        with step("find what is not there"):
            expect(page.get_by_text("Unobtainium")).to_be_visible(timeout=500)
"""
CONTRACT = """
    apiVersion: prober/v1
    kind: SLO
    metadata: {name: look}
    spec:
      journey: look
      owners: {product: pm, sre: sre}
      rationale: it should be seen
      objectives: [{name: availability, sli: success, target: "99%"}]
      windows: [{name: rolling, duration: 30d}]
      data: {min_runs: 1, min_coverage: "0%"}
"""


@pytest.fixture
def page(browser_path: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox"], chromium_sandbox=False
        )
        yield browser.new_page()
        browser.close()


def test_whoever_sees_a_failure_comes_to_its_screenshot_and_its_trace(
    tmp_path: Path,
    free_port: Callable[[], int],
    until: Callable[..., Any],
    shop: Shop,
    page: Page,
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    for path, text in (
        ("journeys/look.py", JOURNEY),
        ("journeys/look.slo.yaml", CONTRACT),
        (
            "regions/here.yaml",
            f"region: here\nbase_url: {shop.url}\nsandbox: off\nsaturation: off\n"
            f"data: {tmp_path / 'here'}\n",
        ),
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(dedent(text))
    everything = Process(
        tmp_path / "up.log",
        *("up", "--journeys", str(tmp_path / "journeys"), "--regions", str(tmp_path / "regions")),
        *("--listen", f"127.0.0.1:{port}", "--data", str(tmp_path / "judge")),
    )
    try:
        everything.start()
        until(lambda: list((tmp_path / "here" / "evidence").glob("*/trace.zip")), 90)
        until(lambda: "find what is not there" in httpx.get(f"{url}/slo/look").text, 60)
        page.goto(url)
        page.get_by_role("link", name="look", exact=True).click()
        page.locator(".troubles a").last.click()
        expect(page.locator("pre")).to_contain_text("Locator expected to be visible")
        picture = page.get_by_role("img", name="Screenshot of the page when the run ended")
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.naturalWidth") > 300
        page.get_by_role("link", name=re.compile("^Attempt 2, scheduled")).click()
        page.get_by_role("link", name="Open the trace in Playwright's viewer").click()
        expect(page.get_by_text("Unobtainium").first).to_be_visible(timeout=30_000)
    finally:
        everything.close()
