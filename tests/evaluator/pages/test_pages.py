"""Every page in a real browser, with real runs in it.

Pictures of them are left in `.cache/pages`, to be looked at.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from prober.model import Cause, Outcome, Phase, Record, Run, Step
from tests.conftest import CACHE
from tests.evaluator.conftest import build_run, build_schedule, launch, send

Evaluator = Any
pytestmark = pytest.mark.browser

FOLDER = "N9Qkbu_qneIY-08D"
REGIONS = ("ap-south-1", "eu-west-1", "us-east-1")
SHOP = "http://shop.example/cart"
LEVEL_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PICTURES = CACHE / "pages"


def broken(slot_ms: int, **fields: Any) -> Run:
    """A run of which everything is known that can be."""
    passed = Step(name="open shop", offset_us=0, duration_us=400_000, outcome=Outcome.PASSED,
                  vitals={"ttfb": 80_000, "lcp": 310_000, "cls": 12_000},
                  network={"connect": 2_000, "transfer": 1_000, "wait": 41_000},
                  weight={"first_party": 412_300, "third_party": 36_000})  # fmt: skip
    failed = Step(name="pay", offset_us=400_000, duration_us=600_000, outcome=Outcome.FAILED)
    given: dict[str, Any] = {
        "step": "pay",
        "message": "expected “18.00 €” to be “20.00 €”",
        "steps": (passed, failed),
        "phases": {Phase.LAUNCH: 310_000, Phase.EVIDENCE: 120_000},
        "third_party": {"2xx": 3, "none": 1},
        "page_errors": {"first_party": 2},
        "assertions": 4,
        "held": {"the total is right": False},
        "regime": {"browser": "141.0.1", "prober": "0.1.0"},
        "host": {"cpu_wait": 0.02},
        "evidence": {"console": ("error: total is off",), "requests": (f"GET {SHOP} 404",)},
        "artefacts": (f"{FOLDER}/screenshot.png", f"{FOLDER}/trace.zip"),
    }
    return build_run(slot_ms, Outcome.FAILED, **given | fields)


def an_hour(now_ms: int, **fields: Any) -> Iterator[Record]:
    """A run every ten seconds in three regions; five minutes of it failed in one of them."""
    for number, region in enumerate(REGIONS):
        yield build_schedule(10_000, region, from_ms=now_ms - 3_600_000)
        for ago in range(1, 360):
            slot_ms = now_ms - now_ms % 10_000 - ago * 10_000
            took_us = 700_000 + 1000 * (ago * 7919 % 400) + 200_000 * number
            if region == "eu-west-1" and 60 <= ago < 90:
                yield broken(slot_ms, region=region, **fields)
            elif ago % 97 == 0:
                yield build_run(slot_ms, Outcome.INCONCLUSIVE, region=region)
            else:
                yield build_run(slot_ms, region=region, duration_us=took_us)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Path:
    """What an agent kept of a run: a picture and a trace of a real page."""
    directory = tmp_path_factory.mktemp("evidence")
    folder = directory / FOLDER
    folder.mkdir()
    context = browser.new_context()
    context.tracing.start(screenshots=True, snapshots=True)
    page = context.new_page()
    page.set_content("<h1>Cart</h1><button>Pay</button>")
    page.get_by_role("button", name="Pay").click()
    page.screenshot(path=folder / "screenshot.png")
    context.tracing.stop(path=folder / "trace.zip")
    context.close()
    return directory


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory, evidence: Path) -> Iterator[Evaluator]:
    """An evaluator that has an hour of three regions, a deploy, an override and an exclusion."""
    more = (
        '    - {name: speed, sli: {latency: {threshold: 2s}}, target: "90%"}\n'
        "  dependents: [payments]\n"
        '  depends_on: [{name: psp, target: "99.9%"}]\n'
        '  business_impact: {journeys_per_hour: 4000, value_per_journey: "56.25"}'
    )
    there = launch(
        tmp_path_factory.mktemp("pages"), None, (f"--evidence={evidence}",), more=more, min_runs=30
    )
    send(there, an_hour(time.time_ns() // 1_000_000))
    for verb, body in (
        ("mark-deploy", {"name": "v1.2.3"}),
        (
            "override-grant",
            {"slo": "checkout", "commit": "3f2c1ab90d", "role": "vp_engineering", "by": "Ada",
             "reason": "the fix itself"},
        ),
        (
            "review-record",
            {"slo": "checkout", "kind": "budget", "by": "sre", "notes": "the payment is flaky"},
        ),
        (
            "feedback-add",
            {"text": "I could not pay", "start": "2026-01-06T02:00:00Z",
             "end": "2026-01-06T03:00:00Z"},
        ),
    ):  # fmt: skip
        there.http.post(f"/api/v1/{verb}", json=body).raise_for_status()
    yield there
    there.close()


def failed_run(judge: Evaluator, page: Page) -> None:
    """Go from the overview to a contract, and from there to a run that failed."""
    page.goto(judge.url)
    page.get_by_role("link", name="Checkout completes").click()
    page.locator(".troubles a", has_text="assertion").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("checkout in eu-west-1")


PAGES = [
    "/",
    "/slo/checkout",
    "/regions",
    "/misses",
    "/reviews",
    "/exceptions",
    "/dependents",
    "/card/checkout",
    "run",
]


def go(judge: Evaluator, page: Page, path: str) -> None:
    if path == "run":
        failed_run(judge, page)
    else:
        page.goto(f"{judge.url}{path}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_keeps_nobody_out_by_light_or_dark_on_a_phone_or_a_wall(
    judge: Evaluator, page: Page, path: str
) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    name = path.strip("/").replace("/", "-") or "overview"
    go(judge, page, path)
    schemes: tuple[Any, ...] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": 1280, "height": 900})
        page.screenshot(path=PICTURES / f"{name}-{scheme}.png", full_page=True)
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": LEVEL_AA}})
        assert found.violations_count == 0, found.generate_report()
    for width in (320, 390, 3840):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width
    page.set_viewport_size({"width": 390, "height": 900})
    page.screenshot(path=PICTURES / f"{name}-phone.png", full_page=True)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_read_without_scripts(judge: Evaluator, browser: Browser, path: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    go(judge, page, path)
    assert page.locator("body").inner_text().strip()
    context.close()


def test_a_contract_shows_how_its_budget_went(judge: Evaluator, page: Page) -> None:
    page.goto(f"{judge.url}/slo/checkout")
    success = page.locator("section", has=page.get_by_role("heading", name="availability: 90%"))
    expect(success.locator("figure polyline")).to_have_count(1)
    expect(success.locator("figure svg")).to_have_attribute(
        "aria-label", re.compile("From 100% to")
    )
    expect(success.locator("rect.deploy title")).to_have_text("deploy v1.2.3")
    expect(page.get_by_text("deploy v1.2.3").last).to_be_visible()
    strips = page.locator(".strips tr")
    expect(strips).to_have_count(3)
    expect(strips.nth(1).locator(".failed").first).to_be_attached()
    expect(strips.nth(0).locator(".failed")).to_have_count(0)
    incident = page.get_by_text(
        re.compile(r"checkout failed for about \d+ users, which cost about")
    )
    expect(incident.last).to_be_visible()
    spent = page.locator("section", has=page.get_by_role("heading", name="What took the budget"))
    expect(spent.get_by_role("row", name=re.compile("^pay "))).to_be_visible()
    steps = page.locator("table.numbers")
    expect(steps.get_by_role("row", name=re.compile(r"^whole run \d+ \S+ s"))).to_be_visible()
    expect(page.locator("figure line.threshold")).to_have_count(1)
    expect(page.get_by_text("Others lean on it: payments.")).to_be_visible()


def test_a_run_shows_what_is_known_of_it(judge: Evaluator, page: Page) -> None:
    failed_run(judge, page)
    expect(page.locator("pre")).to_have_text("expected “18.00 €” to be “20.00 €”")
    for name, value in (("Cause", "assertion"), ("Step", "pay"), ("browser", "141.0.1")):
        expect(page.locator("dl > div", has_text=name).locator("dd").first).to_contain_text(value)
    rows = page.locator(".waterfall tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("TTFB 80 ms, LCP 310 ms, CLS 0.012")
    expect(rows.nth(0)).to_contain_text("connect 2 ms, wait 41 ms, transfer 1 ms")
    expect(rows.nth(0)).to_contain_text("412 kB, 36 kB of others")
    expect(rows.nth(1)).not_to_contain_text("kB")
    starts = [rows.nth(n).locator("rect").get_attribute("x") for n in range(2)]
    assert starts == ["0", "400"]
    expect(page.get_by_text("error: total is off")).to_be_visible()
    expect(page.get_by_text(f"GET {SHOP} 404")).to_be_visible()
    picture = page.get_by_role("img", name="Screenshot of the page when the run ended")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 0
    page.get_by_role("link", name="The run after").click()
    expect(page.get_by_role("link", name="The run before")).to_be_visible()


def test_a_trace_opens_in_the_viewer(judge: Evaluator, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    failed_run(judge, page)
    page.get_by_role("link", name="Open the trace in Playwright's viewer").click()
    expect(page.get_by_text("Click", exact=False).first).to_be_visible(timeout=30_000)
    page.get_by_text("Click", exact=False).first.click()
    shown = page.frame_locator("iframe.snapshot-visible")
    expect(shown.get_by_role("heading", name="Cart")).to_be_visible(timeout=30_000)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "trace.png")
    context.close()


def test_exceptions_name_roles_and_never_people(judge: Evaluator, page: Page) -> None:
    page.goto(f"{judge.url}/exceptions")
    row = page.get_by_role("row", name=re.compile("3f2c1ab90d"))
    expect(row).to_contain_text("vp_engineering")
    expect(row).to_contain_text("the fix itself")
    assert "Ada" not in page.content()


def test_a_contract_renews_itself(
    evaluator: Callable[..., Evaluator], page: Page, last_minute: Callable[..., list[Record]]
) -> None:
    there = evaluator(min_runs=30)
    page.goto(f"{there.url}/slo/checkout")
    state = page.locator("h1 .state")
    expect(state).to_have_text("UNKNOWN")
    send(there, last_minute(20))
    expect(state).to_have_text("EXHAUSTED", timeout=30_000)
    expect(page.locator(".troubles li").first).to_be_visible()


@pytest.mark.parametrize("path", ["/slo/nothing", "/run/nothing", "/run/1-2", "/card/nothing"])
def test_what_is_not_there_is_not_found(judge: Evaluator, path: str) -> None:
    assert judge.http.get(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/evidence/../../etc/passwd",
        "/evidence/..%2f..%2fetc/passwd",
        f"/evidence/{FOLDER}/..%2fsecret",
        f"/evidence/{FOLDER}/%2e%2e",
        f"/evidence/{FOLDER}%00/trace.zip",
        "/trace/../../../../package.json",
        "/trace/..%2f..%2f..%2fpackage.json",
        "/trace/%2fetc%2fpasswd",
        "/trace/",
    ],
)
def test_no_path_leads_out(judge: Evaluator, path: str) -> None:
    reply = judge.http.get(path)
    assert reply.status_code == 404
    assert "root:" not in reply.text


def test_a_file_of_a_target_is_never_a_page_of_ours(judge: Evaluator) -> None:
    for name, kind in (("screenshot.png", "image/png"), ("trace.zip", "application/zip")):
        headers = judge.http.get(f"/evidence/{FOLDER}/{name}").raise_for_status().headers
        assert headers["Content-Type"] == kind
        assert headers["Content-Disposition"] == "attachment"
        assert "sandbox" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_only_a_card_may_be_shown_in_a_frame_elsewhere(judge: Evaluator) -> None:
    policies = {
        path: judge.http.get(path).headers["Content-Security-Policy"]
        for path in ("/", "/slo/checkout", "/card/checkout")
    }
    framed = [path for path, policy in policies.items() if "frame-ancestors *" in policy]
    assert framed == ["/card/checkout"]


CORPUS = [
    "<script>taken()</script>",
    "<img src=x onerror=taken()>",
    "'\"><svg onload=taken()>",
    "javascript:taken()",
    "</title><script>taken()</script>",
    "</pre></code><iframe srcdoc='<script>parent.taken()</script>'>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;script&gt;taken()&lt;/script&gt;",
    "\u202e<b onmouseover=taken()>x",
    "<a href='data:text/html,<script>taken()</script>'>x</a>",
    "]]><script>taken()</script>",
    "${taken()}`;taken();//",
    "<svg><animate onbegin=taken() attributeName=x dur=1s>",
    "<svg><script>taken()</script></svg>",
    "<svg/onload=taken()//",
    "<math><mtext><style><img title='</style><img src=x onerror=taken()>'>",
    "<noscript><p title='</noscript><img src=x onerror=taken()>'>",
    "<template><script>taken()</script></template>",
    "<details open ontoggle=taken()>x</details>",
    "<input autofocus onfocus=taken()>",
    "<body onload=taken()>",
    "<video><source onerror=taken()></video>",
    "<audio src=x onerror=taken()></audio>",
    "<object data='javascript:taken()'></object>",
    "<embed src='javascript:taken()'>",
    "<iframe src='javascript:parent.taken()'></iframe>",
    "<form action='javascript:taken()'><button>x</button></form>",
    "<button form=x formaction='javascript:taken()'>x</button>",
    "<meta http-equiv=refresh content='0;url=javascript:taken()'>",
    "<base href='javascript:taken()//'>",
    "<link rel=stylesheet href='data:text/css,*{display:none}'>",
    "<style>@import 'data:text/css,*{display:none}';</style>",
    "<p style='position:fixed;inset:0;background:url(javascript:taken())'>x</p>",
    "<script src='data:text/javascript,taken()'></script>",
    "<scr<script>ipt>taken()</scr</script>ipt>",
    "<img src=x onerror=taken() alt='unclosed",
    "<!--><script>taken()</script-->",
    "<![CDATA[<script>taken()</script>]]>",
    '" onfocus=taken() autofocus x="',
    "' onmouseover='taken()' style='position:fixed;inset:0' x='",
    "` onerror=taken() `",
    "JaVaScRiPt&colon;taken()",
    "data:text/html;base64,PHNjcmlwdD50YWtlbigpPC9zY3JpcHQ+",
    "[x](javascript:taken()) ![x](x'onerror='taken())",
    "\\x3cscript\\x3etaken()\\x3c/script\\x3e",
    "%3Cscript%3Etaken()%3C/script%3E",
    "+ADw-script+AD4-taken()+ADw-/script+AD4-",
    "\uff1cscript\uff1etaken()\uff1c/script\uff1e",
    "{{constructor.constructor('taken()')()}} #{taken()} <%= taken() %>",
    "/* */ --> </script></style></textarea></select><svg onload=taken()>",
    "a" * 200 + "<b onclick=taken()>",
]


@pytest.mark.parametrize(
    "corpus",
    [
        pytest.param(CORPUS[:12], id="a dozen"),
        pytest.param(CORPUS[12:], marks=pytest.mark.long, id="the others"),
    ],
)
def test_text_of_a_target_is_text_wherever_it_is_shown(
    evaluator: Callable[..., Evaluator], browser: Browser, corpus: list[str]
) -> None:
    there = evaluator(min_runs=1)
    now_ms = time.time_ns() // 1_000_000
    runs = [
        broken(
            now_ms - 1000 * (number + 1),
            message=text,
            step=text,
            steps=(Step(name=text, offset_us=0, duration_us=1, outcome=Outcome.FAILED),),
            held={text: False},
            regime={"browser": text, text: text},
            host={text: 1.0},
            evidence={"console": (text,), "requests": (text,), text: (text,)},
            artefacts=(text, f"{FOLDER}/{text}"),
            responses={"2xx": 1, text: 1},
            third_party={text: 1},
            page_errors={text: 1},
            cause=Cause.ASSERTION,
        )
        for number, text in enumerate(corpus)
    ]
    send(there, [build_schedule(1000), *runs])
    context = browser.new_context()
    context.add_init_script("window.taken = () => { window.was_taken = true }")
    page = context.new_page()
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    for path in ("/", "/slo/checkout", "/regions", *(f"/run/{run.id.key}" for run in runs)):
        page.goto(f"{there.url}{path}")
        assert page.evaluate("window.was_taken") is None, path
        assert page.locator("main :is(script, iframe, img, [onload], [onerror])").count() == 0, path
        assert not page.locator("a[href^=javascript], a[href^=data]").count(), path
    for run, text in zip(runs, corpus, strict=True):
        page.goto(f"{there.url}/run/{run.id.key}")
        assert page.locator("pre").inner_text() == text
    context.close()
