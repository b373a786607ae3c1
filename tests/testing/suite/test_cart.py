import pytest
from pages import Account, Cart
from playwright.sync_api import Page, expect


def test_empty_cart(page: Page):
    page.goto("/cart")
    expect(page.get_by_text("There is nothing in it yet.")).to_be_visible()


class TestCart:
    def test_add(self, cart: Cart):
        cart.add("Quiet valley")
        expect(cart.total).to_have_text("€18.90")

    def test_total_of_two(self, cart: Cart):
        cart.add("Quiet valley")
        cart.add("First light")
        expect(cart.total).to_have_text("€43.40")


@pytest.mark.slow
def test_buy(page: Page):
    """From the front page to an order of the right amount."""
    Account(page).sign_in()
    cart = Cart(page)
    cart.add("Quiet valley")
    page.get_by_role("link", name="Check out").click()
    page.get_by_label("Full name").fill("Synthetic Customer")
    page.get_by_label("Delivery address").fill("1 Test Street")
    cart.pay.click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    expect(cart.total).to_have_text("€18.90", timeout=2000)
