"""Forty awkward secrets, a site that shows each in every form, and a search of all that is kept.

A real agent runs journeys that type the secrets, send them and print them, against a site that
writes them into pages, console, errors, addresses, headers and bodies. Then everything that left
the worker is searched for every form of every secret: files, what was sent, pages, log, and what
any user of the machine can read of any of the processes.
"""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import sync_playwright

from prober.agent.slots import phase_ms
from prober.model import Run
from prober.telemetry import decode
from tests.agent.test_evidence import MASK, pixels
from tests.canaries import CANARIES, ENCODERS, forms
from tests.e2e.conftest import Liar, Place, Process

WHITE = (255, 255, 255)
#: Of a line below all forms: a picture that has it has them all.
END = (0, 128, 0)
#: So small that 1,600 forms are in one picture.
STYLE = """*{border:0;margin:0;background:#fff;outline:0} body{font:5px/6px sans-serif}
  p{display:inline-block;margin-right:2px;vertical-align:top;word-break:break-all}
  hr{height:3px;background:#008000}"""
WIDTH, HEIGHT = 1200, 1400
#: How long an agent takes to start, about.
READY_S = 6
WANTED = {("shows", 1), ("shows", 2), ("packs", 2), ("prints", 1)}
JOURNEYS = '''
"""Journeys that keep no secret."""
import os, sys
from urllib.parse import quote
import httpx
from playwright.sync_api import Page, expect
from prober import journey, secret, step

NAMES = [f"c{number:02}" for number in range(COUNT)]


@journey(every="1h", timeout="20s", secrets=NAMES, mask=["#account"])
def shows(page: Page) -> None:
    values = [secret(name) for name in NAMES]
    with step("open " + values[0] + values[7]):
        page.goto("/?" + quote(values[11]))
        for value in values:
            page.locator("#field").fill(value)
        page.locator("#password").fill(values[5])
        page.evaluate("all => { window.kept = all }", values)
        page.evaluate(
            """async all => {
              for (const one of all) {
                const headers = {'x-key': encodeURIComponent(one), authorization: 'Bearer ' +
                  btoa(String.fromCharCode(...new TextEncoder().encode('user:' + one)))};
                await fetch('/answer', {method: 'POST', headers, body: JSON.stringify({one})});
                await fetch('/cut?one=' + encodeURIComponent(one)).catch(() => 0);
              }
            }""",
            values,
        )
    with step("look"):
        page.goto("/echo#" + quote(values[20]))
        expect(page.locator("body")).to_have_text("nothing", timeout=500)


@journey(every="1h", timeout="9s", secrets=NAMES)
def packs(page: Page) -> None:
    with step("open"):
        page.goto("/packed")
        page.evaluate("fetch('/file.gz').then(reply => reply.arrayBuffer())")
        page.wait_for_timeout(200)
        assert secret("c12") == secret("c13"), f"{secret('c12')} is not {secret('c13')}"


@journey(every="1h", timeout="9s", secrets=NAMES)
def prints(http: httpx.Client) -> None:
    with step("ask"):
        for line in http.get("/forms").json():
            print(line)
            os.write(2, line.encode(errors="replace") + b"\\n")
        http.get("/status", params={"all": [secret(name) for name in NAMES]})
'''


CONTRACT = """
apiVersion: prober/v1
kind: SLO
metadata: {name: shows}
spec:
  description: Nothing is shown
  journey: shows
  owners: {product: pm, sre: sre}
  rationale: A contract leads to the pages of its runs
  effective_from: 2026-01-01
  objectives: [{name: availability, sli: success, target: "99%"}]
  windows: [{name: rolling, duration: 30d}]
  policy: seed-5
"""


