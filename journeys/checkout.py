"""A returning customer buys one item and is charged its price."""

import re

from playwright.sync_api import Page, expect

from prober import assertion, journey, secret, step


# prober: allow[shared-account] the shop keeps a cart for each browser, not for each customer
@journey(every="5m", timeout="60s", secrets=["shop_user", "shop_password"])
def checkout(page: Page) -> None:
    total = page.get_by_label("Total", exact=True)
    pay = page.get_by_role("button", name="Pay")

    with step("open shop"):
        page.goto("/")
        expect(page.get_by_role("heading", name="Products")).to_be_visible()

    with step("sign in"):
        page.get_by_role("link", name="Sign in").click()
        page.get_by_label("User name").fill(secret("shop_user"))
        page.get_by_label("Password").fill(secret("shop_password"))
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("Hello, ")).to_be_visible()

    with step("add to cart"):
        item = page.get_by_role("listitem").filter(has_text="Quiet valley")
        price = item.get_by_text("€").inner_text()
        item.get_by_role("button", name="Add to cart").click()
        expect(page.get_by_role("heading", name="Your cart")).to_be_visible()
        expect(item.get_by_text("€")).to_have_text(price)
        expect(total).to_have_text(price)  # the sum of one price

    with step("pay"):
        page.get_by_role("link", name="Check out").click()
        expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
        page.get_by_label("Full name").fill("Synthetic Customer")
        page.get_by_label("Delivery address").fill("1 Test Street")
        expect(pay).to_be_visible()  # a missing button is a failed check, not a long wait
        pay.click()  # prober: allow[no-cleanup] the shop forgets all but its last 20 orders

    with step("confirmation"):
        expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
        expect(page.get_by_text(re.compile(r"order number is R-\d+"))).to_be_visible()
        with assertion("order-total"):
            expect(total).to_have_text(price)  # status 200 with another amount is still a failure
