"""What a browser tells of a run: heard as it is, and never in the journey's way."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Error, TimeoutError

from prober.agent.hearing import hear
from prober.agent.recorder import KEPT_LINES, Recorder
from prober.agent.trouble import trouble_of
from prober.agent.verdict import Finding, Stage, Trouble, judge
from prober.model import Cause, Outcome
from tests.faults.bench import Bench, Site, failed, page

HOST = "shop.example"
#: Addresses that are none, as pages with a mistake in them have them.
ODD = [
    "https://[object Object]/api",
    "http://localhost:undefined/api",
    '"https://api.shop.example:8443"',
    "https://api.shop.example:8443,",
]


class Context:
    """A browser context that tells what a test wants it to."""

    def __init__(self) -> None:
        self.listeners: dict[str, Callable[[Any], object]] = {}
        self.pages = [SimpleNamespace(on=self.on)]
        self._impl_obj = SimpleNamespace(on=self.on)

    def on(self, event: str, listener: Callable[[Any], object]) -> None:
        self.listeners[event] = listener


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(lambda told: None, {}, [HOST])


@pytest.fixture
def context(recorder: Recorder) -> Context:
    made = Context()
    given: Any = made
    hear(given, recorder, lambda: None)
    return made


def request(url: str, failure: str, *, page: bool, response: object = None) -> SimpleNamespace:
    """A request that failed."""
    return SimpleNamespace(
        url=url,
        failure=failure,
        existing_response=response,
        is_navigation_request=lambda: page,
        frame=SimpleNamespace(parent_frame=None),
    )


def uncaught(message: str, *places: str) -> SimpleNamespace:
    """An error that a page's code let go, with the places that it came by."""
    stack = "\n".join([message, *(f"    at load ({place})" for place in places)])
    return SimpleNamespace(error=SimpleNamespace(stack=stack))


# Nothing that is heard is raised


@pytest.mark.parametrize(
    "event", ["response", "requestfailed", "page", "crash", "console", "weberror"]
)
def test_no_listener_raises_what_it_cannot_make_out(recorder: Recorder, event: str) -> None:
    def breaks() -> None:
        raise RuntimeError

    context: Any = Context()
    hear(context, recorder, breaks)
    for _ in range(2 * KEPT_LINES):
        context.listeners[event](object())
    assert len(recorder.console) == KEPT_LINES, "it is told, and fills no memory"


@pytest.mark.parametrize("url", ODD)
def test_an_error_that_names_an_odd_address_is_of_the_code_it_came_from(
    context: Context, recorder: Recorder, url: str
) -> None:
    said = f"TypeError: no answer from {url}"
    context.listeners["weberror"](uncaught(said, f"https://{HOST}/app.js:3:9"))
    context.listeners["weberror"](uncaught(said, "https://cdn.example/ads.js:1:1"))
    context.listeners["weberror"](uncaught(said))
    assert recorder.page_errors == {"first_party": 2, "third_party": 1}


THROWS = page(
    "<h1>Shop</h1><script>"
    + "".join(
        f"setTimeout(() => {{ throw new TypeError('no answer from {url}') }});" for url in ODD
    )
    + "setTimeout(() => { throw 'no answer from https://[object Object]/api' });"
    + "setTimeout(() => { document.title = 'Done' }, 50)</script>"
)
VISITS = """
    def visits(page: Page):
        with step("open"):
            page.goto("/throws")
            expect(page).to_have_title("Done")
            expect(page.get_by_role("heading", name="{name}")).to_be_visible(timeout=500)
"""


@pytest.mark.browser
def test_a_page_that_throws_such_errors_passes_or_fails_by_what_it_shows(
    bench: Bench, site: Site
) -> None:
    site.pages["/throws"] = THROWS
    passed, lacking = (bench.run(VISITS.format(name=name)) for name in ("Shop", "Absent"))
    assert passed.outcome is Outcome.PASSED, passed
    assert failed(lacking) == Cause.ASSERTION, lacking
    assert passed.page_errors == lacking.page_errors == {"first_party": len(ODD) + 1}


# What gave way here, by the browser's own names

NETWORK = ["NETWORK_CHANGED", "NETWORK_ACCESS_DENIED", "NETWORK_IO_SUSPENDED"]
NETWORK += ["PROXY_CONNECTION_FAILED"]
RESOURCES = ["OUT_OF_MEMORY", "FILE_NO_SPACE", "NO_BUFFER_SPACE"]
#: What a target may bring about, in whatever way.
TARGETS = ["CONNECTION_REFUSED", "CONNECTION_RESET", "NAME_NOT_RESOLVED", "INTERNET_DISCONNECTED"]
TARGETS += ["ADDRESS_UNREACHABLE", "EMPTY_RESPONSE", "TUNNEL_CONNECTION_FAILED", "ABORTED"]
TARGETS += ["CERT_DATE_INVALID", "RESPONSE_HEADERS_TOO_BIG", "HOST_RESOLVER_QUEUE_TOO_LARGE"]