class Site:
    """Shows every secret in every form, wherever a site can show anything."""

    def __init__(self) -> None:
        site = self
        self.lines = [encode(value) for value in CANARIES.values() for encode in ENCODERS.values()]
        self.joined = [
            " | ".join(encode(value) for encode in ENCODERS.values()) for value in CANARIES.values()
        ]

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                with suppress(OSError):
                    site.answer(self)

            do_POST = do_GET  # noqa: N815  # the base class wants these names

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        path = to.path.partition("?")[0]
        kind, status = "text/html; charset=utf-8", 200
        if path == "/cut":
            to.close_connection = True
            return
        if path in ("/answer", "/forms"):
            body, kind = json.dumps(self.joined).encode(), "application/json"
        elif path == "/status":
            body, status = self.echo().encode(), 500
        elif path == "/echo":
            body = self.echo().encode()
        elif path == "/packed":
            body = self.split().encode()
        elif path == "/file.gz":
            body, kind = gzip.compress(CANARIES["c12"].encode()), "application/gzip"
        else:
            body = b"<title>Start</title><input id=field><input id=password type=password>"
        to.send_response(status)
        to.send_header("Content-Type", kind)
        to.send_header("Content-Length", str(len(body)))
        to.send_header("Set-Cookie", "session=" + base64.b64encode(os.urandom(9)).decode())
        for number, value in enumerate(CANARIES.values()):
            to.send_header(f"X-Echo-{number}", ENCODERS["percent"](value))
        to.end_headers()
        to.wfile.write(body)

    def echo(self) -> str:
        rows = "".join(
            f'<p title="{html.escape(line)}">{html.escape(line)}</p>' for line in self.lines
        )
        script = json.dumps(self.joined).replace("<", "\\u003c")
        return (
            f"<!doctype html><html lang=en><style>{STYLE}</style>"
            f"<title>{html.escape(self.joined[8])}</title><b id=account>4711 0815</b>"
            f"<input value='{html.escape(self.joined[9])}'>{rows}<hr>"
            f"<script>for (const one of {script}) "
            "{ console.error(one); setTimeout(() => { throw Error(one) }) }</script>"
        )

    def split(self) -> str:
        """Each secret over several elements, and with a comment in it."""
        rows = (
            f"<p>{html.escape(value[:4])}<i>{html.escape(value[4:5])}</i><!-- no -->"
            f"{html.escape(value[5:])}</p>"
            for value in CANARIES.values()
        )
        return f"<!doctype html><html lang=en><style>{STYLE}</style>{''.join(rows)}<hr>"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hostile() -> Iterator[Site]:
    found = Site()
    yield found
    found.close()


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.timeout(600)
def test_no_form_of_forty_secrets_is_in_anything_that_is_kept_sent_or_shown(
    place: Place,
    hostile: Site,
    liar: Callable[[str], Liar],
    free_port: Callable[[], int],
    until: Callable[..., Any],
    tmp_path: Path,
) -> None:
    given, port, listen = tmp_path / "given", free_port(), free_port()
    journeys = tmp_path / "journeys"
    journeys.mkdir()
    (journeys / "shows.slo.yaml").write_text(CONTRACT)
    (journeys / "spills.py").write_text(JOURNEYS.replace("COUNT", str(len(CANARIES))))
    evaluator = place.evaluator(port, journeys)
    evaluator.start()
    receiver = liar(f"http://127.0.0.1:{port}")
    told = Told(receiver)
    region = region_of(hostile.url, receiver.url, listen, tmp_path / "data", given)
    environ = write_given(given, region, tmp_path / "here.yaml")
    log = tmp_path / "agent.log"
    options = ("--journeys", str(journeys), "--verbose", "--log-format", "json")
    agent = Process(log, "agent", str(tmp_path / "here.yaml"), *options, **environ)
    try:
        agent.start()
        sinks: dict[str, bytes] = {}
        with watching(agent.pid, sinks):
            until(lambda: told.look() >= WANTED, 120)
            until(lambda: any(path.endswith("/traces") for path, _ in receiver.bodies), 30)
        sinks |= pages(f"http://127.0.0.1:{listen}", ["/metrics", "/readyz"])
        sinks |= pages(f"http://127.0.0.1:{port}", ["/", "/regions", "/site.zip", "/metrics"])
        told.look()
        sinks |= pages(f"http://127.0.0.1:{port}", [f"/run/{run.id.key}" for run in told.runs])
        sinks |= files(tmp_path, {given, journeys, tmp_path / "here.yaml"})
        agent.stop()
    finally:
        agent.close()
    evaluator.stop()
    for journey in sorted({journey for journey, _ in WANTED}):
        run_by_hand(journey, tmp_path, environ)
    sinks |= files(tmp_path, {given, journeys, tmp_path / "here.yaml"})
    sinks |= {f"sent {number} {path}": body for number, (path, body) in enumerate(receiver.bodies)}
    found = hits(sinks)
    size = sum(map(len, sinks.values()))
    print(
        f"{len(CANARIES)} secrets in {len(ENCODERS)} forms, {len(sinks)} places of {size} bytes "
        f"searched: {len(found)} hits"
    )
    assert {name for _, name, _ in hits(files(given, set()))} == CANARIES.keys()  # it does search
    assert not found
    check_what_was_kept(told.runs, sinks, tmp_path / "data" / "evidence")


