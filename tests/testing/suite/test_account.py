from pages import Account
from playwright.sync_api import BrowserContext, Page, expect


def test_sign_in(page: Page, account: Account):
    account.sign_in()
    expect(page.get_by_text("Hello, Ada")).to_be_visible(timeout=2000)


def test_wrong_password(page: Page, account: Account):
    account.sign_in("something-else")
    expect(page.get_by_role("alert")).to_be_visible()


def test_a_session_is_kept_between_tabs(context: BrowserContext):
    first, second = context.new_page(), context.new_page()
    Account(first).sign_in()
    expect(first.get_by_text("Hello, ")).to_be_visible()
    second.goto("/")
    expect(second.get_by_text("Hello, ")).to_be_visible()