def verdict(recorder: Recorder, error: BaseException) -> Cause | None:
    """What a run comes to that ends by an error."""
    trouble = trouble_of(error, recorder, met=False)
    return judge(Finding(stage=Stage.JOURNEY, trouble=trouble, asked_target=True, steps=1)).cause


@pytest.mark.parametrize(
    ("code", "cause"),
    [(code, Cause.EGRESS) for code in NETWORK]
    + [(code, Cause.BROWSER) for code in [*RESOURCES, "INSUFFICIENT_RESOURCES"]]
    + [(code, Cause.NETWORK) for code in TARGETS if code != "ABORTED"],
)
def test_a_page_that_did_not_come_is_blamed_by_the_browsers_own_code(
    context: Context, recorder: Recorder, code: str, cause: Cause
) -> None:
    failure = f"net::ERR_{code}"
    context.listeners["requestfailed"](request(f"https://{HOST}/", failure, page=True))
    assert verdict(recorder, Error(f"Page.goto: {failure} at https://{HOST}/")) == cause


@pytest.mark.parametrize("error", [AssertionError("no total"), TimeoutError("no button")])
def test_what_a_page_lacks_is_ours_where_a_request_for_it_failed_by_us(
    context: Context, recorder: Recorder, error: Exception
) -> None:
    lost = request(f"https://{HOST}/api/total", "net::ERR_NETWORK_CHANGED", page=False)
    context.listeners["requestfailed"](lost)
    assert verdict(recorder, error) == Cause.EGRESS
    assert recorder.console == [f"https://{HOST}/api/total: net::ERR_NETWORK_CHANGED"]


@pytest.mark.parametrize(
    ("failure", "cause"),
    [("net::ERR_NETWORK_CHANGED", Cause.EGRESS), ("net::ERR_ABORTED", Cause.ASSERTION)],
)
def test_a_reply_may_be_cut_short_by_us_too(
    context: Context, recorder: Recorder, failure: str, cause: Cause
) -> None:
    cut = request(f"https://{HOST}/app.js", failure, page=False, response=object())
    context.listeners["requestfailed"](cut)
    assert verdict(recorder, AssertionError("no total")) == cause
    assert not recorder.responses, "it was answered, and counted when it was"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        *((f"https://{HOST}/api/total", code) for code in TARGETS),
        pytest.param(f"https://{HOST}/api", "INSUFFICIENT_RESOURCES", id="a flood of requests"),
        *(("https://cdn.example/ads.js", code) for code in NETWORK + RESOURCES),
    ],
)
def test_what_a_page_lacks_is_the_targets_where_no_such_request_failed(
    context: Context, recorder: Recorder, url: str, code: str
) -> None:
    context.listeners["requestfailed"](request(url, f"net::ERR_{code}", page=False))
    assert verdict(recorder, AssertionError("no total")) == Cause.ASSERTION
    assert recorder.ours is None


def test_a_status_of_the_targets_stands_whatever_gave_way_here(
    context: Context, recorder: Recorder
) -> None:
    lost = request(f"https://{HOST}/logo.png", "net::ERR_NETWORK_CHANGED", page=False)
    context.listeners["requestfailed"](lost)
    recorder.replied(f"https://{HOST}/", 500, decisive=True)
    assert trouble_of(AssertionError(), recorder, met=False) is Trouble.HTTP_STATUS


def test_an_error_of_the_script_stays_one_whatever_gave_way_here(
    context: Context, recorder: Recorder
) -> None:
    lost = request(f"https://{HOST}/", "net::ERR_NETWORK_CHANGED", page=True)
    context.listeners["requestfailed"](lost)
    assert verdict(recorder, KeyError("token")) == Cause.SCRIPT


@pytest.mark.browser
def test_a_page_that_floods_its_target_with_requests_is_the_targets_fault(
    bench: Bench, site: Site
) -> None:
    flood = "for (let i = 0; i < 4000; i++) fetch('/json?' + i).catch(() => 0)"
    site.pages["/floods"] = page(f"<h1>Shop</h1><script>{flood}</script>")
    run = bench.run("""
        def floods(page: Page):
            with step("open"):
                page.goto("/floods")
                expect(page.get_by_text("Done")).to_be_visible(timeout=300)
    """)
    assert failed(run) == Cause.ASSERTION, run
    assert any("ERR_INSUFFICIENT_RESOURCES" in line for line in run.evidence["requests"])
