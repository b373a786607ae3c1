"""The floor: the example checkout as plain Playwright code, without a line of Prober."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect

from benchmarks.shop import PASSWORD, USER

CUSTOMER = "Synthetic Customer"
ADDRESS = "1 Test Street"


class Stopwatch:
    """The time of each step, in seconds."""

    def __init__(self) -> None:
        self.steps_s: list[float] = []

    @contextmanager
    def step(self) -> Iterator[None]:
        """Time what happens inside."""
        start = time.perf_counter()
        yield
        self.steps_s.append(time.perf_counter() - start)


def checkout(page: Page) -> list[float]:
    """Buy one item, in the five steps of journeys/checkout.py; the time of each."""
    watch = Stopwatch()
    total = page.get_by_label("Total", exact=True)
    pay = page.get_by_role("button", name="Pay")
    with watch.step():
        page.goto("/")
        expect(page.get_by_role("heading", name="Products")).to_be_visible()
    with watch.step():
        page.get_by_role("link", name="Sign in").click()
        page.get_by_label("User name").fill(USER)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("Hello, ")).to_be_visible()
    with watch.step():
        item = page.get_by_role("listitem").filter(has_text="Quiet valley")
        price = item.get_by_text("€").inner_text()
        item.get_by_role("button", name="Add to cart").click()
        expect(page.get_by_role("heading", name="Your cart")).to_be_visible()
        expect(item.get_by_text("€")).to_have_text(price)
        expect(total).to_have_text(price)
    with watch.step():
        page.get_by_role("link", name="Check out").click()
        expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
        page.get_by_label("Full name").fill(CUSTOMER)
        page.get_by_label("Delivery address").fill(ADDRESS)
        expect(pay).to_be_visible()
        pay.click()
    with watch.step():
        expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
        expect(page.get_by_text(re.compile(r"order number is R-\d+"))).to_be_visible()
        expect(total).to_have_text(price)
    return watch.steps_s
