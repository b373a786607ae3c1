"""Conversion: the journey that is written, as a whole; it loads, and says what it lacks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from prober.discovery import load
from prober.lint.lint import lint_files
from tests.recording.scripts import (
    SIGN_IN,
    SITE,
    converted,
    library,
    lines_of,
    pytest_style,
)

SIGNED_IN = '''\
"""Recorded: open site, click Sign in, sign in, click Cart."""

from playwright.sync_api import Page, expect

from prober import journey, secret, step


@journey(every="5m", timeout="60s", secrets=["buy_password", "buy_user"])
def buy(page: Page) -> None:
    with step("open site"):
        page.goto("/")

    with step("click Sign in"):
        page.get_by_role("link", name="Sign in").click()

    with step("sign in"):
        page.get_by_role("textbox", name="User name").click()
        page.get_by_role("textbox", name="User name").fill(secret("buy_user"))
        page.get_by_role("textbox", name="User name").press("Tab")
        page.get_by_role("textbox", name="Password").fill(secret("buy_password"))
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("Hello, Ada")).to_be_visible()

    with step("click Cart"):
        page.get_by_role("link", name="Cart").click()
        expect(page.get_by_role("heading")).to_contain_text("Your cart")
'''
POPUP = (
    "with page.expect_popup() as page1_info:\n"
    '        page.get_by_role("link", name="Terms").click()',
    "page1 = page1_info.value",
    'expect(page1.get_by_role("heading")).to_contain_text("Terms")',
    "page1.close()",
)
DOWNLOAD = (
    "with page.expect_download() as download_info:\n"
    '        page.get_by_role("link", name="Invoice").click()',
    "download = download_info.value",
)
DIALOG = (
    'page.once("dialog", lambda dialog: dialog.dismiss())',
    'page.get_by_role("button", name="Remove").click()',
)
FILE = ('page.get_by_role("button", name="Photo").set_input_files("photo.png")',)
FRAME = ('page.locator("iframe[name=\\"pay\\"]").content_frame.get_by_label("Card").fill("4242")',)
SNAPSHOT = (
    'expect(page.get_by_role("main")).to_match_aria_snapshot("- heading \\"Cart\\" [level=1]\\n'
    '- text: /\\\\d+ prints/")',
)
OTHERS = (
    'expect(page.get_by_label("Terms")).not_to_be_checked()',
    'expect(page.get_by_label("Name")).to_be_empty()',
    'expect(page.get_by_label("City")).to_have_value("Rome")',
    'page.get_by_label("Size").select_option(["s", "m"])',
    'page.get_by_text("Dawn").click(button="right", modifiers=["Shift"], position={"x":1,"y":2})',
    'page.get_by_role("row").filter(has_text=re.compile(r"^Dawn$")).first.click()',
)


@pytest.mark.parametrize("form", [library, pytest_style])
def test_a_recording_becomes_the_journey_that_an_author_would_write(
    form: Callable[..., str],
) -> None:
    assert converted(form(*SIGN_IN)).text == SIGNED_IN


def test_it_says_what_came_of_it() -> None:
    found = converted(library(*SIGN_IN))
    assert found.steps == ("open site", "click Sign in", "sign in", "click Cart")
    assert (found.asserts, found.notes) == (True, ())


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(POPUP, id="a popup"),
        pytest.param(DOWNLOAD, id="a download"),
        pytest.param(DIALOG, id="a dialog"),
        pytest.param(FILE, id="a file"),
        pytest.param(FRAME, id="a frame"),
        pytest.param(SNAPSHOT, id="an aria snapshot"),
        pytest.param(OTHERS, id="other actions and assertions"),
    ],
)
def test_whatever_codegen_writes_survives(lines: tuple[str, ...], tmp_path: Path) -> None:
    found = converted(library(f'page.goto("{SITE}/")', *lines, "page.close()"))
    said = [line.strip() for line in found.text.splitlines()]
    for line in "\n".join(lines).splitlines():
        assert line.strip() in said
    file = tmp_path / "buy.py"
    file.write_text(found.text)
    (declared,) = load(file)
    assert declared[0].name == "buy"


def test_a_second_page_is_opened_where_a_run_has_its_context() -> None:
    said = lines_of("page.reload()", "page1 = context.new_page()", f'page1.goto("{SITE}/b")')
    assert said[3].strip() == "page1 = page.context.new_page()"
    assert said[4].strip() == 'page1.goto("/b")'


def test_only_what_is_used_is_imported() -> None:
    text = library('page.get_by_text(re.compile(r"^Dawn")).click()').replace(
        "import re\n", "import re\nimport json\nfrom datetime import date, datetime\n"
    )
    head = converted(text).text.split("\n@journey")[0].splitlines()
    assert head[2:] == [
        *("import re", "", "from playwright.sync_api import Page", ""),
        *("from prober import journey, step", ""),
    ]
    dated = text.replace('"^Dawn"', "str(date.today())")
    assert "from datetime import date\nimport re\n\nfrom play" in converted(dated).text


def test_what_the_browser_passed_itself_off_as_is_the_journeys() -> None:
    looks = {
        "device": "Pixel 7",
        "viewport": "390x844",
        "locale": "de-DE",
        "timezone": "Europe/Rome",
    }
    text = converted(library("page.reload()"), looks=looks).text
    assert (
        '@journey(\n    every="5m",\n    timeout="60s",\n    device="Pixel 7",\n'
        '    viewport="390x844",\n    locale="de-DE",\n    timezone="Europe/Rome",\n)\n'
    ) in text
    one = converted(library("page.reload()"), looks={"locale": "de-DE"}).text
    assert '@journey(every="5m", timeout="60s", locale="de-DE")\n' in one


def test_what_no_run_has_is_told_without_its_value() -> None:
    given = 'storage_state="auth.json", http_credentials={"username":"a","password":"hunter22"}'
    found = converted(library("page.reload()", context=given))
    assert found.notes == (
        "the recording began with cookies of its own (storage_state), and a run begins with none: "
        "record the sign-in, too",
        "http_credentials of the recording's browser is not taken over: a run has its region's",
    )
    assert "hunter22" not in found.text


def findings(text: str, directory: Path) -> dict[str, str]:
    file = directory / "buy.py"
    file.write_text(text)
    load(file)
    return {finding.rule: finding.severity for finding in lint_files([file], directory)}


def test_the_linter_has_nothing_to_say_of_a_good_recording(tmp_path: Path) -> None:
    assert findings(converted(library(*SIGN_IN)).text, tmp_path) == {}


def test_a_recording_that_asserts_nothing_loads_and_is_told_so(tmp_path: Path) -> None:
    lines = [line for line in SIGN_IN if not line.startswith("expect")]
    found = converted(library(*lines))
    assert not found.asserts
    assert findings(found.text, tmp_path) == {"no-assertion": "error"}
    assert found.text.splitlines()[-2:] == [
        "        # Nothing is asserted yet, and such a run never passes. Expect what the user came",
        '        # for: expect(page.get_by_role("heading", name="…")).to_be_visible()',
    ]


def test_what_is_weak_the_linter_says_too(tmp_path: Path) -> None:
    weak = 'page.locator("div:nth-child(3) > a").click()'
    found = converted(library('page.goto("https://pay.example/")', weak, *SIGN_IN))
    assert findings(found.text, tmp_path) == {"css-path": "warning", "host-literal": "error"}


@pytest.mark.parametrize("lines", [SIGN_IN, SIGN_IN[:6], (*POPUP, *DOWNLOAD, *DIALOG)], ids=str)
def test_it_is_laid_out_as_ruff_does(lines: tuple[str, ...]) -> None:
    text = converted(library(*lines)).text
    done = subprocess.run(
        [Path(sys.executable).parent / "ruff", "format", "--isolated", "-"],
        input=text, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == text


def test_what_codegen_wrote_of_everything_becomes_a_journey(tmp_path: Path) -> None:
    # Written by Playwright 1.65.2 while the page was used as a person would.
    script = Path(__file__).with_name("everything.codegen").read_text()
    found = converted(script)
    assert found.steps == (
        *("open site", "click Terms", "click OK", "click Invoice", "click Remove", "click +"),
        "enter Kennwort",
    )
    assert found.secrets == ("buy_card_number", "buy_totp", "buy_password")
    for typed in ("4242424242424242", "123456", "hunter22"):
        assert typed in script
        assert typed not in found.text
    assert found.notes == (
        "files that were attached are named without their directory: put them where runs find "
        "them, or name them from the journey's own",
    )
    body = script.partition("page = context.new_page()\n")[2].partition("    page.close()")[0]
    said = [line.strip() for line in found.text.splitlines()]
    for line in map(str.strip, body.splitlines()):
        assert line in said or ".fill(" in line or ".goto(" in line
    assert findings(found.text, tmp_path) == {}  # of places that are counted it says nothing


def test_a_long_recording_is_told_in_one_line() -> None:
    clicks = [f'page.get_by_text("Item {number}").click()' for number in range(20)]
    first = converted(library(*clicks)).text.splitlines()[0]
    assert first.startswith('"""Recorded: click Item 0, click Item 1, ')
    assert first.endswith(' …"""')
    assert len(first) <= 88
