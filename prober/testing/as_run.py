"""How a run's browser is set, for journeys under test.

They stand in a file of journeys itself, over fixtures of the same names. What an option of
pytest-playwright or a conftest says about the same thing stays as it is said there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from prober.agent.browser import (
    ACTION_MS,
    NAVIGATION_MS,
    BrowserSettings,
    looks_of,
    slow_down,
)
from prober.agent.setting import pool_settings
from prober.emulation import PLAIN, Emulation
from prober.errors import ProberError
from prober.testing.acting import DEFINITION
from prober.testing.place import REGION

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

_SETTINGS = pytest.StashKey[BrowserSettings]()
_USER_AGENT = pytest.StashKey[str]()


@pytest.fixture(scope="session", name="browser_type_launch_args")
def _browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], request: pytest.FixtureRequest, browser_name: str
) -> dict[str, Any]:
    """The browser that a run would start, and how."""
    if browser_name != "chromium":
        return browser_type_launch_args
    settings = _settings(request)
    given = dict(browser_type_launch_args)
    own = {"chromium_sandbox": settings.sandbox, "args": settings.arguments()}
    if not given.get("channel"):
        own["executable_path"] = next(iter(settings.executables.values()))
    return own | given


@pytest.fixture(name="browser_context_args")
def _browser_context_args(
    browser_context_args: dict[str, Any],
    request: pytest.FixtureRequest,
    browser: Browser,
    playwright: Playwright,
) -> dict[str, Any]:
    """Locale, time zone, viewport and user agent of the region, or those of the journey."""
    settings = _settings(request)
    if _USER_AGENT not in request.config.stash:
        page = browser.new_page()
        said = f"{page.evaluate('navigator.userAgent')} {settings.user_agent_suffix}"
        request.config.stash[_USER_AGENT] = said
        page.context.close()
    own = {"user_agent": request.config.stash[_USER_AGENT], "accept_downloads": False}
    wanted = looks_of(settings, _emulation(request), playwright)
    return own | wanted | browser_context_args


@pytest.fixture(name="context")
def _context(context: BrowserContext, request: pytest.FixtureRequest) -> BrowserContext:
    """With a run's own patience, and the journey's own network."""
    context.set_default_timeout(ACTION_MS)
    context.set_default_navigation_timeout(NAVIGATION_MS)
    if network := _emulation(request).network:
        context.on("page", lambda page: slow_down(page, network))
    return context


@pytest.fixture(name="page")
def _page(page: Page, request: pytest.FixtureRequest) -> Page:
    """Slow from its first request on: the event of its opening may come later."""
    if network := _emulation(request).network:
        slow_down(page, network)
    return page


def _emulation(request: pytest.FixtureRequest) -> Emulation:
    part = request.node.stash.get(DEFINITION, None)
    return part.definition.emulation if part else PLAIN


def _settings(request: pytest.FixtureRequest) -> BrowserSettings:
    stash = request.config.stash
    if _SETTINGS not in stash:
        headed = bool(request.config.getoption("--headed", False))
        journeys = [
            item.stash[DEFINITION].definition
            for item in request.session.items
            if DEFINITION in item.stash
        ]
        try:
            found = pool_settings(stash[REGION], journeys, headed=headed).browser
        except ProberError as error:
            pytest.fail(str(error), pytrace=False)
        stash[_SETTINGS] = BrowserSettings(**found)
    return stash[_SETTINGS]


FIXTURES = (
    _browser_type_launch_args,
    _browser_context_args,
    _context,
    _page,
)
