"""Strain: what a busy machine does to a run is measured, and never laid to the target."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.loaded import burning
from prober.agent import strain
from prober.agent.strain import (
    LIMIT,
    SLOW_REFERENCE,
    STANDSTILL_S,
    UNKNOWN_S,
    Lag,
    Reading,
    Usual,
    doubts,
)
from prober.model import Cause, Outcome, Phase
from tests.faults.bench import Bench, Site, failed, ours, page

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells these things")

#: A calm machine, as a run's `host` has it.
CALM = {"watched": 2.0, "cpu_wait": 0.1, "memory_pressure": 0.0, "loop_lag": 0.01}
BURN = """
import os, sys, time
print("ready", flush=True)
sys.stdin.readline()
ends = time.process_time() + float(sys.argv[1])
while time.process_time() < ends:
    pass
print("burnt", flush=True)
sys.stdin.read()
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]], stdin=0, stdout=1)
child.wait()
"""
#: A process and its child, one of which burns before the first reading, and the child after it;
#: then the child ends and is waited for.
SHORT_LIVED = """
import os, sys, time
def burn(seconds):
    ends = time.process_time() + seconds
    while time.process_time() < ends:
        pass
down, up = os.pipe(), os.pipe()
child = os.fork()
if not child:
    burn(0.5)
    os.write(up[1], b"x")
    os.read(down[0], 1)
    burn(float(sys.argv[1]) / 2)
    os._exit(0)
