"""What the target and its pages see of a run, and what they cannot reach."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from operator import itemgetter
from pathlib import Path
from typing import ClassVar

import psutil
import pytest
from playwright._impl.timeout_settings import TimeoutSettings
from playwright.sync_api import expect, sync_playwright

from prober.agent import browser
from prober.agent.browser import BrowserSettings, Driver
from prober.agent.installed import find
from prober.agent.recorder import Recorder
from prober.model import Cause, Outcome
from tests.conftest import lives, wait_until
from tests.faults.bench import Bench, Site, failed, page

pytestmark = pytest.mark.browser


class Door(ThreadingHTTPServer):
    """A service of this machine that pages have no business with."""

    daemon_threads = True

    #: Of each request: its method, its path and the names of its headers.
    asked: ClassVar[list[tuple[str, str, frozenset[str]]]] = []


class _Knock(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        names = frozenset(name.lower() for name in self.headers)
        Door.asked.append((self.command, self.path, names))
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_OPTIONS = do_GET  # noqa: N815  # the base class wants these names

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def door() -> Iterator[int]:
    Door.asked.clear()
    server = Door(("0.0.0.0", 0), _Knock)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def a_driver(temporary: Path | None = None) -> Iterator[Driver]:
    with pytest.MonkeyPatch.context() as patch:
        if temporary:
            patch.setenv("TMPDIR", str(temporary))
        for name in ("_timeout", "_navigation_timeout"):  # a driver changes them for good
            patch.setattr(TimeoutSettings, name, getattr(TimeoutSettings, name))
        driver = Driver(
            BrowserSettings(
                executables={"headless-shell": find("headless-shell")},
                headed=False,
                sandbox=False,
                base_url="http://127.0.0.1:1",
                locale="en-US",
                timezone="UTC",
                viewport={"width": 800, "height": 600},
                user_agent_suffix="Prober (synthetic)",
                allow_hosts=(),
            )
        )
        try:
            yield driver
        finally:
            driver.stop()


@pytest.mark.parametrize("host", ["127.0.0.2", "127.1.2.3", "localhost", "a.localhost", "0.0.0.0"])
def test_a_page_reaches_nothing_on_this_machine(
    bench: Bench, site: Site, door: int, host: str
) -> None:
    script = f"fetch('http://{host}:{door}/').catch(() => 0).finally(() => document.title = 'Done')"
    site.pages["/nosy"] = page(f"<h1>Nosy</h1><script>{script}</script>")
    run = bench.run("""
        def nosy(page: Page):
            with step("open"):
                page.goto("/nosy")
                expect(page).to_have_title("Done")
    """)
    assert run.outcome is Outcome.PASSED
    assert run.third_party == {"none": 1}
    assert Door.asked == []


def test_a_page_reaches_what_the_region_lists(make_bench: object, site: Site, door: int) -> None:
    assert callable(make_bench)
    bench: Bench = make_bench("allow_hosts: [localhost]")
    script = f"fetch('http://localhost:{door}/').finally(() => document.title = 'Done')"
    site.pages["/asks"] = page(f"<script>{script}</script>")
    run = bench.run("""
        def asks(page: Page):
            with step("open"):
                page.goto("/asks")
                expect(page).to_have_title("Done")
                assert False
    """)
    assert run.third_party == {"2xx": 1}, run.evidence
    assert len(Door.asked) == 1


def test_third_parties_are_asked_what_they_would_be_asked_without_us(
    make_bench: Callable[..., Bench], site: Site, door: int, browser_path: str
) -> None:
    there = f"http://localhost:{door}"
    script = (
        f"Promise.all([fetch('{there}/get'), fetch('{there}/post', {{method: 'POST', body: 'x'}}),"
        f"fetch('{there}/key', {{headers: {{'x-key': '1'}}}}).catch(() => 0)])"
        ".finally(() => document.title = 'Done')"
    )
    picture, code = f"<img src='{there}/pixel'>", f"<script src='{there}/tag.js'></script>"
    site.pages["/asks"] = page(f"{picture}{code}<script>{script}</script>")
    run = make_bench("allow_hosts: [localhost]").run("""
        def asks(page: Page):
            with step("open"):
                page.goto("/asks")
                expect(page).to_have_title("Done")
    """)
    assert run.outcome is Outcome.PASSED
    ours, _ = sorted(Door.asked, key=itemgetter(0, 1)), Door.asked.clear()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, chromium_sandbox=False)
        visit = browser.new_page(locale="en-US")  # a language is told by whoever has set one
        visit.goto(f"{site.url}/asks")
        expect(visit).to_have_title("Done")
        browser.close()
    assert ours == sorted(Door.asked, key=itemgetter(0, 1))
    assert [method for method, *_ in ours].count("OPTIONS") == 1  # for its own header


def test_errors_of_a_page_are_counted_by_whose_code_they_are_of(
    make_bench: object, site: Site, free_port: Callable[[], int]
) -> None:
    assert callable(make_bench)
    bench: Bench = make_bench("allow_hosts: [localhost]")
    site.pages["/complains"] = page(
        "<script>console.warn('old'); console.error('ours')</script>"
        f"<img src='http://localhost:{free_port()}/none.png'>"
        "<script>onload = () => { document.title = 'Done'; throw Error('boom') }</script>"
    )
    run = bench.run("""
        def complains(page: Page):
            with step("open"), page.expect_event("pageerror"):
                page.goto("/complains")
                expect(page).to_have_title("Done")
    """)
    assert run.outcome is Outcome.PASSED
    assert run.page_errors == {"first_party": 2, "third_party": 1}


def test_traffic_is_marked_by_the_user_agent(bench: Bench, site: Site) -> None:
    site.asked.clear()
    bench.run("def visit(page: Page):\n    page.goto('/')")
    agents = {asked.headers["user-agent"] for asked in site.asked}
    assert len(agents) == 1
    assert "Chrome/" in next(iter(agents))
    assert next(iter(agents)).endswith("(synthetic)")
    assert not any("traceparent" in asked.headers for asked in site.asked)


def test_a_popup_is_seen_too(bench: Bench) -> None:
    run = bench.run("""
        def popup(page: Page):
            with step("open"):
                page.goto("/popup")
            with step("follow"):
                with page.expect_popup() as opened:
                    page.get_by_role("link").click()
                opened.value.wait_for_load_state()
    """)
    assert (failed(run), run.step) == (Cause.HTTP_STATUS, "follow")


def test_downloads_are_refused(bench: Bench, site: Site) -> None:
    site.pages["/file"] = page("<a href='data:application/x-tar,xyz' download=x.tar>Get</a>")
    run = bench.run("""
        def download(page: Page):
            with step("open"):
                page.goto("/file")
                with page.expect_download() as got:
                    page.get_by_role("link").click()
                assert got.value.failure()
    """)
    assert run.outcome is Outcome.PASSED, run.message


def test_a_page_of_one_run_leaves_nothing_to_the_next(bench: Bench) -> None:
    source = """
        def remembers(page: Page):
            with step("open"):
                page.goto("/cookie")
                expect(page.locator("#c")).to_have_text("fresh")
    """
    assert [bench.run(source).outcome for _ in range(2)] == [Outcome.PASSED] * 2


def test_what_playwright_turns_on_in_the_browser_stays_on() -> None:
    """A later `--enable-features` replaces an earlier one: ours must hold all of Playwright's."""
    others = browsers()
    with a_driver() as driver:
        driver.stage("headless-shell")
        started = {words[1:] for words in browsers() - others if "--type=" not in " ".join(words)}
        theirs, ours = (
            set(word.removeprefix("--enable-features=").split(","))
            for word in started.pop()
            if word.startswith("--enable-features=")
        )
        assert theirs < ours
        assert not any("network.mojom" in " ".join(words) for words in browsers() - others)


