"""What comes of a journey's code, from the outside: text in, record out, real browser between."""

from __future__ import annotations

import pytest

from prober.model import Cause, Outcome, Phase
from tests.faults.bench import SECRETS, Bench, Site, failed, ours

pytestmark = pytest.mark.browser

GOOD = """
    def good(page: Page):
        with step("open"):
            page.goto("/")
            expect(page.get_by_role("heading")).to_have_text("Welcome")
"""


def test_a_body_that_never_ends_is_the_targets_fault_while_it_is_streamed(bench: Bench) -> None:
    run = bench.run(
        """
        def exports(http: httpx.Client):
            with step("ask"):
                assert http.get("/json").is_success
            with step("read"), http.stream("GET", "/trickle") as answer:
                for part in answer.iter_bytes():
                    assert part
        """,
        timeout="3s",
    )
    assert (failed(run), run.step) == (Cause.TIMEOUT, "read"), run
    assert [step.outcome for step in run.steps] == [Outcome.PASSED, Outcome.FAILED]


def test_a_journey_that_works_passes(bench: Bench) -> None:
    run = bench.run(GOOD)
    assert (run.outcome, run.cause, run.step, run.message) == (Outcome.PASSED, None, None, None)
    assert [(step.name, step.outcome) for step in run.steps] == [("open", Outcome.PASSED)]
    assert run.assertions == 1
    assert run.responses["2xx"] >= 1
    assert run.evidence == {}
    assert run.artefacts == ()
    assert run.duration_us == sum(step.duration_us for step in run.steps) > 0


def test_only_the_users_time_is_in_the_duration(bench: Bench) -> None:
    run = bench.run("""
        def late(page: Page):
            time.sleep(0.3)
            with step("one"):
                page.goto("/")
            time.sleep(0.3)
            with step("two"):
                expect(page).to_have_title("Welcome")
            cleanup(lambda: time.sleep(0.3))
    """)
    assert run.outcome is Outcome.PASSED
    one, two = run.steps
    assert run.duration_us == one.duration_us + two.duration_us
    assert one.offset_us == 0
    assert two.offset_us >= one.duration_us + 300_000
    assert run.phases[Phase.CLEANUP] >= 300_000
    assert {Phase.QUEUE, Phase.LAUNCH, Phase.CONTEXT, Phase.EVIDENCE} <= run.phases.keys()


def test_a_step_is_not_the_time_to_look_for_garbage(bench: Bench) -> None:
    run = bench.run("""
        import gc

        def tidy(page: Page):
            before = [each["collections"] for each in gc.get_stats()]
            with step("open"):
                held = [[number] for number in range(4000)]
                page.goto("/")
                expect(page.get_by_role("heading")).to_have_text("Welcome")
            young, middle, old = (
                each["collections"] - n for each, n in zip(gc.get_stats(), before, strict=True)
            )
            assert (young <= 1, middle, old) == (True, 0, 0), (young, middle, old)
            assert gc.get_freeze_count() > 4 * len(held)
    """)
    assert run.outcome is Outcome.PASSED, run.message


VACUOUS = {
    "no step": """
        def nothing(page: Page):
            page.goto("/")
            expect(page).to_have_title("Welcome")
    """,
    "no assertion": """
        def nothing(page: Page):
            with step("open"):
                page.goto("/")
    """,
    "no request to the target": """
        def nothing(page: Page):
            with step("open"):
                page.set_content("<h1>Welcome</h1>")
                expect(page.get_by_role("heading")).to_be_visible()
    """,
    "no request at all over HTTP": """
        def nothing(http: httpx.Client):
            with step("think"):
                assert 1 + 1 == 2
    """,
    "an empty body": "def nothing(page: Page): ...",
}


@pytest.mark.parametrize("source", VACUOUS.values(), ids=VACUOUS.keys())
def test_what_proves_nothing_never_passes(bench: Bench, source: str) -> None:
    assert ours(bench.run(source)) == Cause.SCRIPT


