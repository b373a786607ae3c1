"""A whole agent whose journal is damaged: it says so, and goes on from what there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from prober.model import Gap, Schedule
from tests.agent.whole import Agent

PAGE = 4096
Until = Callable[..., Any]


def metric(agent: Agent, name: str) -> float | None:
    """A metric of the agent's own page, None when it is not there."""
    reply = agent.ask("/metrics")
    lines = reply.text.splitlines() if reply else []
    return next((float(line.split()[-1]) for line in lines if line.startswith(name + "{")), None)


def see_that_it_goes_on(agent: Agent, before: set[str], until: Until) -> None:
    assert agent.process
    until(agent.ready, 60)
    state = agent.state()
    assert "journal.db.corrupt-" in state["journal_set_aside"]
    assert "set_aside" in state["troubles"]
    assert metric(agent, "prober_journal_set_aside") == 1
    until(lambda: metric(agent, "prober_journal_backup_age_seconds") is not None)
    assert "the journal was damaged" in agent.log.read_text()
    until(lambda: len({str(run.id) for run in agent.runs()} - before) >= 2)
    counted = metric(agent, "prober_journal_records_total")
    assert counted is not None
    kinds = [type(record) for record in agent.records()]
    assert kinds.count(Schedule) == 1, "the schedule is the one of before"
    assert counted < len(kinds), "and totals begin anew"


@pytest.mark.long
@pytest.mark.timeout(240)
def test_an_agent_with_a_damaged_journal_goes_on_from_its_backup(
    agent: Agent, until: Until
) -> None:
    until(lambda: metric(agent, "prober_journal_backup_age_seconds") is not None)
    until(lambda: len(agent.runs()) >= 3)
    agent.stop()
    before = {str(run.id) for run in agent.runs()}
    data = bytearray(agent.path.read_bytes())
    place = data.index(b"prober.phase.duration")  # a page of totals: records lie elsewhere
    data[place + 40] ^= 1
    agent.path.write_bytes(data)
    agent.start()
    see_that_it_goes_on(agent, before, until)
    assert before <= {str(run.id) for run in agent.runs()}, "all were saved"
    assert any(isinstance(record, Gap) for record in agent.records()) or len(agent.runs()) > 3


@pytest.mark.long
@pytest.mark.timeout(240)
def test_an_agent_that_meets_damage_ends_and_the_next_one_goes_on(
    agent: Agent, until: Until
) -> None:
    until(lambda: len(agent.runs()) >= 2)
    agent.stop()
    before = {str(run.id) for run in agent.runs()}
    agent.start()
    until(agent.ready, 60)
    with agent.path.open("r+b") as file:  # all but the first page, of which schemas are read
        size = file.seek(0, 2)
        file.seek(PAGE)
        file.write(b"\xff" * (size - PAGE))
    assert agent.process
    until(lambda: agent.process and agent.process.poll() is not None, 60)
    assert agent.process.returncode == 2
    assert "start the agent again" in agent.log.read_text()
    agent.start()
    see_that_it_goes_on(agent, before, until)
