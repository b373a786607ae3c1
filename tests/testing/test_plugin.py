"""`pytest journeys/`: what becomes a test, what it is given, and what a failure says."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from tests.conftest import ROOT, Shop
from tests.testing.conftest import Pytest

HEAD = """
from prober import assertion, cleanup, journey, secret, step
"""
#: Asks for an account, as the example does.
ACCOUNT = """
@journey(every="1m", timeout="10s", secrets=["shop_user", "shop_password"])
def account(http):
    with step("get token"):
        login = {"user": secret("shop_user"), "password": secret("shop_password")}
        token = http.post("/api/token", json=login).json()["token"]
        cleanup(lambda: print("token given back:", http.delete("/api/token").status_code))
    with step("read account"):
        reply = http.get("/api/account", headers={"Authorization": f"Bearer {token}"})
        assert reply.json()["currency"] == "EUR"
"""


def write(directory: Path, name: str, text: str) -> None:
    file = directory / "journeys" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(HEAD + textwrap.dedent(text))


@pytest.mark.browser
@pytest.mark.parametrize(
    "more",
    [
        pytest.param((), marks=pytest.mark.long),
        pytest.param(("-p", "no:playwright"), marks=pytest.mark.long),
        pytest.param(("-n", "2"), marks=pytest.mark.long),
    ],
    ids=str,
)
def test_the_example_journeys_pass_and_fail_as_tests(
    region: Path, shop: Shop, run_pytest: Pytest, tmp_path: Path, more: tuple[str, ...]
) -> None:
    (tmp_path / "journeys").symlink_to(ROOT / "journeys")
    shop.fault("wrong_total")
    result = run_pytest("journeys", *more)
    assert "1 failed, 2 passed" in result.stdout, result.stdout + result.stderr
    assert "as a run: failed (assertion) in step 'confirmation'" in result.stdout
    assert "✓ pay" in result.stdout
    assert "✗ confirmation" in result.stdout


@pytest.mark.browser
def test_a_page_is_that_of_a_run_and_its_status_counts(
    region: Path, run_pytest: Pytest, tmp_path: Path
) -> None:
    region.write_text(region.read_text() + "locale: de-DE\nuser_agent_suffix: Rehearsal/1\n")
    write(tmp_path, "look.py", """
        @journey()
        def look(page, base_url):
            with step("look"):
                page.goto("/")
                said = page.evaluate("[navigator.language, navigator.userAgent, location.origin]")
                assert said[0] == "de-DE" and said[1].endswith(" Rehearsal/1")
                assert said[2] == base_url

        @journey()
        def gone(page):
            with step("gone"):
                page.goto("/nowhere")
                assert page.title() is not None
        """)  # fmt: skip
    result = run_pytest("journeys")
    assert "1 failed, 1 passed" in result.stdout, result.stdout
    assert "as a run: failed (http_status) in step 'gone'" in result.stdout
    assert "/nowhere answered 404" in result.stdout


@pytest.mark.browser
@pytest.mark.parametrize(
    "more", [(), pytest.param(("-p", "no:playwright"), marks=pytest.mark.long)], ids=str
)
def test_a_browser_passes_itself_off_as_what_its_journey_says(
    region: Path, run_pytest: Pytest, tmp_path: Path, more: tuple[str, ...]
) -> None:
    write(tmp_path, "looks.py", """
        import time
        LOOKS = "[navigator.maxTouchPoints > 0, navigator.language, screen.width]"

        @journey(device="Pixel 7", locale="de-DE",
                 network={"latency": "600ms", "down": "9 Mbit/s", "up": "9 Mbit/s"})
        def far(page):
            with step("look"):
                began = time.monotonic()
                page.goto("/")
                assert time.monotonic() - began > 0.6
                assert page.evaluate(LOOKS) == [True, "de-DE", 412]

        @journey()
        def near(page):
            with step("look"):
                page.goto("/")
                assert page.evaluate(LOOKS) == [False, "en-US", 1280]
        """)  # fmt: skip
    result = run_pytest("journeys", *more)
    assert "2 passed" in result.stdout, result.stdout


def test_a_failure_explains_its_assert_and_cleanup_runs_after_it(
    region: Path, shop: Shop, run_pytest: Pytest, tmp_path: Path
) -> None:
    write(tmp_path, "account.py", ACCOUNT.replace('"EUR"', '"USD"'))
    result = run_pytest("journeys/account.py")
    assert "AssertionError: assert 'EUR' == 'USD'" in result.stdout
    assert "as a run: failed (assertion) in step 'read account'" in result.stdout
    assert "token given back: 204" in result.stdout


TELLS = """
@journey(every="1m", timeout="10s", secrets=["shop_user", "shop_password"])
def tells(http):
    password = secret("shop_password")
    print("it is", password)
    same = "header." + "same" * 20
    with step("ask"):
        reply = http.post("/api/token", json={"user": secret("shop_user"), "password": password})
        cleanup(lambda: [].index(password))
        if reply.json()["token"]:
            assert same + password == same + "nothing"
