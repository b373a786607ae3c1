"""A whole agent as a process: what its operator sees while things go wrong around it."""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prober import conventions as names
from prober.conventions import prometheus_name
from prober.journal.journal import Journal
from prober.model import Cause, Outcome, SlotReason
from prober.telemetry.exposition import exposition
from tests.agent.whole import PATIENT, Agent, Target

Until = Callable[..., Any]


def series(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The samples of a Prometheus text, each line of it understood."""
    found = {}
    for line in text.splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            continue
        match = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})? (\S+)", line)
        assert match, f"not a sample: {line}"
        pairs = re.findall(r'([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"', match[2] or "")
        assert ",".join(f'{key}="{value}"' for key, value in pairs) == (match[2] or "")
        key = (match[1], frozenset(pairs))
        assert key not in found, f"twice: {line}"
        found[key] = float(match[3])
    return found


def assert_page_equals_counters(book: Journal, text: str) -> None:
    """Every counter of the journal is on the page, with its value."""
    shown = series(text)
    kinds = {metric.name: metric for metric in names.METRICS}
    for metric, attributes, value in book.counters():
        labels = {key.replace(".", "_"): item for key, item in json.loads(attributes).items()}
        key = (prometheus_name(kinds[metric]), frozenset(labels.items()))
        assert shown[key] == value, key


def test_metrics_are_the_journal_s_and_zeros_are_there(agent: Agent, until: Until) -> None:
    until(lambda: len(agent.runs()) >= 2, 60)
    reply = agent.ask("/metrics")
    assert reply
    shown = series(reply.text)
    region = frozenset({("prober_region", "eu-west-1")})
    totals: Counter[str] = Counter()
    for (name, _), value in shown.items():
        totals[name] += round(value)
    assert totals["prober_runs_total"] >= 2
    assert totals["prober_runs_total"] == totals["prober_run_duration_seconds_count"]
    assert ("prober_journal_unwritten", region) in shown
    assert totals["prober_journal_records_total"] >= 3
    causes = {
        dict(labels).get("error_type") for name, labels in shown if name == "prober_runs_total"
    }
    assert causes == {None, *map(str, Cause)}, "every cause is there before it happens"
    agent.stop()
    book = Journal.open(agent.path)
    assert_page_equals_counters(book, exposition(book, []))
    book.close()


def test_promtool_has_nothing_against_the_page(agent: Agent, until: Until) -> None:
    promtool = Path(__file__).parents[2] / ".cache" / "backends" / "bin" / "promtool"
    if not promtool.exists():
        pytest.skip("no promtool: make backends")
    until(lambda: agent.runs(), 60)
    reply = agent.ask("/metrics")
    assert reply
    said = subprocess.run(
        [promtool, "check", "metrics"], input=reply.text, capture_output=True, text=True
    )
    assert said.returncode in (0, 3), said.stderr  # 3: naming advice
    assert "error" not in said.stderr.lower().replace("error_type", ""), said.stderr


def test_healthz_answers_while_the_target_hangs_and_the_run_is_the_target_s_fault(
    agent: Agent, target: Target, until: Until
) -> None:
    target.answers.clear()
    until(lambda: agent.state()["running"] == ["ping"], 60)
    began_s = time.monotonic()
    reply = agent.ask("/healthz")
    assert reply
    assert reply.status_code == 200
    assert time.monotonic() - began_s < 5
    failed = until(lambda: [run for run in agent.runs() if run.outcome is Outcome.FAILED], 60)
    assert {run.cause for run in failed} == {Cause.TIMEOUT}
    until(agent.ready, 60)  # a sick target is not a sick agent


@pytest.mark.long
def test_healthz_tells_a_loop_that_stands(agent: Agent, until: Until) -> None:
    assert agent.process
    agent.process.send_signal(signal.SIGSTOP)
    time.sleep(11)  # the heartbeat's limit is ten seconds of real time
    agent.process.send_signal(signal.SIGCONT)
    # The first reply may come before the loop's own turn: then it says how long it stood.
    reply = agent.ask("/healthz")
    assert reply
    assert reply.status_code == 200 or reply.json()["loop_age_s"] > 10
    until(lambda: (found := agent.ask("/healthz")) and found.status_code == 200, 30)
    # The slots meanwhile are missed, not forgotten.
    until(lambda: sum(g.count for g in agent.gaps() if g.reason is SlotReason.LATE) >= 3, 60)


def test_a_full_disk_stops_neither_measuring_nor_the_page_and_passes(
    agent: Agent, until: Until
) -> None:
    assert agent.process
    pid = agent.process.pid
    until(lambda: agent.runs(), 60)
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    state = until(lambda: found if (found := agent.state()).get("unwritten", 0) >= 2 else None, 60)
    assert state["status"] == 503, "records wait for the disk"
    reply = agent.ask("/metrics")
    assert reply
    assert reply.status_code == 200
    region = frozenset({("prober_region", "eu-west-1")})
    assert series(reply.text)["prober_journal_unwritten", region] >= 2
    health = agent.ask("/healthz")
    assert health
    assert health.status_code == 200
    before = len(agent.records())

    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    until(agent.ready, 60)
    assert len(agent.records()) >= before + state["unwritten"]
    agent.stop()
    slots = [run.id.slot_ms for run in agent.runs() if run.counts]
    gaps = sum(gap.count for gap in agent.gaps())
    assert (slots[-1] - slots[0]) // 2000 + 1 <= len(slots) + gaps, "each slot has a state"


def test_a_run_that_was_killed_with_its_agent_is_inconclusive_once(
    agent: Agent, target: Target, until: Until
) -> None:
    until(lambda: agent.runs(), 60)
    target.answers.clear()
    until(lambda: agent.state()["running"] == ["ping"], 60)
    agent.kill()
    book = Journal.open(agent.path)
    claims = book.claims()
    book.close()
    target.answers.set()
    for _ in range(2):
        agent.start()
        until(agent.ready, 60)
        agent.stop()
    runs = [run for run in agent.runs() if run.id.slot_ms in {each.slot_ms for each in claims}]
    assert len(claims) == len(runs) <= 1
    assert all((run.outcome, run.cause) == (Outcome.INCONCLUSIVE, Cause.WORKER) for run in runs)
    counted = Counter(run.id for run in agent.runs())
    assert set(counted.values()) == {1}


def test_readyz_is_503_before_the_start_and_while_stopping(
    tmp_path: Path, target: Target, free_port: Callable[[], int], until: Until
) -> None:
    one = Agent(tmp_path, target, free_port())
    one.write("ping.py", PATIENT)
    one.start()
    first = until(one.state, 60)
    assert first["status"] == 503, "workers are still being started"
    until(one.ready, 60)
    target.answers.clear()
    until(lambda: one.state()["running"] == ["ping"], 60)
    assert one.process
    one.process.terminate()
    until(lambda: one.state().get("status") == 503, 60)
    target.answers.set()
    assert one.process.wait(60) == 0
    one.http.close()


def test_a_second_agent_on_the_same_data_is_refused_with_the_mend(agent: Agent) -> None:
    second = subprocess.run(
        [
            *(sys.executable, "-m", "prober", "agent", str(agent.directory / "eu-west-1.yaml")),
            *("--journeys", str(agent.directory / "journeys")),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode != 0
    assert "give each agent its own data directory" in second.stderr
    assert "Traceback" not in second.stderr
