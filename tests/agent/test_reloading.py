"""A running agent that is given other files: taken up as a whole, or refused as a whole."""

from __future__ import annotations

import hashlib
import json
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from prober.model import Outcome, Record, Run, Schedule
from tests.agent.rig import assert_no_slot_twice, spans
from tests.agent.whole import JOURNEY, Agent, Target

Until = Callable[..., Any]
#: A worker makes one run: each loads its journey anew.
FRESH = "isolation: process\n"
KEYED = """
    from prober import journey, secret, step

    @journey(every="2s", timeout="1900ms", secrets=["key"])
    def ping(http) -> None:
        with step("ping"):
            print("asking with", secret("key"))
            reply = http.get("/", headers={"x-key": secret("key")})
            assert reply.status_code == 200
"""
#: A machine that starts a worker a run has other things to do than to answer within a second.
CALM = JOURNEY.replace('"2s", timeout="1s"', '"5s", timeout="4s"')
FASTER = JOURNEY.replace('"2s", timeout="1s"', '"4s", timeout="3s"')
#: What it makes cannot be taken back, and is made when its target has answered.
STAINS = """
    from prober import cleanup, journey, run_name, step

    def cancel(reference, http):
        raise AssertionError("not on a Sunday")

    @journey(every="8s", timeout="7s")
    def pong(http) -> None:
        with step("ping"):
            assert http.get("/").status_code == 200
        cleanup(cancel, run_name())
"""
PONG = CALM.replace("def ping", "def pong")


@pytest.fixture
def start(
    tmp_path: Path, target: Target, free_port: Callable[[], int], until: Until
) -> Iterator[Callable[..., Agent]]:
    """`start(text, *options, journey=…, **environ)`: an agent whose region says more."""
    agents = []

    def begin(text: str = "", *options: str, journey: str = JOURNEY, **environ: str) -> Agent:
        agent = Agent(tmp_path, target, free_port(), *options, **environ)
        agent.write("ping.py", journey)
        agent.region(text)
        agents.append(agent)
        agent.start()
        until(agent.ready, 60)
        return agent

    yield begin
    target.answers.set()
    for agent in agents:
        agent.stop()
        agent.http.close()


def reload_metric(agent: Agent) -> str:
    reply = agent.ask("/metrics")
    assert reply
    found = re.search(r"^prober_config_reload_success\{.*\} (\S+)$", reply.text, re.MULTILINE)
    assert found
    return found[1]


def digest(text: str) -> str:
    """As records name a journey's code."""
    return hashlib.sha256(dedent(text).encode()).hexdigest()[:16]


def passed(agent: Agent, text: str, journey: str = "ping") -> list[Run]:
    """Runs that passed with some code."""
    return [
        run
        for run in agent.runs()
        if run.id.journey == journey and run.outcome is Outcome.PASSED
        if run.regime["journey"] == digest(text)
    ]


def assert_accounted_for(records: Iterable[Record], journey: str) -> None:
    """Every slot of every schedule has one state, up to the last one that has any."""
    records = list(records)
    assert_no_slot_twice(records, journey)
    states = spans(records, journey)
    schedules = [r for r in records if isinstance(r, Schedule) and r.journey == journey]
    ends = [*(each.from_ms for each in schedules[1:]), states[-1][1] + 1]
    due = sum(s.count(s.from_ms, end) for s, end in zip(schedules, ends, strict=True))
    assert due == sum(count for _, _, count in states)


@pytest.mark.long
def test_other_files_are_refused_or_taken_up_as_a_whole(
    start: Callable[..., Agent], until: Until
) -> None:
    agent = start(FRESH, journey=CALM)
    until(lambda: passed(agent, CALM), 60)

    agent.write("ping.py", "raise RuntimeError('broken on purpose')\n")
    agent.region(FRESH + "colour: blue")
    reply = agent.reload()
    assert reply.status_code == 422
    assert not reply.json()["reloaded"]
    problems = "\n".join(reply.json()["problems"])
    assert "ping.py:1: RuntimeError: broken on purpose" in problems
    assert re.search(r"eu-west-1\.yaml:\d+: colour: ", problems)
    state = until(lambda: s if (s := agent.state()).get("status") == 200 else None, 60)
    assert state["troubles"] == {"reload": reply.json()["problems"]}
    assert reload_metric(agent) == "0"
    assert "not taken up, the old go on" in agent.log.read_text()
    before = len(passed(agent, CALM))
    until(lambda: len(passed(agent, CALM)) >= before + 2, 60)  # the old goes on

    agent.write("ping.py", FASTER)
    agent.write("pong.py", PONG)
    agent.region(FRESH)
    assert agent.process
    agent.process.send_signal(signal.SIGHUP)
    state = until(lambda: s if (s := agent.state())["reload"]["reloaded"] else None, 60)
    assert sorted(state["reload"]["changed"]) == [
        "journey ping: code, every 5s → 4s, timeout 4s → 3s",
        "journey pong: added",
    ]
    assert reload_metric(agent) == "1"
    until(lambda: passed(agent, FASTER) and passed(agent, PONG, "pong"), 60)

    (agent.directory / "journeys" / "pong.py").unlink()
    assert agent.reload().json()["changed"] == ["journey pong: removed"]
    assert agent.reload().json()["changed"] == []
    agent.stop()
    assert Counter((s.journey, s.every_ms) for s in agent.schedules()) == {
        ("ping", 5000): 1, ("ping", 4000): 1, ("pong", 5000): 1, ("pong", 0): 1,
    }  # fmt: skip
    for journey in ("ping", "pong"):
        assert_accounted_for(agent.records(), journey)
    assert {run.outcome for run in agent.runs()} == {Outcome.PASSED}


