"""What the shop's own suite needs: this machine's browser, a size of window, page objects."""

import os

import pytest
from pages import Account, Cart


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": os.environ["PROBER_BROWSER"]}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    return {**browser_context_args, "viewport": {"width": 1400, "height": 900}, "locale": "en-GB"}


@pytest.fixture
def cart(page):
    return Cart(page)


@pytest.fixture
def account(page):
    return Account(page)
