"""What steps weigh, of real pages in a real browser, against what the servers really sent."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from playwright.sync_api import Error

from prober.agent.recorder import Recorder
from prober.agent.scale import Scale
from prober.agent.weight import MOST, Weight
from prober.model import Outcome, Phase, Run
from tests.faults.bench import Bench, Site, page

CSS = b"h1 { color: navy }" * 500
PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">%s</svg>'
FRESH = "Cache-Control: max-age=3600"
OPEN = """
    def opens(page: Page):
        with step("open"):
            page.goto({path!r})
            expect(page).to_have_title("Done")
"""


def answer(body: bytes, *lines: str, kind: str = "text/html", status: str = "200 OK") -> bytes:
    """An answer as it goes over the network, byte by byte."""
    length = f"Content-Length: {len(body)}"
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Type: {kind}", length, *lines])
    return f"{head}\r\n\r\n".encode() + body


def html(body: str) -> bytes:
    """The answer with a page whose title is set when it is there with all that it needs."""
    return answer(page(f"{body}<script>onload = () => document.title = 'Done'</script>").encode())


class Sender:
    """Has a site answer with these very bytes, and adds up what it sends."""

    def __init__(self, site: Site) -> None:
        self.answers: dict[str, bytes | Callable[[Any], object]] = {}
        self.sent: Counter[str] = Counter()
        self.url, self._site, self._plain = site.url, site, site.answer
        site.answer = self._answer  # type: ignore[method-assign]

    def _answer(self, to: Any) -> None:
        found = self.answers.get(to.path)
        if callable(found):
            found(to)
        else:
            self.send(to, answer(b"", status="404 Not Found") if found is None else found)

    def send(self, to: Any, raw: bytes) -> None:
        self.sent[to.path] += len(raw)
        to.wfile.write(raw)

    @property
    def total(self) -> int:
        return self.sent.total()

    def restore(self) -> None:
        self._site.answer = self._plain  # type: ignore[method-assign]


@pytest.fixture
def ours(site: Site) -> Iterator[Sender]:
    """What the target sends."""
    sender = Sender(site)
    yield sender
    sender.restore()


@pytest.fixture
def theirs() -> Iterator[Sender]:
    """What somebody else's server sends."""
    other = Site()
    yield Sender(other)
    other.close()


def weights(run: Run) -> list[dict[str, int]]:
    assert run.outcome is Outcome.PASSED, run.message
    return [dict(step.weight) for step in run.steps]


def both(ours: int, theirs: int = 0) -> dict[str, int]:
    return {"first_party": ours, "third_party": theirs}


def test_a_step_weighs_what_servers_sent_to_the_byte(
    bench: Bench, ours: Sender, theirs: Sender
) -> None:
    ours.answers = {
        "/shop": html(
            f"<link rel=stylesheet href=/css><img src=/picture><img src={theirs.url}/pixel>"
            f"<script src={theirs.url}/tag></script><iframe src=/frame></iframe>"
        ),
        "/css": answer(CSS, kind="text/css"),
        "/picture": answer(PICTURE % b"", kind="image/svg+xml"),
        "/frame": html("<img src=/inside>"),
        "/inside": answer(PICTURE % b"<g/>", "X-Odd:   spaces  ", kind="image/svg+xml"),
    }
    theirs.answers = {
        "/pixel": answer(PICTURE % b"<a/>", kind="image/svg+xml"),
        "/tag": answer(b"var tag = 1;" * 99, kind="text/javascript"),
    }
    (found,) = weights(bench.run(OPEN.format(path="/shop")))
    assert len(ours.sent) == 5
    assert len(theirs.sent) == 2
    assert found == both(ours.total, theirs.total)


def test_a_body_counts_as_it_was_packed(bench: Bench, ours: Sender) -> None:
    packed = gzip.compress(b"<h1>long</h1>" * 5_000)
    ours.answers = {
        "/gzip": html("<script>fetch('/packed').then(r => r.text())</script>"),
        "/packed": answer(packed, "Content-Encoding: gzip"),
    }
    (found,) = weights(bench.run(OPEN.format(path="/gzip")))
    assert found == both(ours.total)
    assert ours.total < 5_000


def test_a_chunked_body_counts_with_its_chunks(bench: Bench, ours: Sender) -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = "".join(f"3e8\r\n{'x' * 1000}\r\n" for _ in range(5)) + "0\r\n\r\n"
    ours.answers = {
        "/chunks": html("<script>fetch('/parts').then(r => r.text())</script>"),
        "/parts": f"{head}{chunks}".encode(),
    }
    (found,) = weights(bench.run(OPEN.format(path="/chunks")))
    assert ours.total - 40 <= found["first_party"] <= ours.total


