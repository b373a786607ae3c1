"""The example journeys: they load, they have contracts, they pass, and they can fail.

Here plain Playwright drives them, as any other test of the author would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from prober.demo.faults import FAULTS
from prober.demo.shop import Customer
from prober.discovery import Declaration, discover
from prober.slo.contract import Contract, Correctness, Latency
from prober.slo.format import load
from prober.slo.signoff import standing

DIRECTORY = Path(__file__).resolve().parent.parent / "journeys"
NAMES = ("account_api", "checkout", "login")
#: How long a page has to show what it should; far below what `slow` is set to here.
PATIENCE_MS = 5_000
#: The same where nothing is broken, and nothing waits in vain.
CALM_MS = 30_000
#: Fault, where the customer is stuck, and what the failed check names.
BROKEN_CHECKOUTS = [
    pytest.param("slow", "/cart", "Check out", id="slow keeps the customer at the cart"),
    pytest.param("error", "/checkout", "Checkout", id="error shows no checkout"),
    pytest.param("error_empty", None, "Checkout", id="error_empty shows no page at all"),
    pytest.param("wrong_total", "/confirmation", "€23.80", id="wrong_total charges too much"),
    pytest.param("missing_button", "/checkout", "Pay", id="missing_button lets nobody pay"),
    pytest.param("hang", "/cart", "Check out", id="hang keeps the customer at the cart"),
    pytest.param("reset", None, "Checkout", id="reset shows no page at all"),
    pytest.param("expired_session", "/login", "Checkout", id="expired_session asks again"),
]


def contract(name: str) -> Contract:
    return load(DIRECTORY / f"{name}.slo.yaml")


@pytest.fixture(scope="module")
def journeys() -> dict[str, Declaration]:
    return {definition.name: (definition, body) for definition, body in discover(DIRECTORY)}


@pytest.fixture(scope="module")
def chromium(browser_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path)
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium: Browser, shop: Any) -> Iterator[Page]:
    context = chromium.new_context(base_url=shop.url)
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield context.new_page()
    expect.set_options(timeout=None)
    context.close()


@pytest.fixture
def play(
    journeys: dict[str, Declaration], shop: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., object]:
    """`play(name, page)` or `play(name, http)`, with the shop customer's secrets."""
    monkeypatch.setenv("PROBER_SECRET_SHOP_USER", Customer().user)
    monkeypatch.setenv("PROBER_SECRET_SHOP_PASSWORD", Customer().password)
    return lambda name, subject: journeys[name][1](subject)


def test_the_examples_are_these(journeys: dict[str, Declaration]) -> None:
    assert tuple(sorted(journeys)) == NAMES


def test_only_the_api_journey_needs_no_browser(journeys: dict[str, Declaration]) -> None:
    needs = {name: definition.needs_browser for name, (definition, _) in journeys.items()}
    assert needs == {"account_api": False, "checkout": True, "login": True}


@pytest.mark.parametrize("name", NAMES)
def test_a_journey_holds_no_host_and_no_secret(name: str) -> None:
    text = (DIRECTORY / f"{name}.py").read_text()
    assert "://" not in text
    assert Customer().password not in text


@pytest.mark.parametrize("name", NAMES)
def test_a_journey_has_a_contract_beside_it(journeys: dict[str, Declaration], name: str) -> None:
    promised = contract(name)
    definition, _ = journeys[name]
    assert promised.journey == name
    assert promised.data.max_staleness_ms is not None
    assert promised.data.max_staleness_ms > 2 * definition.every_ms


@pytest.mark.parametrize("name", NAMES)
def test_an_objective_names_a_step_or_assertion_of_its_journey(name: str) -> None:
    text = (DIRECTORY / f"{name}.py").read_text()
    for objective in contract(name).objectives:
        match objective.sli:
            case Latency(step=str(step)):
                assert f'step("{step}")' in text
            case Correctness(assertion):
                assert f'assertion("{assertion}")' in text


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_is_in_force(name: str) -> None:
    """When it is not, whoever signed it has to sign it anew: `prober check` has the hash."""
    assert standing(contract(name)).lacks == ()


@pytest.mark.browser
@pytest.mark.parametrize("name", ["login", "checkout"])
def test_a_browser_journey_passes_on_a_healthy_shop(
    play: Callable[..., object], visitor: Page, name: str
) -> None:
    visitor.set_default_timeout(CALM_MS)
    expect.set_options(timeout=CALM_MS)
    play(name, visitor)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("fault", "path", "words"),
    BROKEN_CHECKOUTS,
)
def test_checkout_fails_under(
    play: Callable[..., object], visitor: Page, shop: Any, fault: str, path: str | None, words: str
) -> None:
    shop.http.post("/_faults", json={"fault": fault, "seconds": 600}).raise_for_status()
    waits = fault in ("slow", "hang")  # a click waits for the page it leads to
    with pytest.raises(Error if waits else AssertionError, match=words):
        play("checkout", visitor)
    assert path is None or visitor.url == shop.url + path


@pytest.mark.browser
@pytest.mark.parametrize("fault", ["error", "missing_button"])
def test_login_fails_under(
    play: Callable[..., object], visitor: Page, shop: Any, fault: str
) -> None:
    shop.http.post("/_faults", json={"fault": fault, "where": "login", "seconds": 600})
    with pytest.raises(AssertionError):
        play("login", visitor)


def test_account_api_passes_on_a_healthy_shop(play: Callable[..., object], shop: Any) -> None:
    with httpx.Client(base_url=shop.url, timeout=CALM_MS / 1000) as http:
        play("account_api", http)


@pytest.mark.parametrize("fault", [name for name in FAULTS if "api" in FAULTS[name].places])
def test_account_api_fails_under(play: Callable[..., object], shop: Any, fault: str) -> None:
    shop.http.post("/_faults", json={"fault": fault, "where": "api", "seconds": 600})
    with (
        httpx.Client(base_url=shop.url, timeout=2) as http,
        pytest.raises((AssertionError, httpx.TransportError)),
    ):
        play("account_api", http)


def test_every_fault_has_a_test_of_the_checkout() -> None:
    assert {str(case.values[0]) for case in BROKEN_CHECKOUTS} == FAULTS.keys()
