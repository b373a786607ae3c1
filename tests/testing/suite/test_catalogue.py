import re

import pytest
from playwright.sync_api import Page, expect


@pytest.mark.smoke
def test_has_title(page: Page):
    page.goto("/")
    expect(page).to_have_title(re.compile("Ridgeline"))


@pytest.mark.smoke
def test_shows_products(page: Page):
    page.goto("/")
    expect(page.get_by_role("heading", name="Products")).to_be_visible()
    assert page.get_by_role("listitem").count() == 16


@pytest.mark.parametrize(
    ("name", "price"),
    [("First light", "€24.50"), ("Quiet valley", "€18.90"), ("Far country", "€35.75")],
)
def test_price(page: Page, name: str, price: str):
    page.goto("/")
    expect(page.get_by_role("listitem").filter(has_text=name)).to_contain_text(price)


def test_search(page: Page):
    page.goto("/")
    page.get_by_label("Search prints").fill("valley")
    expect(page.get_by_role("listitem").filter(visible=True)).to_have_count(1)


def test_cart_is_one_click_away(page: Page, base_url: str):
    page.goto(base_url)
    page.get_by_role("link", name="Cart").click()
    expect(page).to_have_url(f"{base_url}/cart")