def test_what_came_from_the_cache_came_over_no_network(bench: Bench, ours: Sender) -> None:
    ours.answers = {
        "/first": html("<link rel=stylesheet href=/css><img src=/picture>"),
        "/again": html("<link rel=stylesheet href=/css><img src=/picture><h1>Again</h1>"),
        "/css": answer(CSS, FRESH, kind="text/css"),
        "/picture": answer(PICTURE % b"", FRESH, kind="image/svg+xml"),
    }
    run = bench.run("""
        def comes_back(page: Page):
            with step("first"):
                page.goto("/first")
                expect(page).to_have_title("Done")
            with step("again"):
                page.goto("/again")
                expect(page).to_have_title("Done")
            with step("look"):
                expect(page.get_by_role("heading")).to_have_text("Again")
    """)
    again = ours.sent["/again"]
    assert ours.sent["/css"] == len(ours.answers["/css"])  # type: ignore[arg-type]
    assert weights(run) == [both(ours.total - again), both(again), both(0)]


def test_what_is_still_the_same_weighs_its_head(bench: Bench, ours: Sender) -> None:
    def css(to: Any) -> None:
        known = "If-None-Match" in to.headers
        same = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n'
        whole = answer(CSS, 'ETag: "1"', "Cache-Control: no-cache", kind="text/css")
        ours.send(to, same if known else whole)

    ours.answers = {"/one": html("<link rel=stylesheet href=/css>"), "/css": css}
    run = bench.run("""
        def comes_back(page: Page):
            for name in ("first", "again"):
                with step(name):
                    page.goto("/one")
                    expect(page).to_have_title("Done")
    """)
    first, again = weights(run)
    assert first["first_party"] + again["first_party"] == ours.total
    assert again["first_party"] < 1_000 < len(CSS) < first["first_party"]


def test_every_answer_on_the_way_to_a_page_counts(
    bench: Bench, ours: Sender, theirs: Sender
) -> None:
    def to(url: str) -> bytes:
        return answer(b"moved " * 20, f"Location: {url}", status="302 Found")

    ours.answers = {"/a": to(f"{theirs.url}/b"), "/c": html("<h1>There</h1>")}
    theirs.answers = {"/b": to(f"{ours.url}/c")}
    (found,) = weights(bench.run(OPEN.format(path="/a")))
    assert found == both(ours.total, theirs.total)


def test_a_redirect_that_lies_about_its_length_is_not_known(bench: Bench, ours: Sender) -> None:
    lie = b"HTTP/1.1 302 Found\r\nLocation: /c\r\nContent-Length: 99999999999999\r\n\r\n"

    def lying(to: Any) -> None:
        ours.send(to, lie)
        to.close_connection = True

    ours.answers = {"/a": lying, "/c": html("<h1>There</h1>")}
    (found,) = weights(bench.run(OPEN.format(path="/a")))
    assert found == {"third_party": 0}


def test_what_the_page_makes_itself_weighs_nothing(bench: Bench, ours: Sender) -> None:
    ours.answers = {
        "/own": html(
            "<img src='data:image/svg+xml,<svg xmlns=\"http://www.w3.org/2000/svg\"/>'><script>"
            "const blob = () => URL.createObjectURL(new Blob(['x'.repeat(9e6)]));"
            "fetch(blob()).then(r => r.text()); fetch(blob()).then(r => window.unread = r)</script>"
        )
    }
    (found,) = weights(bench.run(OPEN.format(path="/own")))
    assert found == both(ours.total)


def test_a_request_belongs_to_the_step_in_which_it_was_sent(bench: Bench, ours: Sender) -> None:
    late = threading.Event()

    def slow(to: Any) -> None:
        late.wait(10)
        ours.send(to, answer(b"x" * 5_000, kind="text/plain"))

    def let_go(to: Any) -> None:
        late.set()
        ours.send(to, answer(b"ok", kind="text/plain"))

    ours.answers = {
        "/two": answer(page(
            "<script>fetch('/slow').then(r => r.text()).then(() => document.title = 'Late')"
            "</script><button onclick=\"fetch('/go')\">Go</button>"
        ).encode()),
        "/slow": slow,
        "/go": let_go,
    }  # fmt: skip
    run = bench.run("""
        def waits(page: Page):
            with step("open"):
                page.goto("/two")
                expect(page.get_by_role("button")).to_be_visible()
            with step("go"):
                page.get_by_role("button").click()
                expect(page).to_have_title("Late")
    """)
    assert weights(run) == [both(ours.total - ours.sent["/go"]), both(ours.sent["/go"])]