@pytest.mark.long
@pytest.mark.browser
def test_a_picture_of_that_size_shows_each_form_where_nothing_masks_it(
    hostile: Site, browser_path: str, tmp_path: Path
) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, chromium_sandbox=False)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(f"{hostile.url}/echo")
        boxes = page.locator("p").evaluate_all("all => all.map(p => p.getBoundingClientRect())")
        page.screenshot(path=tmp_path / "open.png")
        browser.close()
    picture = pixels(tmp_path / "open.png")
    assert len(boxes) == len(CANARIES) * len(ENCODERS) == 1600
    assert [box for box in boxes if darkest(picture, box) > 128] == []


def darkest(picture: list[list[tuple[int, ...]]], box: Mapping[str, float]) -> int:
    """How dark it gets within a box, from 0; where that is not in the picture, as white."""
    rows = range(int(box["y"]), int(box["y"] + box["height"]))
    columns = range(int(box["x"]), int(box["x"] + box["width"]))
    return min(
        (max(picture[y][x]) for y in rows if y < HEIGHT for x in columns if x < WIDTH), default=255
    )


def run_by_hand(journey: str, at: Path, environ: Mapping[str, str]) -> None:
    """`prober run` as a person and as a pipeline has it; what it prints goes to files there."""
    where = ("--journeys", str(at / "journeys"), "--regions", str(at))
    for form in ("--trace", "--json"):
        command = [sys.executable, "-m", "prober", "run", journey, form, *where]
        told = at / f"{journey}{form}.told"
        with told.open("wb") as output:
            done = subprocess.run(
                command, env={**os.environ, **environ}, stdout=output, stderr=output, timeout=120
            )
        assert done.returncode == 1, told.read_text()  # failed, and so said why


def check_what_was_kept(runs: list[Run], sinks: Mapping[str, bytes], evidence: Path) -> None:
    """That there was something to search, and that it still says something."""
    found = {(run.id.journey, run.id.attempt): run for run in runs}
    shows, again = found["shows", 1], found["shows", 2]
    assert shows.step is not None
    assert shows.message is not None
    assert "[c" in shows.message
    assert shows.steps[0].name == "open [c00][c07]"
    assert len(shows.evidence["console"]) > 40
    assert len(shows.evidence["requests"]) == 40
    assert [Path(name).name for name in again.artefacts] == ["trace.zip", "screenshot.png"]
    packs = found["packs", 2]
    assert packs.evidence["withheld"] == ("trace.zip: a secret was still in it",)
    for name in (*shows.artefacts, *again.artefacts, *packs.artefacts):
        if name.endswith(".png"):
            colours = {colour for row in pixels(evidence / name) for colour in row}
            assert colours == {WHITE, MASK, END}, name
    names = " ".join(sinks)
    kept, told = ("trace.network", "trace.trace", "journal.db-wal"), ("/v1/traces", "--trace.told")
    for part in (*kept, *told, "environ of"):
        assert part in names
    metric = rb'prober_artefacts_withheld_total\{prober_region="here"\} [1-9]'
    assert re.search(metric, sinks["/metrics of agent"])