BROKEN = {
    "an exception": "raise KeyError('x')",
    "an exception outside of Exception": "class Odd(BaseException): ...\n    raise Odd",
    "leaving the process in order": "sys.exit(0)",
    "an interrupt": "raise KeyboardInterrupt",
    "a cancellation": "import asyncio\n    raise asyncio.CancelledError",
    "a step in a step": "with step('a'), step('b'): ...",
    "two hundred steps": "for n in range(200):\n        with step(str(n)): ...",
    "an address that is none": "http.get('htp://nowhere')",
    "a name that is none": "http.nope()",
}
MISUSED = {
    "a locator that means several elements": "page.set_content('<b>1</b><b>2</b>');"
    " page.locator('b').click()",
    "a selector that is none": "page.locator('[[').click()",
    "a sleep longer than the journey": "page.wait_for_timeout(60_000)",
}


@pytest.mark.parametrize("code", BROKEN.values(), ids=BROKEN.keys())
def test_the_scripts_fault_is_not_the_targets(bench: Bench, code: str) -> None:
    run = bench.run(f"def broken(http: httpx.Client):\n    http.get('/')\n    {code}")
    assert ours(run) == Cause.SCRIPT, run.message
    assert all(step.outcome is not Outcome.FAILED for step in run.steps)


@pytest.mark.parametrize("code", MISUSED.values(), ids=MISUSED.keys())
def test_misuse_of_playwright_is_not_the_targets_fault(bench: Bench, code: str) -> None:
    run = bench.run(f"def broken(page: Page):\n    page.goto('/')\n    {code}")
    assert ours(run) == Cause.SCRIPT, run.message


def test_an_assertion_that_fails_is_the_targets(bench: Bench) -> None:
    run = bench.run("""
        def wrong(page: Page):
            with step("open"):
                page.goto("/")
            with step("look"):
                assert page.title() == "Goodbye", "it says something else"
    """)
    assert (failed(run), run.step) == (Cause.ASSERTION, "look")
    assert run.message == "it says something else"
    assert [step.outcome for step in run.steps] == [Outcome.PASSED, Outcome.FAILED]
    assert run.silent


@pytest.mark.parametrize(
    ("style", "hindrance"),
    [
        pytest.param("visibility: hidden", "element is not visible", id="it is not shown"),
        pytest.param("pointer-events: none", "intercepts pointer events", id="it is covered"),
    ],
)
def test_a_click_that_finds_no_way_says_what_stood_in_it(
    bench: Bench, style: str, hindrance: str
) -> None:
    run = bench.run(f"""
        def stuck(page: Page):
            with step("open"):
                page.goto("/")
                page.set_content("<button style='{style}'>Go on</button>")
                expect(page.get_by_text("Go on")).to_have_count(1)
                page.get_by_text("Go on").click(timeout=500)
    """)
    assert failed(run) == Cause.TIMEOUT
    assert hindrance in (run.message or "")


def test_nothing_before_the_first_request_is_the_targets(bench: Bench) -> None:
    run = bench.run("""
        def early(page: Page):
            with step("open"):
                expect(page.get_by_role("heading")).to_be_visible(timeout=200)
    """)
    assert ours(run) == Cause.SCRIPT


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        pytest.param("/status/500", Cause.HTTP_STATUS, id="500 with a body"),
        pytest.param("/missing", Cause.HTTP_STATUS, id="404"),
        pytest.param("/cut", Cause.NETWORK, id="a reset"),
        pytest.param("/hang", Cause.TIMEOUT, id="no answer"),
    ],
)
@pytest.mark.parametrize("how", ["page.goto({!r})", "http.get({!r})"], ids=["browser", "http"])
def test_the_page_itself_decides(bench: Bench, path: str, cause: Cause, how: str) -> None:
    what = "page" if "page" in how else "http"
    source = f"""
        def journey_of({what}):
            with step("before"):
                {how.format("/")}
                assert True
            with step("open"):
                {how.format(path)}
            with step("after"):
                assert False
    """
    run = bench.run(source, timeout="8s")
    assert (failed(run), run.step) == (cause, "open")
    assert run.silent is (path != "/status/500")


