"""Journeys and pages that do their worst: ended in time, blamed rightly, nobody else harmed."""

from __future__ import annotations

import time

import pytest

from prober.model import Cause, Outcome, Run
from tests.agent.test_worker import GOOD
from tests.faults.bench import Bench, failed, ours

pytestmark = pytest.mark.browser

#: A deadline that keeps the tests quick; the verdict of a hung page needs most of a second.
TIMEOUT_S = 4
HUNG_S = 8
#: Nothing of what passes takes so long, on whatever machine.
PATIENT_S = 30
#: What is promised beyond the deadline, and what a loaded machine adds to the test itself.
GRACE_S = 2
SLACK_S = 4
EVIDENCE_S = 5


def timed(bench: Bench, source: str, timeout_s: int) -> tuple[Run, float]:
    """A run, and the seconds from the moment its code began."""
    began: list[float] = []

    def listener(event: dict[str, object]) -> None:
        if event["at"] == "began":
            began.append(time.monotonic())

    run = bench.run(source, timeout=f"{timeout_s}s", listener=listener)
    return run, time.monotonic() - began[0]


#: What the code does, and whether the record can say in which step.
STUBBORN = {
    "loops": "while True: pass",
    "sleeps": "time.sleep(600)",
    "swallows every exception": """while True:
            try:
                http.get("/hang")
            except BaseException:
                pass""",
    "ignores signals": """for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        time.sleep(600)""",
    "holds the interpreter": "re.match(r'(a+)+$', 'a' * 60 + 'b')",
    "reads for ever": "os.read(os.pipe()[0], 1)",
}


@pytest.mark.parametrize("code", STUBBORN.values(), ids=STUBBORN.keys())
def test_a_journey_that_does_not_stop_is_ended(bench: Bench, code: str) -> None:
    source = f"""
def stubborn(http: httpx.Client):
    with step("open"):
        http.get("/")
    with step("stick"):
        {code}
"""
    run, took_s = timed(bench, source, TIMEOUT_S)
    assert ours(run) == Cause.SCRIPT, run.message
    assert run.step == "stick"
    assert [step.outcome for step in run.steps] == [Outcome.PASSED, Outcome.INCONCLUSIVE]
    assert took_s < TIMEOUT_S + GRACE_S + SLACK_S
    assert bench.run(GOOD).outcome is Outcome.PASSED


def test_a_deadline_that_is_caught_is_no_pass(bench: Bench) -> None:
    run = bench.run(
        """
        def catches(page: Page):
            with step("open"):
                page.goto("/")
                expect(page).to_have_title("Welcome")
            with step("wait"):
                try:
                    page.get_by_text("never").click(timeout=60_000)
                except Exception:
                    pass
        """,
        timeout="6s",
    )
    assert ours(run) == Cause.SCRIPT


def test_a_deadline_that_is_caught_over_http_is_no_pass(bench: Bench) -> None:
    run = bench.run(
        """
        def catches(http: httpx.Client):
            with step("open"):
                assert http.get("/").status_code == 200
            with step("wait"):
                try:
                    http.get("/hang", timeout=None)
                except Exception:
                    pass
        """,
        timeout="2s",
    )
    assert run.outcome is not Outcome.PASSED


ENDING = {
    "_exit": "os._exit(0)",
    "a signal": "os.kill(os.getpid(), signal.SIGKILL)",
    "a fault": "import ctypes; ctypes.string_at(0)",
}


@pytest.mark.parametrize("code", ENDING.values(), ids=ENDING.keys())
def test_a_journey_that_ends_its_worker_leaves_a_record(bench: Bench, code: str) -> None:
    run = bench.run(f"""
def ending(http: httpx.Client):
    with step("open"):
        http.get("/")
    with step("end"):
        {code}
""")
    assert ours(run) == Cause.WORKER
    assert run.step == "end"
    assert bench.run(GOOD).outcome is Outcome.PASSED


HUNG = {
    "its script never ends": 'page.goto("/loop")\n            page.wait_for_timeout(200)\n'
    "            page.title()",
    "an evaluation never ends": 'page.goto("/")\n            page.evaluate("while (1);")',
}


@pytest.mark.long
@pytest.mark.parametrize("code", HUNG.values(), ids=HUNG.keys())
def test_a_page_that_hangs_is_the_targets_fault(bench: Bench, code: str) -> None:
    source = f"""
    def hung(page: Page):
        with step("open"):
            {code}
            assert False, "not reached"
    """
    run, took_s = timed(bench, source, HUNG_S)
    assert failed(run) == Cause.TIMEOUT, run.message
    assert run.step == "open"
    assert took_s < HUNG_S + GRACE_S + EVIDENCE_S + SLACK_S


HARMLESS = {
    "asks before it is left": 'page.goto("/leaving")\n'
    "            page.get_by_role('button').click()\n            page.goto('/')",
    "talks in dialogs all the time": 'page.goto("/dialogs")\n            page.title()',
    "is closed by the journey": 'page.goto("/leaving")\n'
    "            page.get_by_role('button').click()\n            page.close()",
}


@pytest.mark.parametrize("code", HARMLESS.values(), ids=HARMLESS.keys())
def test_a_page_is_survived_that(bench: Bench, code: str) -> None:
    source = f"""
    def survived(page: Page):
        with step("open"):
            {code}
            assert True
    """
    run, took_s = timed(bench, source, PATIENT_S)
    assert run.outcome is Outcome.PASSED, run.message
    assert took_s < PATIENT_S + GRACE_S