os.read(up[0], 1)
print("ready", flush=True)
sys.stdin.readline()
os.write(down[1], b"x")
os.waitpid(child, 0)
print("burnt", flush=True)
sys.stdin.read()
"""


def reading(**changes: Any) -> Reading:
    """A reading of nothing but what a test says."""
    nothing: dict[str, Any] = {
        "at_s": 0.0,
        "used_s": {},
        "ended_s": {},
        "waited_s": {},
        "machine_s": {},
        "stalled_s": {},
        "throttled_s": {},
    }
    return Reading(**nothing | changes)


@contextmanager
def waiting_burner(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that burns half a second of processor time when it is told to."""
    with subprocess.Popen(
        [sys.executable, "-c", *command, "0.5"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as burner:
        assert burner.stdin and burner.stdout
        try:
            assert burner.stdout.readline() == b"ready\n"
            yield burner
        finally:
            burner.stdin.close()
            burner.wait()


def burn(burner: subprocess.Popen[bytes]) -> None:
    assert burner.stdin and burner.stdout
    burner.stdin.write(b"\n")
    burner.stdin.flush()
    assert burner.stdout.readline() == b"burnt\n"


# Readings


@linux
@pytest.mark.parametrize(
    "command",
    [pytest.param([BURN], id="the process itself"), pytest.param([PARENT, BURN], id="its child")],
)
def test_what_a_process_used_is_counted_of(command: list[str]) -> None:
    with waiting_burner(*command) as burner:
        before = Reading.take(burner.pid)
        burn(burner)
        found = Reading.take(burner.pid).since(before)
    assert 0.45 < found["cpu_used"] < 1.5
    assert found["watched"] >= 0.45


@linux
def test_what_a_child_used_that_ended_meanwhile_is_counted_and_not_what_it_used_before() -> None:
    with waiting_burner(SHORT_LIVED) as burner:
        before = Reading.take(burner.pid)
        burn(burner)
        found = Reading.take(burner.pid).since(before)
    assert 0.2 < found["cpu_used"] < 0.45


@linux
def test_a_process_among_burners_waits_for_others() -> None:
    with burning(4 * (os.cpu_count() or 1)), waiting_burner(BURN) as burner:
        before = Reading.take(burner.pid)
        burn(burner)
        found = Reading.take(burner.pid).since(before)
    assert found["cpu_others"] > 0.5
    assert found["cpu_wait"] > LIMIT * found["watched"]
    assert [doubt.cause for doubt in doubts(found)] == [Cause.SATURATED]


@linux
def test_an_idle_process_waits_for_nobody_on_a_busy_machine() -> None:
    with burning(2 * (os.cpu_count() or 1)), waiting_burner(BURN) as burner:
        before = Reading.take(burner.pid)
        time.sleep(1)
        found = Reading.take(burner.pid).since(before)
    assert found["cpu_wait"] < LIMIT * found["watched"]


@linux
def test_a_process_that_is_gone_gives_no_reading_and_no_doubt() -> None:
    with waiting_burner(BURN) as burner:
        before = Reading.take(burner.pid)
    found = Reading.take(burner.pid).since(before)
    assert "cpu_wait" not in found
    assert "watched" in found
    assert list(doubts(found)) == []


@linux
def test_a_reading_has_what_this_kernel_offers() -> None:
    found = Reading.take(os.getpid()).since(Reading.take(os.getpid()))
    assert found["memory_free"] > 0
    for resource in ("cpu", "memory", "io"):
        there = os.path.exists(f"/proc/pressure/{resource}")
        assert there <= (f"{resource}_pressure" in found)


@linux
def test_a_kernel_that_tells_nothing_is_not_guessed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strain, "_text", lambda path: "")
    found = Reading.take(os.getpid()).since(Reading.take(os.getpid()))
    assert found.keys() == {"watched"}


def test_a_wait_behind_ones_own_threads_is_not_laid_to_others() -> None:
    before = reading(machine_s={"busy": 0.0, "stolen": 0.0})
    after = reading(
        at_s=1.0, used_s={7: 2.0}, waited_s={7: 3.0}, machine_s={"busy": 2.0, "stolen": 0.0}
    )
    found = after.since(before)
    assert (found["cpu_wait"], found["cpu_others"]) == (0.0, 0.0)


def test_a_wait_is_laid_to_others_by_what_they_used() -> None:
    before = reading(used_s={7: 1.0}, waited_s={7: 1.0}, machine_s={"busy": 5.0, "stolen": 0.0})
    after = reading(
        at_s=2.0,
        used_s={7: 1.5, 8: 0.5},
        waited_s={7: 1.4, 8: 0.4},
        machine_s={"busy": 9.0, "stolen": 0.0},
    )
    found = after.since(before)
    assert found["cpu_used"] == 1.0
    assert found["cpu_others"] == 0.75
    assert found["cpu_wait"] == pytest.approx(0.75 * 0.8)


CALM_S = {"busy": 0.0, "stolen": 0.0}


@pytest.mark.parametrize(
    ("before", "after", "used_s"),
    [
        pytest.param(
            reading(used_s={1: 1.0}, ended_s={1: 4.0}),
            reading(used_s={1: 1.5}, ended_s={1: 5.0}),
            1.5,
            id="a child that came and went",
        ),
        pytest.param(
            reading(used_s={1: 1.0, 2: 3.0}, ended_s={1: 0.0, 2: 2.0}),
            reading(used_s={1: 1.0}, ended_s={1: 5.75}),
            0.75,
            id="one that was there before, and had waited for others",
        ),
        pytest.param(
            reading(used_s={1: 1.0, 2: 3.0}, ended_s={1: 0.0, 2: 0.0}),
            reading(used_s={1: 1.5}, ended_s={1: 0.0}),
            0.5,
            id="one that nobody of ours waited for",
        ),
    ],
)
def test_what_ended_meanwhile_is_ours_for_what_it_used_meanwhile(
    before: Reading, after: Reading, used_s: float
) -> None:
    busy = {"busy": 10.0, "stolen": 0.0}
    after = replace(after, at_s=10.0, waited_s={1: 0.0}, machine_s=busy)
    assert after.since(replace(before, machine_s=CALM_S))["cpu_used"] == used_s


def test_what_the_hypervisor_took_is_lost_as_well() -> None:
    before = reading(machine_s={"busy": 0.0, "stolen": 0.0})
    after = reading(
        at_s=2.0, used_s={7: 1.0}, waited_s={7: 0.0}, machine_s={"busy": 1.0, "stolen": 1.0}
    )
    found = after.since(before)
    assert (found["cpu_steal"], found["cpu_wait"]) == (0.5, 0.5)


def test_a_quota_that_held_back_is_counted_in_seconds() -> None:
    found = reading(at_s=1.0, throttled_s={"throttled_usec": 5.5}).since(
        reading(throttled_s={"throttled_usec": 5.0})
    )
    assert found["cpu_throttled"] == 0.5


# The event loop


def test_an_event_loop_that_stood_still_was_late() -> None:
    async def stand_still() -> float:
        lag = Lag()
        async with lag:
            await asyncio.sleep(0.01)
            time.sleep(0.9)  # what is measured
            await asyncio.sleep(0.01)
        return lag.longest_s

    assert asyncio.run(stand_still()) >= STANDSTILL_S


# The reference page


def test_what_is_usual_is_the_median_of_what_was_noted() -> None:
    usual = Usual()
    assert usual.times(100) is None
    for took_us in (90_000, 0, 100_000, 5_000_000):
        usual.note(took_us)
    assert usual.times(300_000) == 3.0
    assert usual.times(0) is None


# Doubts


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cpu_wait": 0.51}, "waited for processors that others had for 0.51 s of 2.00 s"),
        ({"cpu_throttled": 0.6}, "the quota of the control group held it back for 0.60 s"),
        ({"memory_pressure": 0.3}, "processes here waited for memory for 0.60 s"),
        ({"loop_lag": 0.7}, "nothing ran here for 0.70 s of 2.00 s, above 25%"),
        ({"reference": 3.5}, "a page of our own took its browser 3.5 times as long as usual"),
    ],
)
def test_a_run_that_lost_its_time_to_others_is_doubted(change: dict[str, float], said: str) -> None:
    (doubt,) = doubts(CALM | change)
    assert doubt.cause is Cause.SATURATED
    assert said in doubt.message
    assert doubt.message.startswith("this machine was too busy to measure: ")


