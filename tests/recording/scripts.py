"""Scripts in the form in which codegen writes them; tests/agent/test_codegen.py asks."""

from __future__ import annotations

from collections.abc import Mapping

from prober.recording.conversion import Recorded, convert
from prober.recording.script import read

SITE = "https://shop.example"
_LIBRARY = """\
import re
from playwright.sync_api import Playwright, sync_playwright, expect


def run(playwright: Playwright) -> None:
    browser = playwright.chromium.launch(headless=False)
    context = browser.new_context({context})
    page = context.new_page()
{body}

    # ---------------------
    context.close()
    browser.close()


with sync_playwright() as playwright:
    run(playwright)
"""
_PYTEST = """\
{fixture}import re
from playwright.sync_api import Page, expect
{args}

def test_example(page: Page) -> None:
{body}
"""
_ASYNC = """\
import asyncio
import re
from playwright.async_api import Playwright, async_playwright, expect


async def run(playwright: Playwright) -> None:
    browser = await playwright.chromium.launch(headless=False)
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto("https://shop.example/")

    # ---------------------
    await context.close()
    await browser.close()


async def main() -> None:
    async with async_playwright() as playwright:
        await run(playwright)


asyncio.run(main())
"""
#: A customer signs in and looks at the cart, as recorded at the demo shop.
SIGN_IN = (
    'page.goto("https://shop.example/")',
    'page.get_by_role("link", name="Sign in").click()',
    'page.get_by_role("textbox", name="User name").click()',
    'page.get_by_role("textbox", name="User name").fill("ada@shop.example")',
    'page.get_by_role("textbox", name="User name").press("Tab")',
    'page.get_by_role("textbox", name="Password").fill("analytical-engine")',
    'page.get_by_role("button", name="Sign in").click()',
    'expect(page.get_by_text("Hello, Ada")).to_be_visible()',
    'page.get_by_role("link", name="Cart").click()',
    'expect(page.get_by_role("heading")).to_contain_text("Your cart")',
    "page.close()",
)


def _body(lines: tuple[str, ...]) -> str:
    return "\n".join(f"    {line}" if line else "" for line in lines)


def library(*lines: str, context: str = "") -> str:
    """What `--target python` writes."""
    return _LIBRARY.format(context=context, body=_body(lines))


def pytest_style(*lines: str, args: str = "") -> str:
    """What `--target python-pytest` writes."""
    fixture = "import pytest\n" if args else ""
    made = (
        '\n@pytest.fixture(scope="session")\n'
        "def browser_context_args(browser_context_args, playwright):\n"
        f"    return {{{args}}}\n"
    )
    return _PYTEST.format(fixture=fixture, args=made if args else "", body=_body(lines))


def asynchronous() -> str:
    """What `--target python-async` writes."""
    return _ASYNC


def converted(
    text: str,
    name: str = "buy",
    known: Mapping[str, str | None] | None = None,
    looks: Mapping[str, str] | None = None,
) -> Recorded:
    """The journey that is made of a script that was recorded at SITE."""
    script = read(text, "script.py")
    looks = dict(script.looks) if looks is None else looks
    return convert(script, name, origins={SITE}, known=known or {}, looks=looks)


def lines_of(*lines: str, known: Mapping[str, str | None] | None = None) -> list[str]:
    """What becomes of statements, with the steps they are in, and without blank lines."""
    text = converted(library(*lines), known=known).text
    body = text.partition("-> None:\n")[2].splitlines()
    return [line.removeprefix("    ") for line in body if line.strip()]