def trickling(closing: threading.Event) -> Callable[[Any], None]:
    """An answer that comes for ever."""

    def trickle(to: Any) -> None:
        to.wfile.write(
            b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 9999999\r\n\r\n"
        )
        with suppress(OSError):
            while not closing.wait(0.02):
                to.wfile.write(b"x" * 100)

    return trickle


def test_a_party_that_is_still_sending_is_left_out_and_hardly_waited_for(
    bench: Bench, ours: Sender, theirs: Sender
) -> None:
    closing = threading.Event()
    ours.answers = {
        "/stream": html(f"<script>fetch('{theirs.url}/on').then(r => r.text())</script>")
    }
    theirs.answers = {"/on": trickling(closing)}
    run = bench.run("""
        def listens(page: Page):
            with step("open"):
                page.goto("/stream")
                expect(page).to_have_title("Done")
                time.sleep(0.2)
            with step("look"):
                assert True
    """)
    closing.set()
    assert weights(run) == [{"first_party": ours.total}, both(0)]
    assert run.phases[Phase.EVIDENCE] < 2_000_000


def test_what_was_broken_off_is_not_known(bench: Bench, ours: Sender) -> None:
    closing = threading.Event()
    ours.answers = {
        "/left": answer(page("<script>fetch('/on')</script><a href=/next>On</a>").encode()),
        "/on": trickling(closing),
        "/next": html("<h1>Next</h1>"),
    }
    run = bench.run("""
        def leaves(page: Page):
            with step("open"):
                page.goto("/left")
                page.wait_for_timeout(200)
            with step("leave"):
                page.get_by_role("link").click()
                expect(page).to_have_title("Done")
    """)
    closing.set()
    assert weights(run) == [{"third_party": 0}, both(ours.sent["/next"])]


def test_an_event_stream_is_not_weighed(bench: Bench, ours: Sender) -> None:
    closing = threading.Event()

    def events(to: Any) -> None:
        to.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        with suppress(OSError):
            while not closing.wait(0.02):
                to.wfile.write(b"data: x\n\n")

    ours.answers = {
        "/live": html("<script>new EventSource('/events').onmessage = () => 1</script>"),
        "/events": events,
    }
    run = bench.run("""
        def listens(page: Page):
            with step("open"):
                page.goto("/live")
                expect(page).to_have_title("Done")
                page.wait_for_timeout(200)
    """)
    closing.set()
    assert weights(run) == [both(ours.total)]


def test_a_request_without_an_answer_weighs_nothing(bench: Bench, ours: Sender, site: Site) -> None:
    ours.answers = {"/cutting": html("<script>fetch('/cut').catch(() => 1)</script>"),
                    "/cut": lambda to: to.connection.shutdown(2)}  # fmt: skip
    (found,) = weights(bench.run(OPEN.format(path="/cutting")))
    assert found == both(ours.total)


def test_a_note_to_others_on_leaving_counts(bench: Bench, ours: Sender, theirs: Sender) -> None:
    ours.answers = {
        "/noted": html(
            f"<script>navigator.sendBeacon('{theirs.url}/empty');"
            f"navigator.sendBeacon('{theirs.url}/full')</script>"
        )
    }
    theirs.answers = {
        "/empty": answer(b"", status="204 No Content"),
        "/full": answer(b"ok", kind="text/plain"),
    }
    run = bench.run("""
        def opens(page: Page):
            with step("open"):
                page.goto("/noted")
                expect(page).to_have_title("Done")
                page.wait_for_timeout(300)
    """)
    assert len(theirs.sent) == 2
    assert weights(run) == [both(ours.total, theirs.total)]


@pytest.mark.parametrize("closed", [False, True], ids=["stays", "is closed"])
def test_a_popup_counts_while_it_is_there(bench: Bench, ours: Sender, *, closed: bool) -> None:
    ours.answers = {
        "/opener": html("<a href=/window target=_blank>Open</a>"),
        "/window": html("<img src=/picture>"),
        "/picture": answer(PICTURE % b"", kind="image/svg+xml"),
    }
    run = bench.run(f"""
        def looks(page: Page):
            with step("open"):
                page.goto("/opener")
                expect(page).to_have_title("Done")
            with step("window"):
                with page.expect_popup() as opened:
                    page.get_by_role("link").click()
                expect(opened.value).to_have_title("Done")
                {closed} and opened.value.close()
    """)
    first, second = weights(run)
    assert first == both(ours.sent["/opener"])
    assert second == ({"third_party": 0} if closed else both(ours.total - ours.sent["/opener"]))


