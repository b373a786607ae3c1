"""The record the supervisor writes, whatever became of the worker."""

from __future__ import annotations

from prober.model import Cause, Outcome, Phase, Run
from tests.faults.bench import Bench, ours

STUCK = """
    def stuck(http: httpx.Client):
        with step("one"):
            http.get("/")
        with step("two"):
            time.sleep(600)
"""


def test_a_killed_run_has_all_that_was_known(bench: Bench) -> None:
    run = bench.run(STUCK, timeout="4s")
    assert ours(run) == Cause.SCRIPT
    assert [step.name for step in run.steps] == ["one", "two"]
    one, two = run.steps
    assert (one.outcome, two.outcome) == (Outcome.PASSED, Outcome.INCONCLUSIVE)
    assert one.offset_us == 0
    assert two.offset_us >= one.duration_us
    assert 500_000 < two.duration_us < 6_000_000  # the deadline and two seconds
    assert "it was at probe" in str(run.message)
    assert any("probe" in line for line in run.evidence["where"])
    assert run.started_ms <= run.finished_ms


def test_the_first_step_of_a_killed_run_begins_at_nought(bench: Bench) -> None:
    source = """
        def stuck(http: httpx.Client):
            time.sleep(0.3)
            with step("one"):
                time.sleep(600)
    """
    [step] = bench.run(source, timeout="4s").steps
    assert step.offset_us == 0


def test_a_killed_run_without_a_step_has_a_record_too(bench: Bench) -> None:
    run = bench.run("def stuck(http: httpx.Client):\n    time.sleep(600)", timeout="300ms")
    assert (ours(run), run.step, run.steps) == (Cause.SCRIPT, None, ())


def test_a_record_says_what_measured(bench: Bench) -> None:
    run = bench.run(STUCK.replace("time.sleep(600)", "assert True"))
    assert run.outcome is Outcome.PASSED
    assert {"prober", "playwright", "journey"} <= run.regime.keys()
    assert run.host
    assert run.phases[Phase.QUEUE] >= 0
    assert Run.from_json(run.to_json()) == run


def test_a_journey_that_is_no_longer_there_is_the_scripts_fault(bench: Bench) -> None:
    journey = bench.journey("def gone(http: httpx.Client): ...")
    with open(journey.file, "w") as file:
        file.write("")
    run = bench.do(bench.play(journey))
    assert ours(run) == Cause.SCRIPT
    assert "no longer declares a journey 'gone'" in str(run.message)
