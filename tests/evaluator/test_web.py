from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser, Page, expect

from prober.evaluator.pages.drawing import badge
from prober.model import Record
from prober.slo.state import State
from tests.evaluator.conftest import send

Evaluator = Any
PAYLOAD = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


@pytest.mark.browser
def test_the_page_shows_how_things_stand(
    evaluator: Callable[..., Evaluator], page: Page, last_minute: Callable[..., list[Record]]
) -> None:
    judge = evaluator(min_runs=30)
    send(judge, last_minute(20))
    page.goto(judge.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 1 SLOs is EXHAUSTED: checkout")
    card = page.locator("article#checkout")
    expect(card.locator("header .state")).to_have_text("EXHAUSTED")
    expect(card).to_contain_text("availability: 90% over 1h")
    expect(card).to_contain_text(re.compile(r"Overspent: \d+ bad runs, \d"))
    expect(card.locator(".alarm dd")).to_have_text(re.compile(r"\d+"))
    strip = card.locator(".strip li")
    expect(strip).to_have_count(40)
    expect(strip.first).to_have_class("failed")
    expect(strip.first).to_have_attribute("title", re.compile("assertion"))
    expect(strip.last).to_have_class("passed")


@pytest.mark.browser
def test_a_page_that_hears_nothing_says_unknown(
    evaluator: Callable[..., Evaluator], page: Page
) -> None:
    page.goto(evaluator().url)
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 1 SLOs is UNKNOWN: checkout")
    expect(page.locator("article")).to_contain_text("Not judged: no run yet")
    expect(page.locator("article")).to_contain_text("No region has sent anything")
    expect(page.locator("article svg")).to_have_count(0)


@pytest.mark.browser
def test_text_from_a_target_is_shown_as_text(
    evaluator: Callable[..., Evaluator], page: Page, last_minute: Callable[..., list[Record]]
) -> None:
    judge = evaluator()
    records = last_minute(1, message=PAYLOAD, step=PAYLOAD)
    send(judge, records)
    page.goto(judge.url)
    expect(page.locator(".trouble")).to_contain_text(PAYLOAD)
    assert PAYLOAD in (page.locator(".strip li").first.get_attribute("title") or "")
    expect(page.locator("img")).to_have_count(0)
    expect(page).to_have_title(re.compile("Prober"))


@pytest.mark.browser
def test_the_page_renews_itself_and_says_when_it_cannot(
    evaluator: Callable[..., Evaluator], browser: Browser, last_minute: Callable[..., list[Record]]
) -> None:
    judge = evaluator(min_runs=30)
    page = browser.new_page()
    page.goto(judge.url)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("UNKNOWN")
    send(judge, last_minute())
    expect(heading).to_have_text("All budgets are FULL", timeout=30_000)
    expect(page).to_have_title("All budgets are FULL · Prober")
    expect(page.get_by_role("status")).to_be_hidden()
    judge.stop()
    expect(page.get_by_role("status")).to_be_visible(timeout=30_000)
    page.close()


@pytest.mark.long
@pytest.mark.browser
def test_the_page_works_without_scripts(
    evaluator: Callable[..., Evaluator], browser: Browser, last_minute: Callable[..., list[Record]]
) -> None:
    judge = evaluator(min_runs=30)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(judge.url)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("UNKNOWN")
    send(judge, last_minute())
    expect(heading).to_have_text("All budgets are FULL", timeout=30_000)
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 1920])
def test_the_page_fits_screens_of_width(
    width: int,
    evaluator: Callable[..., Evaluator],
    page: Page,
    last_minute: Callable[..., list[Record]],
) -> None:
    judge = evaluator(more="  server_view: {query: errors / requests, bad_above: '1%'}")
    send(judge, last_minute(3, message="x" * 200))
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(judge.url)
    expect(page.locator(".trouble")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Servers unknown")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_pages_may_run_nothing_from_elsewhere(shared_evaluator: Evaluator) -> None:
    for path in ("/", "/site.css", "/live.js", "/api/v1/status", "/metrics", "/badge/checkout.svg"):
        headers = shared_evaluator.http.get(path).raise_for_status().headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_metrics_are_the_judgement_and_what_is_undefined_is_absent(
    evaluator: Callable[..., Evaluator], last_minute: Callable[..., list[Record]]
) -> None:
    judge = evaluator(target="50%")
    empty = judge.http.get("/metrics").raise_for_status().text
    assert "prober_slo_compliance_ratio{" not in empty
    send(judge, last_minute(15))
    text = judge.http.get("/metrics").text
    labels = 'prober_slo="checkout",prober_objective="availability",prober_window="rolling"'
    assert f"prober_slo_compliance_ratio{{{labels}}} 0.75\n" in text
    assert f"prober_slo_burn_rate_ratio{{{labels}}} 0.5\n" in text
    assert "# TYPE prober_slo_coverage_ratio gauge\n" in text
    assert f"prober_slo_validity_ratio{{{labels}}} 1.0\n" in text


def test_health_and_readiness_are_told(shared_evaluator: Evaluator) -> None:
    health = shared_evaluator.http.get("/healthz").json()
    assert health["loop_age_s"] < 10
    assert health["loops_s"]["alerts"] < 60
    assert shared_evaluator.http.get("/readyz").json() == {
        "ready": True, "troubles": {}, "slos": 1, "reload": None,
    }  # fmt: skip


def test_a_badge_says_the_state_by_word_and_is_xml(shared_evaluator: Evaluator) -> None:
    reply = shared_evaluator.http.get("/badge/checkout.svg")
    assert reply.headers["Content-Type"] == "image/svg+xml"
    words = " ".join(ElementTree.fromstring(reply.text).itertext()).split()
    assert words == ["checkout:", "UNKNOWN", "checkout", "UNKNOWN"]
    assert shared_evaluator.http.get("/badge/nothing.svg").status_code == 404


def test_a_badge_keeps_names_as_text() -> None:
    assert "<script>" not in badge("<script>", State.FULL)