@pytest.mark.parametrize(
    "host",
    [
        pytest.param({}, id="of which nothing is known"),
        pytest.param(CALM, id="on a calm machine"),
        pytest.param(CALM | {"cpu_wait": 0.5}, id="at the limit"),
        pytest.param({"watched": 0.01, "cpu_wait": UNKNOWN_S}, id="in which a clock ticked once"),
        pytest.param(CALM | {"watched": 1.0, "loop_lag": 0.4}, id="whose event loop was busy"),
        pytest.param(CALM | {"cpu_pressure": 1.0, "cpu_others": 0.9}, id="that others let be"),
        pytest.param(CALM | {"launch": 9.0}, id="whose browser was started in worse times"),
        pytest.param(CALM | {"reference": SLOW_REFERENCE}, id="whose browser is a little slow"),
    ],
)
def test_a_run_is_not_doubted(host: dict[str, float]) -> None:
    assert list(doubts(host)) == []


@given(st.floats(0.001, 1000), st.floats(0, 1000))
def test_a_loss_is_judged_by_its_share(watched_s: float, lost_s: float) -> None:
    found = list(doubts({"watched": watched_s, "cpu_wait": lost_s}))
    assert bool(found) == (lost_s > LIMIT * watched_s and lost_s > UNKNOWN_S)


# Whole runs: other tests load the machine meanwhile, so nothing here takes it to be calm

BUSY = page(
    "<h1>Busy</h1><script>for (let i = 0; i < 300; i++) "
    "document.body.append(Object.assign(document.createElement('p'), {textContent: i}))</script>"
)
QUICK = """
    def quick(page: Page):
        with step("look"):
            page.goto("/busy")
            expect(page.get_by_role("heading", name="Busy")).to_be_visible()
"""
ANSWERS_500 = QUICK.replace("/busy", "/status/500").replace("Busy", "Status")
WAITS = """
    def waits(http: httpx.Client):
        with step("wait"):
            time.sleep(10)
            assert http.get("/json").json()["ok"]
"""
FAILS = QUICK.replace('name="Busy")', 'name="Absent")').replace("visible()", "visible(timeout=300)")


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Bench]:
    """A bench that sets runs aside."""
    bench = Bench(tmp_path_factory.mktemp("judging"), site, region_lines=("saturation: on",))
    site.pages["/busy"] = BUSY
    yield bench
    bench.close()