def test_what_a_service_worker_fetches_counts_once(bench: Bench, ours: Sender) -> None:
    worker = (
        b"oninstall = () => skipWaiting(); onactivate = e => e.waitUntil(clients.claim());"
        b"onfetch = e => { if (e.request.url.endsWith('/data')) e.respondWith(fetch(e.request));"
        b"if (e.request.url.endsWith('/ever')) e.respondWith(new Response(new ReadableStream({"
        b"start: it => it.enqueue(new Uint8Array(99))}))) }"
    )
    ours.answers = {
        "/app": answer(page(
            "<script>navigator.serviceWorker.register('/worker.js');"
            "navigator.serviceWorker.oncontrollerchange = () => document.title = 'Ready'</script>"
            "<button onclick=\"fetch('/ever'); fetch('/data').then(r => r.text())"
            ".then(() => document.title = 'Done')\">Ask</button>"
        ).encode()),
        "/worker.js": answer(worker, kind="text/javascript"),
        "/data": answer(b"x" * 7_000, kind="text/plain"),
    }  # fmt: skip
    run = bench.run("""
        def asks(page: Page):
            with step("open"):
                page.goto("/app")
                expect(page).to_have_title("Ready")
            with step("ask"):
                page.get_by_role("button").click()
                expect(page).to_have_title("Done")
    """)
    first, second = weights(run)
    assert second == both(ours.sent["/data"])
    # Chromium tells of the script that starts a worker, but of its head only.
    assert first == both(ours.sent["/app"] + ours.sent["/worker.js"] - len(worker))


def test_a_run_that_failed_has_weights_too(bench: Bench, ours: Sender) -> None:
    ours.answers = {"/broken": answer(page("<h1>No</h1>").encode(), status="500 Oh")}
    run = bench.run(OPEN.format(path="/broken"))
    assert run.outcome is Outcome.FAILED
    assert run.steps[0].weight == both(ours.total)


def test_a_run_with_a_trace_is_not_weighed(bench: Bench) -> None:
    source = 'def opens(page: Page):\n    with step("open"):\n        page.goto("/")\n'
    run = bench.run(source, trace=True)
    assert [step.weight for step in run.steps] == [{}]


@pytest.mark.long
def test_of_more_answers_than_are_asked_about_nothing_is_known(bench: Bench, ours: Sender) -> None:
    ours.answers = {
        "/few": html("<h1>Few</h1>"),
        "/many": answer(page(
            f"<script>Promise.all(Array.from({{length: {MOST}}}, (_, i) => fetch('/few?' + i)))"
            ".then(() => document.title = 'Done')</script>"
        ).encode()),
    }  # fmt: skip
    run = bench.run("""
        def asks(page: Page):
            with step("few"):
                page.goto("/few")
                expect(page).to_have_title("Done")
            with step("many"):
                page.goto("/many")
                expect(page).to_have_title("Done")
            with step("look"):
                expect(page).to_have_title("Done")
    """)
    assert weights(run) == [both(ours.sent["/few"]), {}, {}]


def test_a_journey_over_http_weighs_heads_and_packed_bodies(
    bench: Bench, ours: Sender, theirs: Sender
) -> None:
    packed = gzip.compress(b'{"items": []}' * 500)
    ours.answers = {
        "/api": answer(packed, "Content-Encoding: gzip", kind="application/json"),
        "/moved": answer(b"moved", f"Location: {theirs.url}/api", status="302 Found"),
    }
    theirs.answers = {"/api": answer(b"{}", kind="application/json")}
    run = bench.run("""
        def asks(http: httpx.Client):
            with step("ask"):
                assert http.get("/api").status_code == 200
            with step("follow"):
                assert http.get("/moved", follow_redirects=True).status_code == 200
            with step("stream"):
                with http.stream("GET", "/api") as answer:
                    assert answer.read()
            with step("think"):
                assert True
    """)
    once = len(ours.answers["/api"])  # type: ignore[arg-type]
    moved = ours.sent["/moved"]
    assert weights(run) == [both(once), both(moved, theirs.total), both(once), both(0)]


