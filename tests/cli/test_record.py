"""`prober record` from outside: scripts of codegen's, and real events in a real recorder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.conftest import ROOT, Shop, unused_port, wait_until
from tests.recording.scripts import SIGN_IN, SITE, asynchronous, library

Prober = Callable[..., subprocess.CompletedProcess[str]]
USER, PASSWORD = "ada@shop.example", "analytical-engine"
SECRETS = f"secrets:\n  shop_user: {USER}\n  shop_password: {PASSWORD}\n"


@pytest.fixture
def environ() -> dict[str, str]:
    """Of an author who sits at no display."""
    found = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
    return found | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PROBER_SANDBOX": "off"}


@pytest.fixture
def prober(tmp_path: Path, environ: dict[str, str]) -> Prober:
    """`prober(*arguments)` in the test's own directory."""

    def run(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "prober", *arguments], cwd=tmp_path, input=typed,
            env=environ, capture_output=True, text=True, timeout=150,
        )  # fmt: skip

    return run


def region(directory: Path, site: str, more: str = "") -> Path:
    file = directory / "regions" / "here.yaml"
    file.parent.mkdir()
    sandbox = "off" if os.geteuid() == 0 else "on"
    file.write_text(f"region: here\nbase_url: {site}\nsandbox: {sandbox}\nsaturation: off\n{more}")
    return file


def script(directory: Path, *lines: str, name: str = "test_buy.py") -> str:
    (directory / name).write_text(library(*lines))
    return name


def test_a_script_becomes_a_journey_its_contract_and_the_first_region(
    prober: Prober, tmp_path: Path
) -> None:
    said = prober("record", "--from", script(tmp_path, *SIGN_IN))
    assert said.returncode == 0, said.stderr
    assert said.stdout == (
        "wrote journeys/buy.py\n"
        "wrote journeys/buy.slo.yaml\n"
        "wrote regions/here.yaml\n"
        "\n"
        "steps: open site, click Sign in, sign in, click Cart\n"
        "regions/here.yaml lacks what the journey reads, below `secrets:`\n"
        "  buy_password: ${BUY_PASSWORD}\n"
        "  buy_user: ${BUY_USER}\n"
        "\n"
        "To go on:\n"
        "  prober run buy     # what a scheduled run would say\n"
        "  prober check       # whether all files fit together, and what is weak in the journey\n"
        "  prober mutate buy  # what it would not notice\n"
    )
    assert f"base_url: {SITE}\n" in (tmp_path / "regions" / "here.yaml").read_text()
    written = [path.read_text() for path in tmp_path.rglob("*.*") if path.name != "test_buy.py"]
    assert PASSWORD not in said.stdout + said.stderr + "".join(written)


def test_what_was_made_loads_and_fits_together(prober: Prober, tmp_path: Path) -> None:
    region(tmp_path, SITE, SECRETS)
    said = prober("record", "--from", script(tmp_path, *SIGN_IN), "--json")
    found = json.loads(said.stdout)
    assert found == {
        "name": "buy",
        "wrote": ["journeys/buy.py", "journeys/buy.slo.yaml"],
        "steps": ["open site", "click Sign in", "sign in", "click Cart"],
        "secrets": ["shop_user", "shop_password"],
        "lacks": [],
        "asserts": True,
        "notes": [],
        "next": ["prober run buy", "prober check", "prober mutate buy"],
    }
    checked = prober("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_recording_that_asserts_nothing_is_told_so_twice(prober: Prober, tmp_path: Path) -> None:
    region(tmp_path, SITE, SECRETS)
    lines = [line for line in SIGN_IN if not line.startswith("expect")]
    said = prober("record", "--from", script(tmp_path, *lines))
    assert "It asserts nothing yet, and such a run never passes [no-assertion]" in said.stdout
    checked = prober("check")
    assert checked.returncode == 2
    assert "no-assertion: buy asserts nothing, and such a run never passes" in checked.stderr


def test_standard_input_is_a_script_too(prober: Prober, tmp_path: Path) -> None:
    region(tmp_path, SITE)
    said = prober("record", "--from", "-", typed=library(f'page.goto("{SITE}/")'))
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "journeys" / "recorded.py").is_file()