def test_a_browser_that_is_closed_leaves_no_process_and_no_profile(tmp_path: Path) -> None:
    with a_driver(tmp_path) as driver:
        driver.stage("headless-shell")
        context, _page = driver.take(Recorder(lambda _: None, {}, ()))
        assert list(tmp_path.iterdir())
        # Pools of other tests have browsers of their own, and start them when they like.
        first = [words for words in browsers() if f"--user-data-dir={tmp_path}" in "".join(words)]
        family = [psutil.Process(int(words[0])) for words in first]
        family += [child for each in family for child in each.children(recursive=True)]
        assert len(family) > len(first) > 0
        driver.strike(context, keep_browser=False)
        assert not list(tmp_path.glob("playwright*profile*"))
        wait_until(lambda: not any(map(lives, family)))


@pytest.mark.parametrize("keep", [True, False])
def test_a_page_of_our_own_is_closed_where_its_browser_is_kept_and_else_goes_with_that(
    keep: bool,
) -> None:
    with a_driver() as driver:
        for _ in range(2):
            driver.stage("headless-shell")
            context, _page = driver.take(Recorder(lambda _: None, {}, ()))
            assert driver.reference_us(context, keep_browser=keep) > 0
            assert driver._browser
            assert len(driver._browser.contexts) == (0 if keep else 1)
            driver.strike(context, keep_browser=keep)
            assert driver.connected is keep


def test_a_browser_in_which_a_page_of_our_own_never_ends_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browser, "_REFERENCE", "new Promise(() => 0)")
    monkeypatch.setattr(browser, "_REFERENCE_S", 1)
    with a_driver() as driver:
        driver.stage("headless-shell")
        context, _page = driver.take(Recorder(lambda _: None, {}, ()))
        assert driver.reference_us(context, keep_browser=True) == 0
        driver.strike(context, keep_browser=True)
        assert not driver.connected
        driver.stage("headless-shell")
        assert driver.connected


def browsers() -> set[tuple[str, ...]]:
    """Command lines of browser processes below this one."""
    found = set()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "chrom" in child.name():
                found.add((str(child.pid), *child.cmdline()))
    return {words for words in found if len(words) > 1}