def test_an_answer_that_broke_off_or_was_not_read_is_not_known(bench: Bench, ours: Sender) -> None:
    short = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"

    def cut(to: Any) -> None:
        ours.send(to, short)
        to.connection.shutdown(2)

    ours.answers = {"/short": cut, "/api": answer(b"x" * 999)}
    run = bench.run("""
        def asks(http: httpx.Client):
            with step("broken"):
                try:
                    http.get("/short")
                except httpx.RemoteProtocolError:
                    pass
            with step("open"):
                answer = http.send(http.build_request("GET", "/api"), stream=True)
                assert answer.status_code == 200
            with step("refused"):
                try:
                    http.get("http://127.0.0.1:1/")
                except httpx.ConnectError:
                    pass
    """)
    assert run.steps[0].weight == {}
    assert run.steps[1].weight == {"third_party": 0}
    assert run.steps[2].weight == both(0)


def test_an_answer_is_of_the_last_step_that_began_before_it() -> None:
    scale = Scale(lambda url: url.startswith("ours"))
    assert (scale.latest, scale.step_at(9e9), scale.clock_was_set) == (-1, -1, False)
    scale.begin()
    scale.add(scale.step_at(0), "ours", 5)
    scale.add(scale.step_at(9e9), "ours", 7)
    scale.add(scale.latest, "theirs", 2)
    assert scale.weights == {0: both(7, 2)}
    scale.forget([0])
    assert scale.weights == {0: {}}


def said(sent_s: float, size: int | None = 5, url: str = "http://shop.example/") -> Any:
    """An answer as Playwright tells of it; None: its body was broken off."""

    def tell(*_: object) -> asyncio.Future[Any]:
        asked = asyncio.get_running_loop().create_future()
        asked.set_result({"sizes": {"responseHeadersSize": 9, "responseBodySize": (size or 0) - 9}})
        return asked

    return SimpleNamespace(
        url=url,
        from_service_worker=False,
        request=SimpleNamespace(
            timing={"startTime": sent_s * 1000},
            failure="net::ERR_ABORTED" if size is None else None,
            resource_type="image",
        ),
        _connection=SimpleNamespace(send_message_to_server=tell),
    )


def weighed(
    *answers: Callable[[], Any], sync: Callable[[Any], object] = asyncio.run
) -> list[dict[str, int]]:
    """What steps weigh that were answered once each."""
    recorder = Recorder(lambda event: None, {}, ["shop.example"])
    page: Any = SimpleNamespace(_impl_obj=SimpleNamespace(on=lambda *_: None), _sync=sync)
    weight = Weight(page, page, recorder.scale)
    for number, make in enumerate(answers):
        with recorder.step(str(number), None):
            weight._answered(make())
    weight.ask()
    return list(recorder.scale.weights.values())


def test_an_answer_of_which_the_size_is_not_known_leaves_out_its_step_alone() -> None:
    found = weighed(lambda: said(time.time()), lambda: said(time.time(), None))
    assert found == [both(5), {"third_party": 0}]


def test_what_was_broken_off_and_came_over_no_network_leaves_nothing_out() -> None:
    blob = "blob:http://shop.example/7b21f77b"
    assert weighed(lambda: said(time.time(), None, blob)) == [both(0)]


def test_what_cannot_be_a_size_is_none() -> None:
    for size in (-1, 10**10 + 1):
        assert weighed(partial(said, 9e9, size)) == [{"third_party": 0}]


def test_what_was_asked_for_before_the_first_step_is_of_none() -> None:
    assert weighed(lambda: said(time.time() - 1)) == [both(0)]


def test_steps_from_the_first_answer_on_that_is_one_too_many_are_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("prober.agent.weight.MOST", 2)
    began = time.time()
    found = weighed(*[lambda: said(time.time())] * 4)
    assert found == [both(5), both(5), {}, {}]
    found = weighed(lambda: said(began), *[lambda: said(time.time())] * 2, lambda: said(began + 99))
    assert found == [both(0), both(5), {}, {}]


def test_when_the_clock_was_set_nobody_knows_which_step_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = time.time

    def set_back() -> Any:
        answer = said(time.time())
        monkeypatch.setattr(time, "time", lambda: plain() - 3600)
        return answer

    assert weighed(set_back, lambda: said(time.time())) == [{}, {}]


def test_a_driver_that_is_gone_leaves_nothing_known() -> None:
    def gone(question: Any) -> None:
        question.close()
        raise Error("the connection is closed")

    assert weighed(lambda: said(time.time()), sync=gone) == [{"third_party": 0}]


def test_httpx_tells_what_came_as_it_was_packed() -> None:
    """What `num_bytes_downloaded` is taken for; a new httpx might mean something else."""
    packed = gzip.compress(b"x" * 10_000)
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=_Once(packed))
    )
    with httpx.Client(transport=transport) as http:
        found = http.get("http://shop.example/")
    assert found.num_bytes_downloaded == len(packed) < len(found.content)


class _Once(httpx.SyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body
