"""Page objects."""

from playwright.sync_api import Page, expect

USER = "ada@shop.example"
PASSWORD = "analytical-engine"


class Cart:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", name="Your cart")
        self.total = page.get_by_label("Total", exact=True)
        self.pay = page.get_by_role("button", name="Pay")

    def add(self, name: str) -> None:
        self.page.goto("/")
        self.page.get_by_role("button", name=f"Add to cart: {name}").click()
        expect(self.heading).to_be_visible()


class Account:
    def __init__(self, page: Page) -> None:
        self.page = page

    def sign_in(self, password: str = PASSWORD) -> None:
        self.page.goto("/login")
        self.page.get_by_label("User name").fill(USER)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click(timeout=3000)
