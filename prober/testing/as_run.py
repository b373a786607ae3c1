"""How a run's browser is set, for journeys under test.

They stand in a file of journeys itself, over fixtures of the same names. What an option of
pytest-playwright or a conftest says about the same thing stays as it is said there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from prober.agent.browser import ACTION_MS, NAVIGATION_MS, BrowserSettings
from prober.agent.setting import pool_settings
from prober.errors import ProberError
from prober.testing.acting import DEFINITION
from prober.testing.place import REGION

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

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


@pytest.fixture(scope="session", name="browser_context_args")
def _browser_context_args(
    browser_context_args: dict[str, Any], request: pytest.FixtureRequest, browser: Browser
) -> dict[str, Any]:
    """The region's own locale, time zone, viewport and user agent."""
    settings = _settings(request)
    if _USER_AGENT not in request.config.stash:
        page = browser.new_page()
        said = f"{page.evaluate('navigator.userAgent')} {settings.user_agent_suffix}"
        request.config.stash[_USER_AGENT] = said
        page.context.close()
    own = {
        "base_url": settings.base_url,
        "locale": settings.locale,
        "timezone_id": settings.timezone,
        "viewport": settings.viewport,
        "user_agent": request.config.stash[_USER_AGENT],
        "accept_downloads": False,
    }
    return own | browser_context_args


@pytest.fixture(name="context")
def _context(context: BrowserContext) -> BrowserContext:
    """With a run's own patience."""
    context.set_default_timeout(ACTION_MS)
    context.set_default_navigation_timeout(NAVIGATION_MS)
    return context


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
)