def test_what_takes_a_restart_is_refused_by_name_with_the_mend(
    start: Callable[..., Agent],
) -> None:
    agent = start(PROBER_TOKEN="correct-horse")
    assert agent.reload().status_code == 401
    agent.region(listen="127.0.0.1:1", data="elsewhere", metrics_interval="1s")
    reply = agent.reload(authorization="Bearer correct-horse")
    assert reply.status_code == 422
    data, listen = reply.json()["problems"]
    assert re.search(r"eu-west-1\.yaml:3: data: is not \S+/data, with which this agent", data)
    assert re.search(rf"yaml:4: listen: is not 127\.0\.0\.1:{agent.port}, with", listen)
    assert data.endswith("write that, or restart the agent")
    agent.region(metrics_interval="1s")
    reply = agent.reload(authorization="Bearer correct-horse")
    assert reply.json()["changed"] == ["region: metrics_interval"]


def test_a_run_keeps_the_secret_it_began_with_and_no_line_shows_one(
    start: Callable[..., Agent], target: Target, until: Until, tmp_path: Path
) -> None:
    old, new = "canary-one-7f3", "canary-two-9c1"
    file = tmp_path / "key"
    file.write_text(old)
    agent = start(
        "secrets: {key: '${KEY}'}\n",
        "--log-format", "json", "--verbose",
        journey=KEYED,
        KEY_FILE=str(file),
    )  # fmt: skip
    target.answers.clear()
    until(lambda: agent.state()["running"] == ["ping"] and target.key == old, 60)
    file.write_text(new)
    assert agent.reload().json()["changed"] == ["region: secrets"]
    assert agent.state()["running"] == ["ping"] or agent.runs()
    target.answers.set()
    until(lambda: target.key == new, 60)
    until(lambda: len(passed(agent, KEYED)) >= 2, 60)
    agent.stop()
    assert {run.cause for run in agent.runs()} <= {None, "timeout"}, "nothing was our fault"

    text = agent.log.read_text()
    assert old not in text
    assert new not in text
    lines = [json.loads(line) for line in text.splitlines() if not line.startswith("agent ")]
    printed = [line for line in lines if "asking with [key]" in line["message"]]
    ended = [line for line in lines if line.get("outcome") == "passed"]
    for line in (*printed, *ended):
        run = {name: line[name] for name in ("journey", "region", "attempt", "kind")}
        assert run == {
            "journey": "ping", "region": "eu-west-1", "attempt": 1, "kind": "scheduled",
        }  # fmt: skip
    slots = {run.id.slot_ms for run in passed(agent, KEYED)}
    assert {line["slot_ms"] for line in ended} == slots
    assert {line["slot_ms"] for line in printed} >= slots


def test_what_the_last_run_of_a_removed_journey_leaves_is_told_without_another_reload(
    start: Callable[..., Agent], target: Target, until: Until
) -> None:
    target.answers.clear()
    agent = start()
    agent.write("pong.py", STAINS)
    assert agent.reload().json()["changed"] == ["journey pong: added"]
    until(lambda: "pong" in agent.state()["running"], 60)
    (agent.directory / "journeys" / "pong.py").unlink()
    assert agent.reload().json()["changed"] == ["journey pong: removed"]
    assert "pong" in agent.state()["running"]
    target.answers.set()
    state = until(lambda: found if (found := agent.state())["orphans"] else None, 60)
    assert state["orphans"] == 1
    [told] = state["troubles"]["orphans"]
    assert told.startswith("pong: cancel('prober-pong-")
    assert told.endswith("its journey runs here no more")