"""


@pytest.mark.parametrize(
    "more",
    [("--tb=long", "-vv"), ("--tb=short",), ("--tb=native",), ("--tb=line", "-n", "1")],
    ids=str,
)
def test_no_secret_is_in_what_pytest_shows_of_a_failure(
    region: Path, run_pytest: Pytest, tmp_path: Path, more: tuple[str, ...]
) -> None:
    write(tmp_path, "tells.py", TELLS)
    result = run_pytest("journeys", "-l", "-rA", "--junit-xml=told.xml", *more)
    told = result.stdout + result.stderr + (tmp_path / "told.xml").read_text()
    assert "as a run: failed (assertion) in step 'ask'" in told
    assert "it is [shop_password]" in told
    assert "CleanupFailed: cleanup of tells" in told
    for part in ("analytical", "engine", "ada@"):
        assert part not in told.lower()


TAKES_BACK = """
from prober import account as lease, run_name

def give_back(reference, http, base_url):
    me = lease("shopper")
    reply = http.post("/api/token", json={"user": me.user, "password": me.password})
    print("given back:", reference, reply.status_code, base_url)

@journey(every="1m", timeout="10s", accounts=["shopper"])
def signs_in(page):
    with step("open"):
        cleanup(give_back, run_name())
        assert lease("shopper").user == "ada@shop.example"
        page.goto("/")
