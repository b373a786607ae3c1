"""Three regions in containers: judged, counted, cut off, paused, killed, and nothing lost."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from prober.model import Cause, Outcome, Schedule
from tests.conftest import SHORT
from tests.fleet.books import Books, audit
from tests.fleet.fleet import JOURNEYS, REGIONS, Fleet, docker, inspected, processes

LASTS_S = 40.0 if SHORT else 600.0
pytestmark = [pytest.mark.fleet, pytest.mark.timeout(round(LASTS_S) + 900)]

#: Whose road to the target, or to the evaluator, is cut.
CUT = "us-east-1"
SERVICES = (*REGIONS, "evaluator", "victoria")


def test_journeys_of_three_regions_are_judged_and_counted_alike(
    fleet: Fleet, tmp_path: Path
) -> None:
    def judged() -> bool:
        states = fleet.states()
        return len(states) == len(JOURNEYS) and set(states.values()) == {"FULL"}

    fleet.until(judged)
    every = [(region, journey) for region in REGIONS for journey in JOURNEYS]
    fleet.until(lambda: all(fleet.runs(r, journey=j, outcome="passed") for r, j in every))
    for region, books in audit(fleet, tmp_path).items():
        assert {run.id.region for run in books.runs} == {region}
        passed = {run.id.journey for run in books.runs if run.outcome is Outcome.PASSED}
        assert passed == set(JOURNEYS)


def test_a_region_without_a_road_to_the_target_blames_only_the_road(
    fleet: Fleet, tmp_path: Path
) -> None:
    fleet.until(lambda: all(fleet.runs(region, outcome="passed") for region in REGIONS))
    before = {region: fleet.runs(region, outcome="passed") for region in REGIONS}
    fleet.cut(CUT, f"road-{CUT}")
    cut_ms = now_ms()
    fleet.until(lambda: fleet.runs(CUT) - fleet.runs(CUT, outcome="passed") >= 3)
    fleet.until(
        lambda: all(
            fleet.runs(region, outcome="passed") >= before[region] + 3
            for region in REGIONS
            if region != CUT
        )
    )
    mended_ms = now_ms()
    fleet.mend(CUT, f"road-{CUT}")
    passed = fleet.runs(CUT, outcome="passed")
    fleet.until(lambda: fleet.runs(CUT, outcome="passed") >= passed + 3)

    books = audit(fleet, tmp_path)
    for region in REGIONS:
        during = [run for run in books[region].runs if cut_ms < run.started_ms < mended_ms]
        if region == CUT:
            assert not [run for run in during if run.outcome is Outcome.PASSED]
            blamed = {run.cause for run in during if run.outcome is Outcome.FAILED}
            assert blamed, messages(books[region])
            assert blamed <= {Cause.NETWORK, Cause.TIMEOUT}, messages(books[region])
            unclear = {run.cause for run in during if run.outcome is Outcome.INCONCLUSIVE}
            assert unclear <= {Cause.EGRESS}, messages(books[region])
        else:
            assert {run.outcome for run in during} == {Outcome.PASSED}, messages(books[region])


def test_a_region_that_is_cut_off_from_everything_blames_nobody(
    fleet: Fleet, tmp_path: Path
) -> None:
    fleet.until(lambda: fleet.runs(CUT, outcome="passed"))
    fleet.until(fleet.settled)
    for network in ("fleet", f"road-{CUT}"):
        fleet.cut(CUT, network)
    cut_ms = now_ms()
    ends_s = time.monotonic() + 30
    fleet.until(lambda: time.monotonic() > ends_s, 40)
    mended_ms = now_ms()
    for network in ("fleet", f"road-{CUT}"):
        fleet.mend(CUT, network)
    passed = fleet.runs(CUT, outcome="passed")
    fleet.until(lambda: fleet.runs(CUT, outcome="passed") > passed)
    books = audit(fleet, tmp_path)[CUT]
    during = [run for run in books.runs if cut_ms < run.started_ms < run.finished_ms < mended_ms]
    assert {run.cause for run in during} == {Cause.EGRESS}, messages(books)


def test_a_region_without_a_road_to_the_evaluator_loses_nothing(
    fleet: Fleet, tmp_path: Path
) -> None:
    fleet.until(fleet.settled)
    held = sum(fleet.held()[journey, CUT][0] for journey in JOURNEYS)
    fleet.cut(CUT, "fleet")
    ends_s = time.monotonic() + LASTS_S
    cut_ms = now_ms()
    fleet.until(lambda: time.monotonic() > ends_s, LASTS_S + 10)
    assert sum(fleet.held()[journey, CUT][0] for journey in JOURNEYS) <= held + 3
    mended_ms = now_ms()
    fleet.mend(CUT, "fleet")
    # First the evaluator must hear of runs it does not have.
    enough = held + LASTS_S / 6
    fleet.until(lambda: sum(fleet.held()[journey, CUT][0] for journey in JOURNEYS) > enough)

    books = audit(fleet, tmp_path)[CUT]
    during = [run for run in books.runs if cut_ms < run.started_ms < mended_ms]
    assert {run.id.journey for run in during} == set(JOURNEYS)
    assert {run.outcome for run in during} == {Outcome.PASSED}, messages(books)


def test_pauses_kills_and_crashes_lose_no_slot_and_leave_nobody_behind(
    fleet: Fleet, tmp_path: Path
) -> None:
    chance = random.Random(4711)
    begins_s = time.monotonic()
    struck: Counter[str] = Counter()
    restarted = False
    while time.monotonic() < begins_s + LASTS_S or len(struck) < 3:
        service = chance.choice(SERVICES)
        strikes = (pause, kill) if service == "victoria" else (pause, kill, crash)
        strike = chance.choice(strikes)
        strike(fleet, service, chance)
        struck[strike.__name__] += 1
        if not restarted and time.monotonic() > begins_s + LASTS_S / 2:
            docker("restart", "--time", "20", fleet.container("evaluator"))
            restarted = True
        time.sleep(chance.uniform(0, 5))
    fleet.until(lambda: all(running(fleet, service) for service in SERVICES))
    before = {region: fleet.runs(region, outcome="passed") for region in REGIONS}
    fleet.until(lambda: all(fleet.runs(r, outcome="passed") > before[r] for r in REGIONS))
    for region in REGIONS:
        fleet.until(lambda region=region: is_tidy(fleet, region))
    audit(fleet, tmp_path)


def test_a_region_that_dies_is_an_alarm_and_no_other_is(fleet: Fleet) -> None:
    if SHORT:
        pytest.skip("it is told after two to three minutes")
    fleet.until(lambda: all(fleet.runs(region) for region in REGIONS))  # all were heard of
    fleet.until(lambda: fleet.pages() == set(), 300)
    docker("kill", fleet.container(CUT))
    try:
        fleet.until(lambda: fleet.pages() == {("ProberAgentSilent", CUT)}, 240)
    finally:
        docker("start", fleet.container(CUT))
    fleet.until(lambda: fleet.pages() == set(), 240)


def test_a_new_configuration_is_read_at_a_signal_without_a_restart(
    fleet: Fleet, tmp_path: Path
) -> None:
    fleet.until(fleet.settled)
    fleet.until(lambda: all(fleet.is_ready(region) for region in REGIONS))  # it takes signals
    begun = [inspected(each)["State"]["StartedAt"] for each in fleet.containers(REGIONS)]
    fleet.configure(every="5s")
    for region in REGIONS:
        docker("kill", "--signal", "HUP", fleet.container(region))
    before = {region: fleet.runs(region) for region in REGIONS}
    fleet.until(lambda: all(fleet.runs(region) >= before[region] + 3 for region in REGIONS))
    assert begun == [inspected(each)["State"]["StartedAt"] for each in fleet.containers(REGIONS)]
    for books in audit(fleet, tmp_path).values():
        schedules = [each for each in books.records if isinstance(each, Schedule)]
        periods = [each.every_ms for each in schedules if each.journey == "account_api"]
        assert periods[-1] == 5000


def test_a_new_configuration_rolls_over_the_fleet_and_nothing_is_lost(
    fleet: Fleet, tmp_path: Path
) -> None:
    fleet.until(fleet.settled)
    before = {region: fleet.runs(region) for region in REGIONS}
    fleet.configure(every="4s")
    for region in REGIONS:
        docker("restart", "--time", "40", fleet.container(region))
        fleet.until(lambda region=region: fleet.is_ready(region))
        fleet.until(lambda region=region: fleet.runs(region) > before[region])
    for books in audit(fleet, tmp_path).values():
        schedules = [each for each in books.records if isinstance(each, Schedule)]
        periods = [each.every_ms for each in schedules if each.journey == "account_api"]
        assert periods[-2:] == [5000, 4000]


def pause(fleet: Fleet, service: str, chance: random.Random) -> None:
    """Every process of it stands still for a while."""
    container = fleet.container(service)
    docker("pause", container)
    time.sleep(chance.uniform(0.5, 6))
    docker("unpause", container)


def kill(fleet: Fleet, service: str, chance: random.Random) -> None:
    """All of it ends at once; somebody starts it again."""
    container = fleet.container(service)
    docker("kill", container)
    time.sleep(chance.uniform(0, 2))
    docker("start", container)


def crash(fleet: Fleet, service: str, _chance: random.Random) -> None:
    """Its main process dies; the engine starts it again."""
    container = fleet.container(service)
    begun = inspected(container)["State"]["StartedAt"]
    fleet.inside(service, "sh", "-c", "kill -9 $(cat /proc/1/task/1/children)")
    fleet.until(lambda: inspected(container)["State"]["StartedAt"] != begun)


def running(fleet: Fleet, service: str) -> bool:
    state = inspected(fleet.container(service))["State"]
    return bool(state["Running"] and not state["Paused"] and not state["Restarting"])


def is_tidy(fleet: Fleet, region: str) -> bool:
    """No zombie, and what the next run needs: every other process would be an orphan."""
    found = list(processes(fleet.container(region)))
    workers = [each for each in found if "prober.agent.worker" in each["args"]]
    drivers = [each for each in found if "run-driver" in each["args"]]
    browsers = [
        each
        for each in found
        if "chromium" in each["args"].split()[0] and "--type" not in each["args"]
        if "crashpad" not in each["args"]
    ]
    alone = len(browsers) == 1 and len(drivers) <= len(workers) <= 2  # one may be for `http`
    return alone and not [each for each in found if each["stat"].startswith("Z")]


def messages(books: Books) -> list[str]:
    """What runs that did not pass say."""
    return [f"{run.id.journey}: {run.cause}: {run.message}" for run in books.runs if run.cause]


def now_ms() -> int:
    return time.time_ns() // 1_000_000
