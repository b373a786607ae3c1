"""Web vitals of the pages that steps end on, of real pages in a real browser."""

from __future__ import annotations

import time
from typing import Any

import pytest

from prober.agent.paint import read
from prober.model import Outcome, Run
from tests.faults.bench import Bench, Site, page

#: Its text stands at once, in the upper half of a window of 1280 x 720, and goes to the lower.
MOVED = page(
    "<style>body { margin: 0 } div { height: 50vh; background: #eee; font: 99px serif }</style>"
    "<div id=above style='display: none'></div><div>Text</div>"
    "<script>setTimeout(() => { above.style.display = 'block'; "
    "setTimeout(() => document.title = 'Done', 300) }, 300)</script>"
)
OPEN = """
    def opens(page: Page):
        with step("open"):
            page.goto({path!r})
            expect(page).to_have_title("Done")
"""


def vitals(run: Run) -> list[dict[str, int]]:
    assert run.outcome is Outcome.PASSED, run.message
    return [dict(step.vitals) for step in run.steps]


def test_a_page_is_asked_how_it_came_up(bench: Bench, site: Site) -> None:
    site.pages["/moved"] = MOVED
    (found,) = vitals(bench.run(OPEN.format(path="/moved")))
    assert 0 < found["ttfb"] < found["fcp"] <= found["lcp"] < 10_000_000
    assert found["cls"] == 281_250  # all of the window moved by 360 of its 1280 pixels


def test_a_slow_answer_is_in_every_time(bench: Bench, site: Site) -> None:
    site.pages["/late"] = page("<h1>Late</h1>", "Done")
    answer = site.answer

    def late(to: Any) -> None:
        time.sleep(0.5)
        answer(to)

    site.answer = late  # type: ignore[method-assign]
    (found,) = vitals(bench.run(OPEN.format(path="/late")))
    assert 500_000 <= found["ttfb"] < found["fcp"] <= found["lcp"]
    assert found["cls"] == 0


def test_a_page_is_told_once_and_by_the_step_that_first_ended_on_it(
    bench: Bench, site: Site
) -> None:
    site.pages["/one"] = page("<h1>One</h1><a href=/two>On</a>")
    site.pages["/two"] = page("<h1>Two</h1>")
    run = bench.run("""
        def walks(page: Page):
            with step("open"):
                page.goto("/one")
                expect(page.get_by_role("heading")).to_have_text("One")
            with step("look"):
                expect(page.get_by_role("link")).to_be_visible()
            with step("go on"):
                page.get_by_role("link").click()
                expect(page.get_by_role("heading")).to_have_text("Two")
                time.sleep(0.1)
            with step("look again"):
                expect(page.get_by_role("heading")).to_have_text("Two")
    """)
    all_of_them = {"ttfb", "fcp", "lcp", "cls"}
    assert [set(found) for found in vitals(run)] == [all_of_them, set(), all_of_them, set()]


def test_nobody_waits_for_a_page_that_is_busy(bench: Bench, site: Site) -> None:
    site.pages["/busy"] = page(
        "<h1>Busy</h1><script>setTimeout(() => { document.title = 'Done'; setTimeout(() => { "
        "const end = performance.now() + 1500; while (performance.now() < end); }, 100) }, 100)"
        "</script>"
    )
    began = time.monotonic()
    run = bench.run("""
        def leaves(page: Page):
            with step("open"):
                page.goto("/busy")
                expect(page).to_have_title("Done")
                time.sleep(0.3)
            with step("think"):
                assert True
    """)
    assert run.outcome is Outcome.PASSED, run.message
    first, second = run.steps
    assert second.offset_us - first.offset_us - first.duration_us < 300_000
    assert first.vitals == {}
    assert time.monotonic() - began < 60


def test_a_journey_that_ends_in_time_is_not_blamed_for_a_page_that_answers_nothing(
    bench: Bench, site: Site
) -> None:
    site.pages["/loop2"] = page(
        "<h1>Loop</h1><script>document.title = 'Done'; setTimeout(() => { while (1); }, 300)"
        "</script>"
    )
    run = bench.run("""
        def leaves(page: Page):
            with step("open"):
                page.goto("/loop2")
                expect(page).to_have_title("Done")
                time.sleep(0.5)
            with step("think"):
                assert True
    """)
    assert run.outcome is Outcome.PASSED, run.message


@pytest.mark.parametrize(
    "lie",
    [
        "performance.getEntriesByType = () => [{responseStart: 1e300}]",
        "performance.getEntriesByType = () => [{responseStart: 'x'.repeat(1e6)}]",
        "performance.getEntriesByType = () => [{responseStart: -1}]",
        "performance.getEntriesByType = () => { throw Error('no') }",
        "window.PerformanceObserver = null",
        "Object.prototype.toJSON = () => 'x'",
    ],
)
def test_a_page_that_lies_is_left_out_and_harms_nothing(bench: Bench, site: Site, lie: str) -> None:
    site.pages["/lies"] = page(f"<h1>Lies</h1><script>{lie}; document.title = 'Done'</script>")
    (found,) = vitals(bench.run(OPEN.format(path="/lies")))
    assert "ttfb" not in found or found["ttfb"] < 10_000_000


@pytest.mark.parametrize(
    "answer",
    [None, [], "x", {}, {"ttfb": None}, {"ttfb": float("nan")}, {"lcp": float("inf")},
     {"cls": -0.1}, {"fcp": 3_600_001}, {"ttfb": {"a": 1}}, {"other": 1}],
)  # fmt: skip
def test_what_cannot_be_is_left_out(answer: object) -> None:
    assert read(answer) == {}


def test_units_are_those_of_the_record() -> None:
    assert read({"began": 1, "ttfb": 1.5, "fcp": 2, "lcp": 3.25, "cls": 0.1}) == {
        "ttfb": 1500, "fcp": 2000, "lcp": 3250, "cls": 100_000,
    }  # fmt: skip