def test_a_script_of_another_host_is_doubted_until_it_is_said_to_be_the_site(
    prober: Prober, tmp_path: Path
) -> None:
    region(tmp_path, "https://staging.example")
    file = script(tmp_path, f'page.goto("{SITE}/cart")')
    said = prober("record", "--from", file, "--name", "one")
    assert (
        f"the recording begins at {SITE} and regions/here.yaml has the site at "
        "https://staging.example: if they are the same, say so: "
        f"prober record {SITE} --from FILE\n"
    ) in said.stdout
    assert f'page.goto("{SITE}/cart")' in (tmp_path / "journeys" / "one.py").read_text()
    again = prober("record", SITE, "--from", file, "--name", "two")
    assert "the recording begins" not in again.stdout
    assert 'page.goto("/cart")' in (tmp_path / "journeys" / "two.py").read_text()


def test_a_script_whose_address_holds_a_password_is_refused_before_anything_is_written(
    prober: Prober, tmp_path: Path
) -> None:
    region(tmp_path, SITE)
    address = SITE.replace("://", f"://ada:{PASSWORD}@")
    said = prober("record", "--from", script(tmp_path, f'page.goto("{address}/cart")'))
    assert said.returncode == 2, said.stdout
    assert said.stderr == (
        "prober: test_buy.py: where it begins: the address holds a user name, "
        "give it by secrets or headers\n"
    )
    assert not (tmp_path / "journeys").exists()


@pytest.mark.parametrize(
    ("path", "name"),
    [("/products/42", "products"), ("/42/", "recorded"), ("/our-shop/?page=2", "our_shop")],
)
def test_a_journey_is_named_after_what_can_be_a_name(
    prober: Prober, tmp_path: Path, path: str, name: str
) -> None:
    region(tmp_path, SITE)
    (tmp_path / "journeys").mkdir()
    (tmp_path / "journeys" / f"{name}.py").touch()
    said = prober("record", f"{SITE}{path}")
    assert f"journeys/{name}.py: is there already" in said.stderr


