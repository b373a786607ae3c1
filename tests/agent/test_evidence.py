"""What is kept of a run that did not pass, and what is not in it."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from prober.model import Cause, Outcome, Phase, Run
from tests.faults.bench import SECRETS, Bench, failed, page

pytestmark = pytest.mark.browser
MASK = (255, 0, 255)


def pixels(path: Path) -> list[list[tuple[int, ...]]]:
    """The colours of a PNG of 8 bits, row by row."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, _, colour = struct.unpack(">IIBB", body[:10])
        packed += body if kind == b"IDAT" else b""
        at += length + 12
    return _unfiltered(zlib.decompress(packed), width, height, {2: 3, 6: 4}[colour])


def _unfiltered(raw: bytes, width: int, height: int, deep: int) -> list[list[tuple[int, ...]]]:
    above, rows, stride = bytearray(width * deep), [], width * deep + 1
    for y in range(height):
        kind, line = raw[y * stride], bytearray(raw[y * stride + 1 : (y + 1) * stride])
        for x in range(len(line)):
            left, corner = (line[x - deep], above[x - deep]) if x >= deep else (0, 0)
            line[x] = (line[x] + _predicted(kind, left, above[x], corner)) % 256
        rows.append([tuple(line[x : x + 3]) for x in range(0, len(line), deep)])
        above = line
    return rows


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind < 4:
        return (0, left, up, (left + up) // 2)[kind]
    return min((left, up, corner), key=lambda value: abs(left + up - corner - value))


def test_a_screenshot_shows_no_password(make_bench: object) -> None:
    assert callable(make_bench)
    bench: Bench = make_bench("viewport: {width: 320, height: 160}")
    run = bench.run(
        """
        def typed(page: Page):
            with step("open"):
                page.goto("/password")
                page.locator("[type=password]").fill(secret("password"))
                page.locator("[type=text]").fill("in the open")
                assert False
        """,
        options="secrets=['password']",
    )
    picture = pixels(bench.evidence(run, "screenshot.png"))
    assert {colour for row in picture[2:38] for colour in row[2:298]} == {MASK}
    assert MASK not in {colour for row in picture[60:] for colour in row}
    assert len({colour for row in picture[100:140] for colour in row[:298]}) > 2


def shown(token: str) -> str:
    """A page on which all that is drawn is a secret, or declared to be none of a picture's."""
    half = len(token) // 2
    plain = "<style>*{margin:0;border:0;outline:0;background:#fff}iframe{height:40px}</style>"
    return f"""<!doctype html><html lang=en>{plain}
      <p>{token}</p><p style="width:9px">{token.upper()}</p>
      <b>{token[:half]}<i>{token[half:]}</i></b><p class=account>0815</p>
      <textarea>{token}</textarea><input placeholder="{token}"><p id=shadow></p>
      <iframe srcdoc="{plain}<p>{token}</p><p class=account>4711</p>"></iframe>
      <script>document.getElementById('shadow').attachShadow({{mode: 'open'}}).innerHTML =
        `{plain}<p>{token}</p>`</script>"""


def test_a_screenshot_shows_no_secret_in_the_open_and_nothing_declared(make_bench: object) -> None:
    assert callable(make_bench)
    bench: Bench = make_bench("viewport: {width: 320, height: 240}")
    bench.site.pages["/shown"] = shown(SECRETS["token"])
    source = """
        def shows(page: Page):
            with step("open"):
                page.goto("/shown")
                assert False
        """
    run = bench.run(source, options="secrets=['token'], mask=['.account']")
    colours = {colour for row in pixels(bench.evidence(run, "screenshot.png")) for colour in row}
    assert colours == {(255, 255, 255), MASK}
    assert run.evidence.get("withheld") is None
    run = bench.run(source)
    colours = {colour for row in pixels(bench.evidence(run, "screenshot.png")) for colour in row}
    assert (0, 0, 0) in colours


def test_a_page_that_cannot_be_read_is_not_drawn(bench: Bench) -> None:
    run = bench.run(
        """
        def shows(page: Page):
            with step("open"):
                page.goto("/")
                page.evaluate("document.body.append('x'.repeat(2_000_000))")
                assert False
        """,
        options="secrets=['token']",
    )
    assert run.artefacts == ()
    (why,) = run.evidence["withheld"]
    assert why.startswith("screenshot.png: what the page shows could not be read")
    assert bench.pool.withheld["files"] >= 1


def test_a_trace_has_a_film_only_where_nothing_must_be_hidden(bench: Bench) -> None:
    source = """
        def opens(page: Page):
            with step("open"):
                page.goto("/")
                page.wait_for_timeout(300)
                assert False
        """
    for options, film in (("", True), ("secrets=['token']", False), ("mask=['b']", False)):
        run = bench.run(source, options=options, trace=True)
        with ZipFile(bench.evidence(run, "trace.zip")) as trace:
            assert any(name.endswith(".jpeg") for name in trace.namelist()) is film, options


def test_a_page_that_is_waited_for_is_drawn_all_the_same(bench: Bench) -> None:
    run = bench.run(
        """
        def waits(page: Page):
            with step("open"):
                page.goto("/")
                page.goto("/hang")
        """,
        timeout="3s",
    )
    assert failed(run) == Cause.TIMEOUT
    assert bench.evidence(run, "screenshot.png").stat().st_size > 0
    assert run.phases[Phase.EVIDENCE] < 5_000_000


def test_console_and_failed_requests_are_kept(bench: Bench) -> None:
    run = bench.run("""
        def noisy(page: Page):
            with step("open"):
                with page.expect_event("pageerror"), page.expect_event("requestfailed"):
                    page.goto("/noisy")
                page.wait_for_timeout(100)
                assert False, "look"
    """)
    console = run.evidence["console"]
    assert any("it broke" in line for line in console)
    assert any("boom" in line for line in console)
    assert not any("chat" in line for line in console)
    assert any("/cut" in line for line in run.evidence["requests"])


def test_what_the_first_attempt_keeps_says_which_answer_it_failed_by(bench: Bench) -> None:
    shop, script = bench.site.url, "console.warn('old');\n  nowhere()"
    bench.site.pages["/checkout"] = page(f"<h1>Pay</h1>\n<script>{script}</script>")
    run = bench.run("""
        def pays(page: Page):
            with step("pay"):
                page.goto("/checkout")
                page.evaluate("fetch('/status/500', {method: 'POST'}).then(r => r.text())")
                assert False, "no confirmation"
    """)
    assert run.evidence["requests"] == (f"POST {shop}/status/500: 500",)
    warned, uncaught, unloaded = run.evidence["console"]
    assert warned == f"warning: old ({shop}/checkout:2:17)"
    assert uncaught == f"uncaught: nowhere is not defined ({shop}/checkout:3:3)"
    assert unloaded.endswith(f"500 (Internal Server Error) ({shop}/status/500)")


def test_a_trace_can_be_opened_and_holds_no_secret(bench: Bench) -> None:
    run = bench.run(
        """
        def typed(page: Page):
            with step("open"):
                page.goto("/password?" + secret("token"))
                page.locator("[type=password]").fill(secret("password"))
                page.locator("[type=text]").fill(secret("token"))
                page.evaluate("s => { document.title = s }", secret("password"))
                assert False
        """,
        options="secrets=['password', 'token']",
        trace=True,
    )
    with ZipFile(bench.evidence(run, "trace.zip")) as trace:
        assert trace.testzip() is None
        assert "trace.trace" in trace.namelist()
        everything = b"".join(trace.read(name) for name in trace.namelist()).decode("latin-1")
    assert SECRETS["token"] not in everything
    assert "s<w>&" not in everything
    assert "[password]" in everything


def test_no_text_of_a_record_holds_a_secret(bench: Bench) -> None:
    run = bench.run(
        """
        def leaks(page: Page):
            with step("open " + secret("token")):
                page.goto("/password?" + secret("token"))
                page.evaluate("s => console.error(s)", secret("password"))
                page.evaluate("fetch('/cut?' + document.location.search).catch(() => 0)")
                page.evaluate("fetch('/status/500' + document.location.search)")
                assert secret("token") == secret("password"), secret("token") + secret("password")
        """,
        options="secrets=['password', 'token']",
    )
    assert SECRETS["token"] not in run.to_json()
    assert "s<w>&" not in run.to_json()
    assert run.step == "open [token]"
    assert run.message == "[token][password]"
    refused = f"{bench.site.url}/status/500?[token]"
    assert f"GET {refused}: 500" in run.evidence["requests"]
    assert run.evidence["console"][-1].endswith(f"({refused})")


def test_what_cannot_be_written_costs_only_the_evidence(make_bench: object) -> None:
    assert callable(make_bench)
    bench: Bench = make_bench()
    data = bench.settings.around.evidence.parent
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_text("a file in the way")
    run = bench.run("def wrong(page: Page):\n    page.goto('/')\n    assert False")
    assert failed(run) == Cause.ASSERTION
    assert run.artefacts == ()


#: By the cause of its run, the code of a step.
ENDS = {
    None: 'expect(page.get_by_role("heading")).to_have_text("Welcome")',
    Cause.ASSERTION: 'assert page.title() == "Farewell", "it does not say so"',
    Cause.HTTP_STATUS: 'page.goto("/status/503")',
    Cause.TIMEOUT: 'page.goto("/hang")',
}


def verdict(run: Run) -> dict[str, Any]:
    """All that is said of the target, without how long it took."""
    return {
        "outcome": (run.outcome, run.cause, run.step),
        "message": re.sub(r"\d+", "", run.message or ""),
        "steps": [(step.name, step.outcome) for step in run.steps],
        "assertions": (run.assertions, run.held),
        "silent": run.silent,
    }


@pytest.mark.parametrize(
    ("cause", "timeout"),
    [
        (None, "20s"),
        (Cause.ASSERTION, "20s"),
        (Cause.HTTP_STATUS, "20s"),
        pytest.param(Cause.TIMEOUT, "6s", marks=pytest.mark.long),
    ],
)
def test_evidence_changes_no_verdict(bench: Bench, cause: Cause | None, timeout: str) -> None:
    source = f"""
        def told(page: Page):
            with step("open"):
                page.goto("/")
                expect(page).to_have_title("Welcome")
            with step("end"), assertion("as-it-should"):
                {ENDS[cause]}
        """
    options = "secrets=['token'], mask=['h1']"
    plain = bench.run(source, timeout=timeout)
    kept = bench.run(source, timeout=timeout, options=options, trace=True)
    assert (plain.cause, kept.cause) == (cause, cause)
    assert verdict(kept) == verdict(plain)
    shown = [] if plain.outcome is Outcome.PASSED else ["screenshot.png"]
    assert [Path(name).name for name in plain.artefacts] == shown
    assert [Path(name).name for name in kept.artefacts] == ["trace.zip", *shown]