def region_of(url: str, receiver: str, listen: int, data: Path, given: Path) -> str:
    """A region whose secrets come from everywhere that they can come from."""
    lines = []
    for number, name in enumerate(CANARIES):
        if number % 3 == 0:
            lines.append(f"  {name}: ${{{name.upper()}}}")
        elif number % 3 == 1:
            lines.append(f"  {name}: {{file: {given / name}}}")
        else:
            lines.append(f"  {name}: {{command: [cat, {given / name}]}}")
    return "\n".join(
        (
            f"region: here\nfleet: [here]\nbase_url: {url}\nlisten: 127.0.0.1:{listen}",
            f"sandbox: {'off' if os.geteuid() == 0 else 'on'}\nsaturation: off\ndata: {data}",
            f"viewport: {{width: {WIDTH}, height: {HEIGHT}}}",
            "metrics_interval: 1s\nconcurrency: 1",
            f'otlp: [{{name: evaluator, endpoint: "{receiver}"}}]',
            f"journeys: {{{', '.join(map(soon, ('shows', 'packs', 'prints')))}}}",
            "secrets:",
            *lines,
            "",
        )
    )


def write_given(directory: Path, region: str, file: Path) -> dict[str, str]:
    """Put the secrets where the region looks for them; the variables it wants."""
    directory.mkdir()
    for name, value in CANARIES.items():
        (directory / name).write_text(value)
        (directory / name).chmod(0o600)
    file.write_text(region)
    return {f"{name.upper()}_FILE": str(directory / name) for name in CANARIES}


def soon(journey: str) -> str:
    """A period with room for two attempts, and a slot that comes as soon as the agent is ready."""
    ready_ms = time.time_ns() // 1_000_000 + READY_S * 1000

    def wait_ms(every_ms: int) -> int:
        return (phase_ms(journey, every_ms, Fraction(0)) - ready_ms) % every_ms

    return f"{journey}: {{every: {min(range(60_000, 90_000, 500), key=wait_ms)}ms}}"


class Told:
    """The runs that a receiver was told of; each body is read once."""

    def __init__(self, receiver: Liar) -> None:
        self._receiver, self._read = receiver, 0
        self.runs: list[Run] = []

    def look(self) -> set[tuple[str, int]]:
        new = self._receiver.bodies[self._read :]
        self._read += len(new)
        bodies = [body for path, body in new if path.endswith("/logs")]
        found = [record for body in bodies for record in decode.records(body).records]
        self.runs += [record for record in found if isinstance(record, Run)]
        return {(run.id.journey, run.id.attempt) for run in self.runs}


@contextmanager
def watching(pid: int, sinks: dict[str, bytes]) -> Iterator[None]:
    """Note what others can read of an agent's processes, all the while."""
    over, seen = threading.Event(), set[tuple[str, bytes]]()

    def look() -> None:
        while not over.wait(0.3):
            with suppress(psutil.Error):
                for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
                    for name in ("environ", "cmdline"):
                        with suppress(OSError):
                            seen.add((name, Path(f"/proc/{process.pid}/{name}").read_bytes()))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        sinks |= {f"{name} of process {n}": raw for n, (name, raw) in enumerate(seen)}


def pages(url: str, paths: list[str]) -> dict[str, bytes]:
    """What a server shows, and of its first page what that leads to."""
    found: dict[str, bytes] = {}
    who = "agent" if "/readyz" in paths else "evaluator"
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        for path in paths:
            reply = client.get(path)
            assert reply.status_code == 200, (path, reply.text)
            for name, part in unpacked(path, reply.content):
                found[f"{name} of {who}"] = part
    return found


def files(directory: Path, but: set[Path]) -> dict[str, bytes]:
    """Everything below a directory, unpacked."""
    found: dict[str, bytes] = {}
    for path in directory.rglob("*"):
        if path.is_file() and not but & {path, *path.parents}:
            found |= dict(unpacked(str(path), path.read_bytes()))
    return found


def unpacked(name: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    if raw.startswith(b"PK\3\4"):
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for entry in archive.namelist():
                yield from unpacked(f"{name}!{entry}", archive.read(entry))
    elif raw.startswith(b"\x1f\x8b"):
        yield from unpacked(f"{name}!gz", gzip.decompress(raw))
    else:
        yield name, raw


def hits(sinks: Mapping[str, bytes]) -> list[tuple[str, str, str]]:
    """Where which secret is in which form."""
    wanted = [(n, way, raw) for n, value in CANARIES.items() for way, raw in forms(value)]
    return [
        (place, name, way)
        for place, raw in sinks.items()
        for name, way, form in wanted
        if form in raw
    ]
