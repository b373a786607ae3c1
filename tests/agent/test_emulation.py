"""What a browser passes itself off as, seen from the page that it opens."""

from __future__ import annotations

from dataclasses import replace

from playwright.sync_api import sync_playwright

from prober.agent import devices
from prober.emulation import PLAIN
from prober.model import Cause, Outcome
from tests.agent.rig import make_journey
from tests.faults.bench import Bench, Site

MIRROR = (
    "<!doctype html><title>Mirror</title><meta name=viewport content='width=device-width'><h1></h1>"
    "<script>document.querySelector('h1').textContent = [innerWidth, innerHeight, "
    "navigator.maxTouchPoints > 0, navigator.language, "
    "Intl.DateTimeFormat().resolvedOptions().timeZone].join(' ')</script>"
)
LOOK = """
    def looks(page: Page):
        with step("look"):
            page.goto("/mirror")
            expect(page.get_by_role("heading")).to_have_text({said!r})
"""


def test_a_page_meets_the_device_that_a_journey_asks_for(bench: Bench, site: Site) -> None:
    site.pages["/mirror"] = MIRROR
    said = "412 839 true de-DE Europe/Berlin"
    options = "device='Pixel 7', locale='de-DE', timezone='Europe/Berlin'"
    run = bench.run(LOOK.format(said=said), options=options)
    assert run.outcome is Outcome.PASSED, run.message
    agent = site.asked[-1].headers["user-agent"]
    assert "Pixel 7" in agent
    assert agent.endswith("(synthetic)"), agent


def test_the_next_run_is_as_the_region_says_again(bench: Bench, site: Site) -> None:
    site.pages["/mirror"] = MIRROR
    small = bench.run(LOOK.format(said="300 200 false en-US UTC"), options="viewport='300x200'")
    usual = bench.run(LOOK.format(said="1280 720 false en-US UTC"))
    assert (small.message, usual.message) == (None, None)


def test_a_slow_network_is_felt_by_every_request(bench: Bench, site: Site) -> None:
    source = """
        def waits(page: Page):
            with step("open"):
                page.goto("/mirror")
                expect(page).to_have_title("Mirror")
    """
    site.pages["/mirror"] = MIRROR
    quick = bench.run(source)
    network = {"latency": "700ms", "down": "1 Mbit/s", "up": "1 Mbit/s"}
    slow = bench.run(source, options=f"network={network!r}")
    assert (quick.outcome, slow.outcome) == (Outcome.PASSED, Outcome.PASSED)
    assert slow.duration_us >= 700_000 > quick.duration_us


def test_a_device_that_nobody_knows_is_the_scripts(bench: Bench) -> None:
    run = bench.run(LOOK.format(said=""), options="device='Pixel7'")
    assert (run.outcome, run.cause) == (Outcome.INCONCLUSIVE, Cause.SCRIPT)
    assert "Playwright knows no device 'Pixel7', write 'Pixel 7'" in str(run.message)


def test_the_names_that_are_checked_are_those_of_the_driver() -> None:
    with sync_playwright() as playwright:
        assert devices.names() == set(playwright.devices)


def test_a_device_that_nobody_knows_is_told_before_anything_runs() -> None:
    known, unknown, plain = (
        make_journey(emulation=replace(PLAIN, device=name)) for name in ("Pixel 7", "Fon", None)
    )
    [problem] = devices.check([known, unknown, plain])
    assert str(problem).startswith(
        "/journeys/checkout.py:1: device: Playwright knows no device 'Fon', write "
    )