"""


@pytest.mark.browser
def test_accounts_are_leased_and_what_is_made_is_taken_back_at_the_end_of_the_test(
    region: Path, shop: Shop, run_pytest: Pytest, tmp_path: Path
) -> None:
    pool = "{user: ada@shop.example, password: analytical-engine}"
    region.write_text(f"{region.read_text()}accounts: {{shopper: [{pool}]}}\n")
    write(tmp_path, "signs_in.py", TAKES_BACK)
    result = run_pytest("journeys", "-rA", TMPDIR=str(tmp_path))
    assert "1 passed" in result.stdout, result.stdout
    assert re.search(rf"given back: prober-signs-in-here-\d+-manual 200 {shop.url}", result.stdout)
    assert list(tmp_path.glob("prober-accounts-*/*"))


def test_what_could_not_be_taken_back_is_a_warning(
    region: Path, run_pytest: Pytest, tmp_path: Path
) -> None:
    text = ACCOUNT.replace("@journey", "def fail(reference): assert not reference\n\n@journey")
    begin = '    with step("get token")'
    text = text.replace(begin, f'    cleanup(fail, "R-1")\n{begin}')
    write(tmp_path, "account.py", text)
    result = run_pytest("journeys/account.py")
    assert "1 passed" in result.stdout, result.stdout
    assert "CleanupFailed: cleanup of account: fail('R-1'): " in result.stdout


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('with step("go"): http.get("/api/account", headers={})', "failed (http_status)"),
        ('assert http.get("/metrics").text', "it has no step"),
        ('with step("go"): http.get("/metrics")', "it asserted nothing"),
        ('with step("go"): assert True', "it asked nothing of the target"),
        ('with step("go"): assert http.get("/metrics"); {}["x"]', "inconclusive (script)"),
        ('with step("go"): assert http.get("/metrics"); secret("other")', "inconclusive (secrets)"),
    ],
)
def test_what_would_not_pass_as_a_run_does_not_pass_as_a_test(
    region: Path, run_pytest: Pytest, tmp_path: Path, body: str, said: str
) -> None:
    write(tmp_path, "one.py", f"@journey()\ndef one(http):\n    {body}\n")
    result = run_pytest("journeys")
    assert "1 failed" in result.stdout
    assert said in result.stdout


def test_a_limit_of_time_holds(region: Path, run_pytest: Pytest, tmp_path: Path) -> None:
    write(tmp_path, "account.py", ACCOUNT.replace('"10s"', '"10s", max_duration="1ms"'))
    result = run_pytest("journeys")
    assert "as a run: failed (too_slow)" in result.stdout
    assert "allowed are 1 ms" in result.stdout


def test_nobody_is_hurried_who_stops_a_journey_to_look_at_it(
    region: Path, run_pytest: Pytest, tmp_path: Path
) -> None:
    stop = '    breakpoint()\n    with step("read account"):'
    limits = '"1s", max_duration="1s"'
    text = ACCOUNT.replace('    with step("read account"):', stop).replace('"10s"', limits)
    write(tmp_path, "account.py", text)
    result = run_pytest("journeys", typed="import time; time.sleep(1.5)\nc\n")
    assert "(Pdb)" in result.stdout
    assert "1 passed" in result.stdout, result.stdout


def test_a_debugger_opens_where_a_journey_fails(
    region: Path, run_pytest: Pytest, tmp_path: Path
) -> None:
    write(tmp_path, "account.py", ACCOUNT.replace('"EUR"', '"USD"'))
    result = run_pytest("journeys", "--pdb", typed="p 'held', reply.json()['name']\nc\n")
    assert "('held', 'Ada')" in result.stdout, result.stdout


@pytest.mark.long
@pytest.mark.browser
def test_the_options_of_pytest_playwright_are_there_for_journeys(
    region: Path, run_pytest: Pytest, tmp_path: Path
) -> None:
    (tmp_path / "journeys").symlink_to(ROOT / "journeys")
    options = ("--tracing", "on", "--screenshot", "on", "--slowmo", "50")
    result = run_pytest("journeys/login.py", *options)
    assert "1 passed" in result.stdout, result.stdout
    kept = {path.name for path in (tmp_path / "test-results").rglob("*.*")}
    assert kept == {"trace.zip", "test-finished-1.png"}


@pytest.mark.long
def test_journeys_are_told_from_helpers_tests_and_each_other(
    region: Path, run_pytest: Pytest, tmp_path: Path
) -> None:
    write(tmp_path, "_helper.py", "raise SystemExit('not loaded by itself')")
    write(tmp_path, "account.py", ACCOUNT + "\ndef test_not_here(): ...\n")
    write(tmp_path, "test_account.py", ACCOUNT.replace("def account", "def other")
          + "\ndef test_plain(): ...\njourney(step='all', name='third')(test_plain)\n")  # fmt: skip
    (tmp_path / "elsewhere.py").write_text("raise SystemExit('no journey')")
    (tmp_path / "test_own.py").write_text("from account import account\ndef test_own(): ...\n")
    result = run_pytest("--collect-only", "-q")
    names = [line for line in result.stdout.splitlines() if "::" in line]
    assert sorted(names) == [
        "journeys/account.py::account",
        "journeys/test_account.py::other",
        "journeys/test_account.py::test_plain",
        "test_own.py::test_own",
    ], result.stdout + result.stderr
    result = run_pytest("--collect-only", "-q", "-m", "journey", "journeys/account.py")
    assert "1 test collected" in result.stdout


def test_a_test_that_a_journey_file_takes_up_runs_once(
    region: Path, run_pytest: Pytest, tmp_path: Path
) -> None:
    (tmp_path / "test_shop.py").write_text("def test_buy(http): ...\n")
    write(tmp_path, "buy.py", "import sys; sys.path.insert(0, '.')\n"
          "from test_shop import test_buy\njourney(step='buy')(test_buy)\n")  # fmt: skip
    assert "journeys/buy.py::buy" in run_pytest("--collect-only", "-q", "journeys").stdout
    both = run_pytest("--collect-only", "-q").stdout
    assert "test_shop.py::test_buy" in both
    assert "1/2 tests collected (1 deselected)" in both


@pytest.mark.long
def test_which_region_is_meant_has_to_be_clear(
    region: Path, run_pytest: Pytest, tmp_path: Path
) -> None:
    write(tmp_path, "account.py", ACCOUNT)
    there = region.with_name("there.yaml")
    there.write_text(region.read_text().replace("region: here", "region: there"))
    result = run_pytest("journeys")
    assert "there are several regions, here, there: name one: --prober-region" in result.stdout
    assert "1 passed" in run_pytest("journeys", "--prober-region", "regions/there.yaml").stdout
    assert "1 passed" in run_pytest("journeys", "-o", "prober_region=regions/there.yaml").stdout
    there.write_text("region: there\nbase_url: http://127.0.0.1:1\n")
    result = run_pytest("journeys", "--prober-region", "regions/there.yaml")
    assert "secrets.shop_user: journey account asks for it and it is not given" in result.stdout


def test_a_run_of_pytest_without_journeys_loads_nothing_heavy(
    run_pytest: Pytest, tmp_path: Path
) -> None:
    (tmp_path / "test_own.py").write_text(
        "import sys\n"
        "def test_own():\n"
        "    ours = {name for name in sys.modules if name.startswith('prober')}\n"
        "    assert 'prober.testing.plugin' in ours\n"
        "    assert not [n for n in ours if n.startswith(('prober.agent', 'prober.config'))]\n"
        "    assert not {'pydantic', 'httpx', 'playwright'} & set(sys.modules)\n"
    )
    result = run_pytest("-p", "no:playwright", "-p", "no:schemathesis", "-p", "no:anyio")
    assert "1 passed" in result.stdout, result.stdout


@pytest.mark.long
def test_what_a_run_cannot_give_is_told_with_its_line(tmp_path: Path, run_pytest: Pytest) -> None:
    write(tmp_path, "buy.py", """
        import pytest
        def test_buy(page, cart): ...
        journey()(test_buy)
        """)  # fmt: skip
    result = run_pytest("journeys")
    assert "buy.py:6: parameter cart cannot be given, ask for base_url" in result.stdout
    assert "def buy(page): test_buy(cart=…)" in result.stdout
    write(tmp_path, "buy.py", """
        import pytest
        @pytest.fixture(autouse=True)
        def opened(page): page.goto("/")
        def test_buy(page): ...
        journey()(test_buy)
        """)  # fmt: skip
    assert (
        "it relies on fixture opened of pytest, which a run has not"
        in run_pytest("journeys").stdout
    )
    write(tmp_path, "buy.py", """
        import pytest
        @pytest.mark.usefixtures("signed_in")
        def test_buy(page): ...
        journey()(test_buy)
        """)  # fmt: skip
    assert "relies on mark usefixtures signed_in of pytest" in run_pytest("journeys").stdout