def test_a_status_that_is_meant_is_accepted(bench: Bench) -> None:
    run = bench.run("""
        def meant(page: Page):
            with step("one", status=404):
                page.goto("/missing")
                expect(page.get_by_role("heading")).to_have_text("Not here")
            with step("several", status={401, 500}):
                page.goto("/status/500")
            with step("any", status="any"):
                page.goto("/status/418")
    """)
    assert run.outcome is Outcome.PASSED
    assert (run.responses["4xx"], run.responses["5xx"]) == (2, 1)


def test_a_status_that_another_step_meant_is_not_accepted(bench: Bench) -> None:
    run = bench.run("""
        def meant(page: Page):
            with step("one", status=404):
                page.goto("/missing")
                expect(page.get_by_role("heading")).to_have_text("Not here")
            page.goto("/missing")
    """)
    assert failed(run) == Cause.HTTP_STATUS


def test_a_status_that_the_journey_catches_still_counts(bench: Bench) -> None:
    run = bench.run("""
        def catches(page: Page):
            try:
                with step("open"):
                    page.goto("/status/503")
            except Exception:
                pass
            with step("go on"):
                page.goto("/")
                expect(page).to_have_title("Welcome")
    """)
    assert failed(run) == Cause.HTTP_STATUS
    assert not run.silent


def test_what_is_not_the_page_itself_decides_nothing(bench: Bench, site: Site) -> None:
    site.pages["/partly"] = "<h1>Partly</h1><img src=/status/500><iframe src=/missing></iframe>"
    run = bench.run("""
        def partly(page: Page):
            with step("open"):
                page.goto("/partly")
                expect(page.get_by_role("heading", name="Partly")).to_be_visible()
    """)
    assert run.outcome is Outcome.PASSED
    assert run.responses["5xx"] == 1


def test_too_slow_is_a_failure_of_its_own(bench: Bench) -> None:
    source = """
        def slow(page: Page):
            with step("open"):
                page.goto("/")
                assert page.title()
                time.sleep(0.1)
    """
    run = bench.run(source, options="max_duration='50ms'")
    assert failed(run) == Cause.TOO_SLOW
    assert [step.outcome for step in run.steps] == [Outcome.PASSED]
    assert bench.run(source, options="max_duration='9s'").outcome is Outcome.PASSED


def test_asserts_count_in_page_objects_too(bench: Bench) -> None:
    package = bench.directory / "journeys" / "_shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "home.py").write_text("def look(page):\n    assert page.title() == 'Welcome'\n")
    run = bench.run("""
        def modular(page: Page):
            from _shop.home import look
            with step("open"):
                page.goto("/")
                look(page)
    """)
    assert (run.outcome, run.assertions) == (Outcome.PASSED, 1)


def test_cleanup_runs_after_the_verdict_and_changes_nothing(bench: Bench, site: Site) -> None:
    site.asked.clear()
    run = bench.run("""
        def tidy(page: Page):
            cleanup(lambda: page.goto("/first"))
            cleanup(lambda: 1 / 0)
            cleanup(lambda: page.goto("/second"))
            with step("open"):
                page.goto("/")
                expect(page).to_have_title("Welcome")
    """)
    assert run.outcome is Outcome.PASSED
    order = [asked.path for asked in site.asked if asked.path in ("/first", "/second")]
    assert order == ["/second", "/first"]
    assert "4xx" not in run.responses


def test_cleanup_runs_after_a_failure_too(bench: Bench, site: Site) -> None:
    site.asked.clear()
    run = bench.run("""
        def tidy(page: Page):
            cleanup(lambda: page.goto("/tidied"))
            with step("open"):
                page.goto("/status/500")
    """)
    assert failed(run) == Cause.HTTP_STATUS
    assert "/tidied" in [asked.path for asked in site.asked]


def test_cleanup_that_hangs_ends_in_its_own_time(bench: Bench) -> None:
    run = bench.run(GOOD.replace("with step", "cleanup(lambda: page.wait_for_timeout(60_000))\n"
                                 "        with step"))  # fmt: skip
    assert run.outcome is Outcome.PASSED
    assert run.phases[Phase.CLEANUP] < 11_000_000


