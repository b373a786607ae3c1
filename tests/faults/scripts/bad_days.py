"""What authors write on bad days: none of it says anything about the shop."""

import os
from contextlib import suppress

from playwright.sync_api import Page, expect

from prober import journey, secret, step, totp

EVERY, TIMEOUT = "5m", "6s"


def opened(page: Page) -> None:
    """The part of each that works."""
    with step("open shop"):
        page.goto("/")
        expect(page.get_by_role("heading", name="Products")).to_be_visible()


@journey(every=EVERY, timeout=TIMEOUT)
def unknown_name(page: Page) -> None:
    opened(page)
    with step("look"):
        heading_of_the_day(page)  # type: ignore[name-defined]  # noqa: F821


@journey(every=EVERY, timeout=TIMEOUT)
def bad_selector(page: Page) -> None:
    opened(page)
    with step("look"):
        page.locator("css=[[").click()


@journey(every=EVERY, timeout=TIMEOUT)
def never_ends(page: Page) -> None:
    opened(page)
    with step("look"):
        while True:
            pass


@journey(every=EVERY, timeout=TIMEOUT)
def swallows(page: Page) -> None:
    opened(page)
    with step("look"):
        while True:
            with suppress(BaseException):
                page.get_by_text("never there").click()


@journey(every=EVERY, timeout=TIMEOUT)
def proves_nothing(page: Page) -> None:
    with step("open shop"):
        page.goto("/")


@journey(every=EVERY, timeout=TIMEOUT)
def ends_its_process(page: Page) -> None:
    opened(page)
    os._exit(1)


@journey(every=EVERY, timeout=TIMEOUT)
def unnamed_secret(page: Page) -> None:
    opened(page)
    with step("sign in"):
        page.get_by_label("User name").fill(secret("shop_user"))


@journey(every=EVERY, timeout=TIMEOUT, secrets=["shop_user"])
def no_seed(page: Page) -> None:
    opened(page)
    with step("sign in"):
        page.get_by_label("Code").fill(totp("shop_user"))
