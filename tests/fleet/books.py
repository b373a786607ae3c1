"""The books of a fleet that was stopped: every journal, and whether they agree to the last slot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.books import Books, Totals, assert_every_slot_has_one_state, assert_same_records
from tests.fleet.fleet import REGIONS, Fleet, docker, inspected


def audit(fleet: Fleet, directory: Path) -> dict[str, Books]:
    """Stop the fleet in order, hold everybody's books against each other, start it again.

    Nothing may be lost or there twice: the evaluator has each record of every region, the
    counters at VictoriaMetrics are those of the journals, and every slot has one state.
    """
    for region in REGIONS:
        fleet.until(lambda region=region: fleet.is_ready(region))
    fleet.until(fleet.settled)
    agents, evaluator = fleet.containers(REGIONS), fleet.container("evaluator")
    docker("stop", "--time", "30", *agents)  # a kill would show in how they ended
    docker("stop", "--time", "20", evaluator)
    try:
        ends = [inspected(container)["State"]["ExitCode"] for container in (*agents, evaluator)]
        assert ends == [0, 0, 0, 0], fleet.last_words()
        mine = {
            region: _read(agent, directory / region)
            for region, agent in zip(REGIONS, agents, strict=True)
        }
        theirs = _read(evaluator, directory / "evaluator")
        assert_same_records(mine, theirs)
        assert_same_totals(mine, fleet)
    finally:
        docker("start", evaluator, *agents)
    for books in mine.values():
        assert_every_slot_has_one_state(books)
    return mine


def assert_same_totals(mine: Mapping[str, Books], fleet: Fleet) -> None:
    """VictoriaMetrics counts what the journals count, series by series."""
    wanted = {key: total for books in mine.values() for key, total in books.totals.items()}
    held = _at_victoria(fleet, {metric for metric, _ in wanted})
    assert held == wanted, sorted(held.items() ^ wanted.items())


def _read(container: str, directory: Path) -> Books:
    directory.mkdir(parents=True)
    docker("cp", f"{container}:/data/.", str(directory))
    return Books.read(directory)


def _at_victoria(fleet: Fleet, metrics: set[str]) -> Totals:
    found: Totals = {}
    for metric in metrics:
        for attributes, total in fleet.series(metric):
            key = metric, tuple(sorted(attributes.items()))
            assert key not in found, f"a second series of {key}"
            found[key] = total
    return found