def test_a_secret_is_given_to_who_named_it(bench: Bench) -> None:
    source = f"""
        def secretive(page: Page):
            with step("open"):
                page.goto("/")
                assert secret("password") == {SECRETS["password"]!r}
    """
    assert bench.run(source, options="secrets=['password']").outcome is Outcome.PASSED
    run = bench.run(source, options="secrets=['token']")
    assert ours(run) == Cause.SECRETS
    assert "password" in str(run.message)


def test_the_http_client_knows_the_target_and_says_who_it_is(bench: Bench, site: Site) -> None:
    site.asked.clear()
    run = bench.run("""
        def api(http: httpx.Client):
            with step("ask"):
                assert http.get("/json").json() == {"ok": True}
    """)
    assert run.outcome is Outcome.PASSED
    assert run.responses == {"2xx": 1}
    assert Phase.LAUNCH not in run.phases
    assert "Prober/" in site.asked[0].headers["user-agent"]


def test_a_journey_can_use_browser_and_http_together(bench: Bench) -> None:
    run = bench.run("""
        def both(context: BrowserContext, http: httpx.Client):
            with step("both"):
                page = context.new_page()
                page.goto("/")
                assert http.get("/json").json()["ok"]
    """)
    assert run.outcome is Outcome.PASSED


def test_steps_are_heard_as_they_happen(bench: Bench) -> None:
    bench.run(GOOD)
    names = [event["at"] for event in bench.heard]
    assert names == ["began", "step", "stepped", "judged", "kept", "cleaned", "done"]


def test_a_run_keeps_which_named_assertions_held(bench: Bench) -> None:
    run = bench.run("""
        def shown(page: Page):
            with step("open"):
                page.goto("/")
                with assertion("title"):
                    expect(page).to_have_title("Welcome")
            with step("look"):
                with assertion("heading"):
                    expect(page.get_by_role("heading")).to_have_text("Goodbye", timeout=200)
            with assertion("never"):
                assert True
    """)
    assert failed(run) == Cause.ASSERTION
    assert run.held == {"title": True, "heading": False}


def test_an_assertion_that_the_journey_catches_decides_nothing_else(bench: Bench) -> None:
    run = bench.run("""
        def soft(page: Page):
            with step("open"):
                page.goto("/")
                try:
                    with assertion("heading"):
                        expect(page.get_by_role("heading")).to_have_text("Goodbye", timeout=200)
                except AssertionError:
                    pass
    """)
    assert (run.outcome, run.held) == (Outcome.PASSED, {"heading": False})


def test_an_assertion_whose_time_was_up_did_not_hold(bench: Bench) -> None:
    run = bench.run(
        """
        def waits(page: Page):
            with step("open"):
                page.goto("/")
                with assertion("heading"):
                    page.get_by_role("heading", name="Goodbye").click()
        """,
        timeout="8s",
    )
    assert (failed(run), run.held) == (Cause.TIMEOUT, {"heading": False})


def test_the_scripts_fault_says_of_no_assertion_that_it_did_not_hold(bench: Bench) -> None:
    run = bench.run("""
        def broken(page: Page):
            with step("open"):
                page.goto("/")
                with assertion("title"):
                    expect(page).to_have_title("Welcome")
                with assertion("heading"):
                    raise KeyError("x")
    """)
    assert (ours(run), run.held) == (Cause.SCRIPT, {"title": True})


def test_what_cleanup_does_is_no_part_of_the_run(bench: Bench) -> None:
    run = bench.run("""
        def tidy(page: Page):
            def later():
                with step("tidy"), assertion("title"):
                    assert False
            cleanup(later)
            with step("open"):
                page.goto("/")
                with assertion("title"):
                    expect(page).to_have_title("Welcome")
    """)
    assert (run.outcome, run.held) == (Outcome.PASSED, {"title": True})
    assert [step.name for step in run.steps] == ["open"]
