"""A suite of pytest-playwright tests runs unchanged under pytest and, a line each, as journeys."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Shop
from tests.testing.conftest import Pytest

pytestmark = [pytest.mark.browser, pytest.mark.long]

#: What is added to the files of the suite, for each of their tests; those stay as they are.
LINES = {
    "test_catalogue.py": """
from prober import journey
journey(every="5m", step="open shop")(test_has_title)
journey(every="5m", step="see products")(test_shows_products)
journey(every="5m", step="search")(test_search)
journey(every="5m", step="open cart")(test_cart_is_one_click_away)
@journey(every="5m", step="see prices")
def prices(page: Page) -> None:
    for name, price in test_price.pytestmark[0].args[1]: test_price(page, name, price)
""",
    "test_cart.py": """
from prober import journey
journey(every="5m", step="open cart")(test_empty_cart)
journey(every="5m", step="buy")(test_buy)
@journey(every="5m", step="add to cart")
def add(page: Page) -> None: TestCart().test_add(Cart(page))
@journey(every="5m", step="add to cart")
def total_of_two(page: Page) -> None: TestCart().test_total_of_two(Cart(page))
""",
    "test_account.py": """
from prober import journey, step
journey(every="5m", step="sign in", name="session")(test_a_session_is_kept_between_tabs)
@journey(every="5m", step="sign in")
def sign_in(page: Page) -> None: test_sign_in(page, Account(page))
@journey(every="5m")
def wrong_password(page: Page) -> None:
    with step("be refused", status=401): test_wrong_password(page, Account(page))
""",
}
JOURNEYS = {
    *("has_title", "shows_products", "search", "cart_is_one_click_away"),
    *("empty_cart", "buy", "session", "sign_in"),
    *("prices", "add", "total_of_two", "wrong_password"),
}
CONTRACT = """apiVersion: prober/v1
kind: SLO
metadata: {name: buy}
spec:
  journey: buy
  owners: {product: pm-shop, sre: sre-shop}
  rationale: A shop sells
  objectives: [{name: availability, sli: success, target: "99.5%"}]
  windows: [{name: rolling, duration: 30d}]
  policy: seed-5
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """The suite as its authors wrote it."""
    return Path(shutil.copytree(Path(__file__).parent / "suite", tmp_path / "suite"))


@pytest.fixture
def journeys(suite: Path, region: Path) -> Path:
    """The same with its lines, a contract and a region."""
    for name, lines in LINES.items():
        file = suite / name
        file.write_text(file.read_text() + lines)
    (suite / "buy.slo.yaml").write_text(CONTRACT)
    return suite


def outcomes(result: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Of each test that `-v` shows, without where it stands."""
    lines = re.findall(r"^\S+?\.py::(.+) (PASSED|FAILED|ERROR) ", result.stdout, re.MULTILINE)
    return dict(lines)


def run(name: str, journeys: Path, environ: dict[str, str]) -> str:
    """What a run of a journey comes to."""
    command = [sys.executable, "-m", "prober", "run", name, "--json", "--journeys", str(journeys)]
    result = subprocess.run(
        command, cwd=journeys.parent, env=environ, capture_output=True, text=True, timeout=150
    )
    assert result.stdout, result.stderr
    found = json.loads(result.stdout)["runs"][0]
    return f"{found['outcome']} {found['cause']}" if found["cause"] else found["outcome"]


def test_the_suite_is_green_on_a_healthy_shop_and_red_on_a_broken_one(
    suite: Path, shop: Shop, run_pytest: Pytest
) -> None:
    command = ("-v", "-p", "no:prober", "--base-url", shop.url, "suite")
    healthy = outcomes(run_pytest(*command))
    assert len(healthy) == 14 and set(healthy.values()) == {"PASSED"}
    shop.fault("missing_button", "login")
    broken = outcomes(run_pytest(*command, "-k", "sign_in or buy"))
    assert broken == {"test_buy[chromium]": "FAILED", "test_sign_in[chromium]": "FAILED"}


def test_a_line_makes_a_journey_of_a_test_and_leaves_it_a_test(
    journeys: Path, shop: Shop, run_pytest: Pytest
) -> None:
    found = outcomes(run_pytest("-v", "suite"))  # base_url is the region's
    assert len(found) == 19 and set(found.values()) == {"PASSED"}
    shop.fault("wrong_total")
    result = run_pytest("suite", "-k", "test_buy")
    assert "as a run: failed (assertion) in step 'buy'" in result.stdout
    assert result.returncode == 1


def test_the_journeys_of_the_suite_pass_as_runs_and_fail_as_runs(
    journeys: Path, shop: Shop, environ: dict[str, str]
) -> None:
    assert {name: run(name, journeys, environ) for name in sorted(JOURNEYS)} == dict.fromkeys(
        sorted(JOURNEYS), "passed"
    )
    shop.fault("wrong_total")
    assert run("buy", journeys, environ) == "failed assertion"
    shop.fault("missing_button", "login")
    assert run("sign_in", journeys, environ).startswith("failed")