def test_files_of_secrets_are_read_and_commands_are_not_run(prober: Prober, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    region(
        tmp_path, SITE,
        "secrets:\n  shop_password: {file: password}\n  shop_user: {command: [touch, ran]}\n",
    )  # fmt: skip
    found = json.loads(prober("record", "--from", script(tmp_path, *SIGN_IN), "--json").stdout)
    assert found["secrets"] == ["shop_password", "shop_user"]
    assert found["lacks"] == []
    assert not (tmp_path / "ran").exists()


def test_what_the_browser_is_to_pass_itself_off_as_is_the_journeys(
    prober: Prober, tmp_path: Path
) -> None:
    region(tmp_path, SITE)
    said = prober(
        *("record", "--from", script(tmp_path, "page.reload()"), "--device", "Pixel 7"),
        *("--lang", "de-DE", "--timezone", "Europe/Berlin", "--viewport", "390x844"),
    )
    assert said.returncode == 0, said.stderr
    text = (tmp_path / "journeys" / "buy.py").read_text()
    options = ('device="Pixel 7"', 'viewport="390x844"', 'locale="de-DE"')
    assert all(option in text for option in (*options, 'timezone="Europe/Berlin"'))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["/"], "there is no display here to show a browser on, record on a machine with one"),
        ([], "say where to begin, as https://shop.example or /cart, or --from FILE"),
        (["https://other.example/"], "https://other.example/ is not at https://shop.example"),
        (["shop.example"], "'shop.example' is not a web address"),
        (["--from", "none.py"], "none.py: cannot be read: No such file or directory"),
        (
            ["--from", "test_later.py"],
            "test_later.py:3: the recording is async, and",
        ),
        (["/", "--name", "step"], "'step' is a word of journeys or of Python"),
        (["/", "--name", "mine"], "journeys/mine.py: is there already, move it or use another"),
        (["/json"], "'json' is a module that others import"),
        (["/json"], "use another name, such as json_works: give one by --name"),
        (["--from", "test_42.py"], "use a-z, 0-9 and _ between them: give one by --name"),
        (["/", "--name", "42"], "'42' is not a journey's name, use a-z, 0-9 and _ between them\n"),
        (["https://[shop"], "'https://[shop' is not a web address"),
        (["/", "--device", "Pixel"], "--device: Playwright knows no device 'Pixel'"),
        (["/", "--viewport", "9"], "viewport '9' is none, write width x height"),
        (["/", "--timezone", "Mars"], "timezone 'Mars' is not known"),
        (["/", "--region", "regions/none.yaml"], "regions/none.yaml: cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_with_the_mend(
    prober: Prober, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    region(tmp_path, SITE)
    (tmp_path / "test_later.py").write_text(asynchronous())
    (tmp_path / "journeys").mkdir()
    (tmp_path / "journeys" / "mine.py").write_text("mine")
    said = prober("record", *arguments)
    assert said.returncode == 2, said.stdout
    assert complaint in said.stderr
    assert said.stderr.count("\n") == 1
    assert [path.name for path in (tmp_path / "journeys").iterdir()] == ["mine.py"]


def test_the_first_region_needs_an_address(prober: Prober, tmp_path: Path) -> None:
    said = prober("record", "/cart")
    assert said.returncode == 2
    assert "regions: there is no region yet, say where the site is: prober record" in said.stderr
    assert list(tmp_path.iterdir()) == []


# With a browser


@pytest.fixture
def port() -> int:
    """Where the browser that is recorded can be asked to move its mouse."""
    return unused_port()


@pytest.fixture
def recorder(
    tmp_path: Path, environ: dict[str, str], browser_path: str, port: int
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`recorder(*arguments)`: a `prober record` whose browser is driven from outside.

    It is shown nowhere, because no machine that tests has a display; its events are real.
    """
    wrapper = tmp_path / "browser.sh"
    wrapper.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *--app=*) exec {browser_path} --headless=new "$@" ;; esac\n'
        f'exec {browser_path} --headless=new --remote-debugging-port={port} "$@"\n'
    )
    wrapper.chmod(0o755)
    memory = tmp_path / "memory"
    memory.mkdir()
    displayed = {"PROBER_BROWSER": str(wrapper), "DISPLAY": ":none", "XDG_RUNTIME_DIR": str(memory)}
    started: list[subprocess.Popen[str]] = []

    def record(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "prober", "record", *arguments], cwd=tmp_path,
            env=environ | displayed,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield record
    for process in started:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
        process.communicate()


def sign_in(page: Page) -> None:
    """Move the mouse and type as a customer does, and assert by codegen's own means."""
    page.get_by_role("link", name="Sign in").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("User name").click()
    page.keyboard.type(USER)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    greeting = page.get_by_text("Hello, ")
    expect(greeting).to_be_visible()
    page.evaluate("__pw_recorderSetMode('assertingVisibility')")
    box = greeting.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.click(box["x"] + 5, box["y"] + 5)


@pytest.mark.browser
def test_a_sign_in_that_was_recorded_runs_as_a_journey(
    recorder: Callable[..., subprocess.Popen[str]],
    prober: Prober,
    shop: Shop,
    port: int,
    tmp_path: Path,
) -> None:
    region(tmp_path, shop.url, SECRETS)
    process = recorder("/", "--name", "sign_in")
    address = f"http://127.0.0.1:{port}"

    def shown() -> bool:
        assert process.poll() is None, process.communicate()
        try:
            pages = httpx.get(f"{address}/json/list", trust_env=False).json()
        except httpx.TransportError:
            return False
        return any(page["url"].startswith(shop.url) for page in pages)

    wait_until(shown)
    (kept,) = (tmp_path / "memory").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.connect_over_cdp(address)
        pages = [page for context in browser.contexts for page in context.pages]
        page = next(page for page in pages if page.url.startswith(shop.url))
        sign_in(page)
        page.wait_for_timeout(500)  # codegen has no word for having noted something
        page.close()
        said, complained = process.communicate(timeout=60)
    assert process.returncode == 0, complained
    assert list((tmp_path / "memory").iterdir()) == []
    text = (tmp_path / "journeys" / "sign_in.py").read_text()
    assert "steps: open site, click Sign in, sign in\n" in said
    assert '.fill(secret("shop_user"))' in text
    assert '.fill(secret("shop_password"))' in text
    assert 'expect(page.get_by_text("Hello, ' in text
    everything = "".join(path.read_text() for path in (tmp_path / "journeys").iterdir())
    assert PASSWORD not in everything + said + complained
    ran = prober("run", "sign_in")
    assert ran.returncode == 0, ran.stdout + ran.stderr + text
    checked = prober("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.browser
def test_a_site_that_does_not_open_is_told_and_nothing_is_written(
    recorder: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    site = f"http://127.0.0.1:{unused_port()}"
    region(tmp_path, site)
    process = recorder("/cart")
    _, complained = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"prober: {site}/cart does not open: " in complained
    assert list((tmp_path / "memory").iterdir()) == []
    assert not (tmp_path / "journeys").exists()