@linux
@pytest.mark.long
@pytest.mark.browser
@pytest.mark.parametrize(
    ("options", "met"),
    [
        pytest.param("", None, id="and would have passed"),
        pytest.param("max_duration='1ms'", "while the run met: took", id="and took too long"),
    ],
)
def test_a_run_is_set_aside_that_met_a_loaded_machine(
    judging: Bench, options: str, met: str | None
) -> None:
    judging.rest()
    with burning(4 * (os.cpu_count() or 1)):
        run = judging.run(QUICK, timeout="60s", options=options)
    assert ours(run) == Cause.SATURATED
    assert "this machine was too busy to measure" in str(run.message)
    assert (met or "") in str(run.message)
    assert run.host["cpu_wait"] > LIMIT * run.host["watched"]
    assert [step.outcome for step in run.steps] == [Outcome.PASSED]


@pytest.mark.long
@pytest.mark.browser
def test_an_error_status_is_the_targets_on_a_loaded_machine_too(judging: Bench) -> None:
    with burning(4 * (os.cpu_count() or 1)):
        run = judging.run(ANSWERS_500, timeout="60s")
    assert failed(run) == Cause.HTTP_STATUS


@pytest.mark.long
def test_a_run_that_hardly_needs_a_processor_counts_on_a_loaded_machine(judging: Bench) -> None:
    with burning(2 * (os.cpu_count() or 1)):
        run = judging.run(WAITS, timeout="60s")
    assert run.outcome is Outcome.PASSED, run


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.parametrize("source", [QUICK, FAILS], ids=["that passes", "that fails"])
def test_a_run_is_set_aside_exactly_when_its_record_says_why(judging: Bench, source: str) -> None:
    run = judging.run(source, timeout="60s")
    why = [doubt.message for doubt in doubts(run.host)]
    if why:
        assert ours(run) == Cause.SATURATED
        assert str(run.message).startswith(why[0])
    else:
        assert ours(run) is None
        assert failed(run) == (Cause.ASSERTION if source is FAILS else None)


@pytest.mark.long
@pytest.mark.browser
def test_where_saturation_is_off_it_is_only_recorded(bench: Bench) -> None:
    bench.site.pages["/busy"] = BUSY
    with burning(4 * (os.cpu_count() or 1)):
        run = bench.run(QUICK, timeout="60s")
    assert run.outcome is Outcome.PASSED, run
    if sys.platform == "linux":
        assert run.host["cpu_wait"] > 0


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.parametrize("isolation", ["browser", "context"])
def test_a_failure_says_how_fast_its_browser_still_is(
    make_bench: Callable[..., Bench], isolation: str
) -> None:
    bench = make_bench(f"isolation: {isolation}")
    bench.site.pages["/busy"] = BUSY
    first, second, third, fourth = (
        bench.run(source, timeout="60s") for source in (QUICK, QUICK, FAILS, QUICK)
    )
    assert [failed(run) for run in (first, second, third, fourth)] == [
        None, None, Cause.ASSERTION, None,
    ]  # fmt: skip
    assert not first.host.keys() & {"reference", "launch"}, "there was nothing to compare with"
    assert "reference" not in second.host, "a run that passes does not pay for it"
    assert ("launch" in second.host) == (isolation == "browser")
    assert third.host["reference"] > 0
    assert third.phases[Phase.EVIDENCE] > second.phases[Phase.EVIDENCE]
    assert fourth.outcome is Outcome.PASSED, "the page of our own leaves nothing behind"


@pytest.mark.long
@pytest.mark.browser
def test_a_page_that_never_rests_makes_way_for_one_of_our_own(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    bench.run(QUICK.replace("/busy", "/").replace("Busy", "Welcome"), timeout="60s")
    hot = QUICK.replace("/busy", "/loop").replace("Busy", "Absent")
    run = bench.run(hot, timeout="8s")
    assert failed(run) is not None, run
    assert "reference" in run.host, "its renderer was ended before"
