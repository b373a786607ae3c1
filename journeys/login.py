"""A customer signs in, is known by name, and signs out."""

from playwright.sync_api import Page, expect

from prober import journey, secret, step


# prober: allow[shared-account] the shop keeps a session for each browser, and none ends another
@journey(every="5m", timeout="60s", secrets=["shop_user", "shop_password"])
def login(page: Page) -> None:
    sign_in = page.get_by_role("button", name="Sign in")
    sign_out = page.get_by_role("button", name="Sign out")

    with step("open shop"):
        page.goto("/")
        page.get_by_role("link", name="Sign in").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    with step("sign in"):
        page.get_by_label("User name").fill(secret("shop_user"))
        page.get_by_label("Password").fill(secret("shop_password"))
        expect(sign_in).to_be_visible()  # a missing button is a failed check, not a long wait
        sign_in.click()
        expect(page.get_by_text("Hello, ")).to_be_visible()

    with step("sign out"):
        sign_out.click()
        expect(page.get_by_role("link", name="Sign in")).to_be_visible()
        expect(page.get_by_role("heading", name="Products")).to_be_visible()
        expect(sign_out).to_be_hidden()
