"""`prober run --hints`: where a locator is weak, the better one that the page offers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from prober.cli.hints import show, told
from prober.cli.scaffold import contract
from tests.conftest import ROOT, Shop

JOURNEY = '''\
"""A visitor puts a print into the cart."""

from _shop import open_shop
from playwright.sync_api import Page, expect

from prober import journey, step


@journey(every="5m", timeout="60s")
def fill_cart(page: Page) -> None:
    with step("open shop"):
        open_shop(page)
        expect(page.get_by_role("heading", name="Products")).to_be_visible()
        page.locator("ul > li:nth-child(2) button").click()
    with step("see cart"):
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator("section.sheet")).to_be_visible()
'''
SHOP = """\
from playwright.sync_api import Page


def open_shop(page: Page) -> None:
    page.goto("/")
    page.get_by_role("listitem").nth(1).hover()
"""


@pytest.mark.long
@pytest.mark.browser
def test_weak_locators_are_told_with_their_lines_after_the_verdict(
    shop: Shop, tmp_path: Path
) -> None:
    (tmp_path / "journeys").mkdir()
    (tmp_path / "journeys" / "fill_cart.py").write_text(JOURNEY)
    (tmp_path / "journeys" / "_shop.py").write_text(SHOP)
    (tmp_path / "journeys" / "fill_cart.slo.yaml").write_text(contract("fill_cart"))
    (tmp_path / "regions").mkdir()
    (tmp_path / "regions" / "here.yaml").write_text(
        f"region: here\nbase_url: {shop.url}\nsaturation: off\n"
        f"sandbox: {'off' if os.geteuid() == 0 else 'on'}\n"
    )

    def prober(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "prober", "run", "fill_cart", *arguments], cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    verdict, _, hints = prober("--hints").partition("\nweak locators, and what the page offers")
    assert "passed in" in verdict
    lines = [line.strip() for line in hints.splitlines()[1:]]
    places = [line.split(": ")[0] for line in lines[::2]]
    assert places == [
        "journeys/_shop.py:6",
        *("journeys/fill_cart.py:14", "journeys/fill_cart.py:16", "journeys/fill_cart.py:17"),
    ]
    assert lines[3].startswith('get_by_role("button", name="Add to cart: ')
    assert lines[5] == 'get_by_role("heading", name="Your cart")'
    assert "weak locators" not in prober()
    assert json.loads(prober("--json"))["summary"]["locators"] is None
    told = json.loads(prober("--hints", "--json"))["summary"]["locators"]
    assert (told[0]["file"], told[0]["line"]) == ("journeys/_shop.py", 6)


def test_where_a_page_offers_nothing_better_that_is_said() -> None:
    hints = [{"file": "a.py", "line": 3, "selector": "div", "better": None}]
    console = Console(file=StringIO(), width=200)
    show(hints, console)
    show([], console)
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines()[1:] == [
        "weak locators, and what the page offers instead:",
        "  a.py:3: div",
        "    nothing better: give it a role and a name, a label or a test id",
        "",
        "no weak locator was used",
    ]


def test_a_hint_holds_no_secret_and_its_file_is_near() -> None:
    near = str(Path.cwd() / "journeys" / "a.py")
    hints = [
        {
            "file": "/else/b.py",
            "line": 2,
            "selector": "p",
            "better": 'get_by_text("hunter22")',
        },
        {"file": near, "line": 9, "selector": "#hunter22", "better": None},
    ]
    assert told(hints, lambda text: text.replace("hunter22", "***")) == [
        {"file": "/else/b.py", "line": 2, "selector": "p", "better": 'get_by_text("***")'},
        {"file": "journeys/a.py", "line": 9, "selector": "#***", "better": None},
    ]
