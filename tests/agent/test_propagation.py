"""Which requests of `http` are told whose they are, and that the others are left as they are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from prober.model import Outcome, Run
from tests.faults.bench import Bench, Site

NAMES = {"traceparent", "tracestate"}


class Other(BaseHTTPRequestHandler):
    """A site of somebody else: answers, and sends who asks for `/back` to where it says."""

    #: The headers of each request.
    asked: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        found = {name.lower(): value for name, value in self.headers.items()}
        Other.asked.append(found)
        self.send_response(302 if "?" in self.path else 200)
        self.send_header("Location", self.path.partition("?")[2])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def other() -> Iterator[str]:
    """Where the other site is: another origin than 127.0.0.1."""
    Other.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def bench_that_tells(make_bench: Callable[..., Bench], site: Site) -> Bench:
    site.asked.clear()
    return make_bench(f"traceparent_to: ['{site.url}']")


def of_site(site: Site, path: str) -> dict[str, str]:
    (found,) = [asked.headers for asked in site.asked if asked.path == path]
    return found


def is_told(headers: dict[str, str], run: Run) -> bool:
    """Whether a request names its run; False: not at all."""
    found = {name: headers[name] for name in NAMES & headers.keys()}
    assert found in ({}, run.id.trace_context)
    return bool(found)


def test_the_headers_are_those_of_the_specification_and_lead_to_the_run(bench: Bench) -> None:
    run = bench.run("def quick(http: httpx.Client):\n    ...")
    version, trace, parent, flags = run.id.trace_context["traceparent"].split("-")
    assert (version, flags) == ("00", "01")
    assert (trace, parent) == (run.id.trace_id.hex(), run.id.span_id().hex())
    assert run.id.trace_context["tracestate"] == f"prober={run.id.key}"


@pytest.mark.browser
def test_pages_ask_as_they_do_without(bench_that_tells: Bench, site: Site) -> None:
    run = bench_that_tells.run("""
        def asks(page: Page):
            with step("open"):
                page.goto("/")
                expect(page).to_have_title("Welcome")
    """)
    assert run.outcome is Outcome.PASSED, run.message
    assert not is_told(of_site(site, "/"), run)


def test_http_tells_the_site_that_is_listed_and_nobody_else(
    bench_that_tells: Bench, site: Site, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    redirecting(site, other, monkeypatch)
    run = bench_that_tells.run("""
        def leaves(http: httpx.Client):
            with step("open"):
                assert http.get("/leave", follow_redirects=True).text
                http.get("/json", headers={"traceparent": "mine"})
    """)
    assert run.outcome is Outcome.PASSED, run.message
    assert is_told(of_site(site, "/leave"), run)
    assert [is_told(headers, run) for headers in Other.asked] == [False]
    assert is_told(of_site(site, "/"), run)
    assert of_site(site, "/json")["traceparent"] == "mine"


def redirecting(site: Site, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the site send those who ask for `/leave` to the other, which sends them back."""
    plain = site.answer

    def answer(to: BaseHTTPRequestHandler) -> None:
        if to.path != "/leave":
            plain(to)
            return
        to.send_response(302)
        to.send_header("Location", f"{other}/back?{site.url}/")
        to.send_header("Content-Length", "0")
        to.end_headers()

    monkeypatch.setattr(site, "answer", answer)
