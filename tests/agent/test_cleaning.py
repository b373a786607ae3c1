"""Cleaning up: what a run made is taken back, by itself or by the next run of its journey."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from prober.agent.recorder import MOST_EFFECTS, Recorder
from prober.agent.undo import Noting, Undo
from prober.errors import StepMisuse
from prober.journey import Journey, on_stage, step
from prober.model import Cause, Outcome, Phase
from tests.faults.bench import Bench, ours

#: Leaves a file behind, by whose name the next run finds it.
LEAVES = """
    DIRECTORY = {directory!r}

    def take_back(reference, http):
        http.get("/json")
        with open(DIRECTORY + "/log", "a") as log:
            log.write(f"{{reference}}\\n")
        os.unlink(f"{{DIRECTORY}}/{{reference}}")

    @journey(every="5m", timeout="10s")
    def leave(http: httpx.Client):
        with step("ask"):
            assert http.get("/json").json()["ok"]
        for number in (1, 2):
            name = f"{{run_name()}}-{{number}}"
            cleanup(take_back, name)
            open(f"{{DIRECTORY}}/{{name}}", "w").close()
        if os.path.exists(DIRECTORY + "/die"):
            os.unlink(DIRECTORY + "/die")
            os._exit(1)
"""


@pytest.fixture
def leaves(bench: Bench, tmp_path: Path) -> Journey:
    """A journey that makes two things, and dies with its worker when told to."""
    return bench.journey(LEAVES.format(directory=str(tmp_path)))


def things(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("prober-*"))


def test_a_run_takes_back_what_it_made_newest_first(
    bench: Bench, leaves: Journey, tmp_path: Path
) -> None:
    run = bench.do(bench.play(leaves))
    assert run.outcome is Outcome.PASSED, run.message
    assert things(tmp_path) == []
    first, second = (tmp_path / "log").read_text().split()
    assert first == second.removesuffix("1") + "2"
    assert first.startswith(f"prober-leave-here-{run.id.slot_ms}-manual")
    assert run.phases[Phase.CLEANUP] > 0


def test_what_a_run_left_whose_worker_died_the_next_takes_back(
    bench: Bench, leaves: Journey, tmp_path: Path
) -> None:
    (tmp_path / "die").touch()
    assert ours(bench.do(bench.play(leaves))) == Cause.WORKER
    left = things(tmp_path)
    assert len(left) == 2
    assert bench.do(bench.play(leaves)).outcome is Outcome.PASSED
    assert things(tmp_path) == []
    undone = (tmp_path / "log").read_text().split()
    assert undone[2:] == left[::-1], "its own first, then the newest of those before"
    assert bench.do(bench.play(leaves)).outcome is Outcome.PASSED
    assert len((tmp_path / "log").read_text().split()) == 6, "nothing is taken back twice"


def test_an_undo_that_fails_changes_no_outcome_and_is_tried_by_the_next_run(
    bench: Bench, leaves: Journey, tmp_path: Path
) -> None:
    (tmp_path / "log").mkdir()  # so that nothing can be taken back
    run = bench.do(bench.play(leaves))
    assert (run.outcome, run.cause) == (Outcome.PASSED, None)
    [cleaned] = [event for event in bench.heard if event["at"] == "cleaned"]
    assert [line.partition("(")[0] for line in cleaned["errors"]] == ["take_back", "take_back"]
    (tmp_path / "log").rmdir()
    assert bench.do(bench.play(leaves)).outcome is Outcome.PASSED
    assert things(tmp_path) == []


REFUSED = {
    "a lambda": ("cleanup(lambda reference: 1, 'R-1')", "<lambda> is no function of the journey's"),
    "a function within": (
        "def inner(reference): ...\n    cleanup(inner, 'R-1')",
        "inner is no function of the journey's file",
    ),
    "a parameter nobody gives": ("cleanup(odd, 'R-1')", "odd asks for basket, which nobody gives"),
    "no reference in it": ("cleanup(blind, 'R-1')", "blind has no parameter reference"),
    "no text": ("cleanup(good, '')", "a reference is a text of 1 to 500 characters"),
    "a secret": ("cleanup(good, secret('token'))", "the reference holds a secret"),
}


@pytest.mark.parametrize(("code", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_no_later_run_could_do_is_refused(bench: Bench, code: str, said: str) -> None:
    run = bench.run(f"""
    def odd(reference, basket): ...

    def blind(http): ...

    def good(reference): ...

    @journey(every="5m", timeout="10s", secrets=["token"])
    def refused(http: httpx.Client):
        with step("ask"):
            assert http.get("/json").json()["ok"]
        {code.replace(chr(10), chr(10) + "    ")}
    """)
    assert ours(run) == Cause.SCRIPT
    assert said in str(run.message)


@pytest.mark.parametrize(
    ("path", "done"), [("/json", True), ("/missing", True), ("/status/500", False)]
)
def test_what_is_not_there_any_more_is_undone_and_other_refusals_are_none(
    bench: Bench, path: str, done: bool
) -> None:
    run = bench.run(f"""
    def ask(reference, http):
        http.get(reference)

    @journey(every="5m", timeout="10s")
    def asks(http: httpx.Client):
        with step("ask"):
            assert http.get("/json").json()["ok"]
        cleanup(ask, {path!r})
    """)
    assert run.outcome is Outcome.PASSED
    said = [event["at"] for event in bench.heard if event["at"] in ("undone", "remained")]
    assert said == ["undone" if done else "remained"]


@pytest.mark.browser
def test_an_undo_may_use_the_page_and_a_client_that_the_journey_had_not(bench: Bench) -> None:
    run = bench.run("""
    def look(reference, page, http, base_url):
        page.goto(reference)
        assert page.url == base_url + reference
        assert http.get("/json").json()["ok"]

    @journey(every="5m", timeout="20s")
    def browses(page: Page):
        with step("open"):
            page.goto("/")
            expect(page.get_by_role("heading")).to_have_text("Welcome")
        cleanup(look, "/cookie")
    """)
    assert run.outcome is Outcome.PASSED, run.message
    assert [each["at"] for each in bench.heard if "done" in each["at"]] == ["undone", "done"]


def stage(note: Callable[[str, str], int | None]) -> Recorder:
    found = Recorder(lambda event: None, {}, ("shop.example",))
    found.noting = Noting(globals().__getitem__, note)
    return found


def take_back(reference: str) -> None: ...


def test_a_step_does_not_pay_for_the_noting() -> None:
    def slowly(action: str, reference: str) -> int:
        time.sleep(0.3)
        return 7

    recorder = stage(slowly)
    with on_stage(recorder), step("order"):
        time.sleep(0.05)
        recorder.cleanup(take_back, "R-1")
    [order] = recorder.steps
    assert 50_000 <= order["duration_us"] < 200_000
    assert recorder.cleanups == [Undo("take_back", "R-1", 7, take_back)]


def test_a_loop_of_effects_has_an_end() -> None:
    recorder = stage(lambda action, reference: None)
    for number in range(MOST_EFFECTS):
        recorder.cleanup(take_back, str(number))
    with pytest.raises(StepMisuse, match=f"at most {MOST_EFFECTS} things"):
        recorder.cleanup(take_back, "once more")
