"""Any process of an agent's tree is killed at any moment: nothing is lost, nothing counts twice."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from prober.journal.body import unpack
from prober.model import Cause, Outcome
from tests.books import (
    Books,
    assert_every_slot_has_one_state,
    assert_one_life,
    assert_same_records,
    assert_same_totals,
    delivered,
    rows,
)
from tests.conftest import SHORT, lives
from tests.e2e.conftest import Liar, Place, Process

KILLS = 12 if SHORT else 200
#: Between two kills, in seconds: within a launch, a step, a commit, an export.
PAUSE_S = (0.1, 2.0)


@pytest.mark.browser
@pytest.mark.long
@pytest.mark.timeout(180 + 12 * KILLS)
def test_no_acknowledged_run_is_lost_or_counted_twice_whatever_is_killed(
    place: Place,
    liar: Callable[[str], Liar],
    victoria: Callable[..., Any],
    shop: Any,
    free_port: Callable[[], int],
    until: Callable[..., Any],
    show: Callable[[str], None],
) -> None:
    backend, port = victoria(), free_port()
    evaluator = place.evaluator(port)
    evaluator.start()
    metrics = liar(f"{backend.url}/opentelemetry")
    agent = place.agent("here", region_of(shop.url, metrics.url, f"http://127.0.0.1:{port}"))
    agent.start()

    chance = random.Random(4711)
    told = Told(agent)
    killed: Counter[str] = Counter()
    for _ in range(KILLS):
        moment_s = time.monotonic() + chance.uniform(*PAUSE_S)
        until(lambda moment_s=moment_s: time.monotonic() > moment_s)
        told.listen()
        killed[kill_one(agent, chance)] += 1
    until(lambda: passed(agent) > KILLS / 10, 60)  # a slow machine was busy starting agents
    until(lambda: delivered(agent.data), 150)
    told.listen()
    family = tree(agent)
    assert agent.stop() == 0
    evaluator.stop()
    until(lambda: not any(map(lives, family)))
    assert not [entry for pid in told.pids for entry in temporary_of(pid)]

    mine, theirs = (Books.read(place.directory / name) for name in ("here", "evaluator"))
    lost = told.records - {record.to_json() for record in mine.records}
    assert not lost
    assert_same_records({"here": mine}, theirs)
    assert_every_slot_has_one_state(mine)
    assert_one_life(mine, metrics.bodies)
    assert_same_totals(mine, backend)
    outcomes = Counter(str(run.outcome) for run in mine.runs)
    assert outcomes[Outcome.PASSED] > KILLS / 10
    blamed = {run.cause for run in mine.runs if run.outcome is Outcome.FAILED}
    assert blamed <= {Cause.TIMEOUT}, "the shop was well all the time, if slow on a busy machine"
    show(
        f"{KILLS} kills ({dict(killed)}): {len(told.records)} records acknowledged before one, "
        f"0 lost, 0 twice, {dict(outcomes)}"
    )


def passed(agent: Process) -> int:
    """How many runs passed so far, by its journal."""
    query = "SELECT count(*) FROM run WHERE outcome = 0 AND attempt = 1"
    return int(rows(agent.data, query)[0][0])


class Told:
    """Whoever asks the journal again and again: what it was shown is acknowledged for ever."""

    def __init__(self, agent: Process) -> None:
        self.agent, self.newest = agent, 0
        self.records: set[str] = set()
        #: Of every agent there was.
        self.pids: set[int] = set()

    def listen(self) -> None:
        """Remember what is new."""
        self.pids.add(self.agent.pid)
        query = f"SELECT seq, kind, body FROM record WHERE seq > {self.newest} ORDER BY seq"
        for seq, kind, body in rows(self.agent.data, query):
            self.newest = seq
            self.records.add(unpack(kind, body).to_json())


def tree(agent: Process) -> list[psutil.Process]:
    """The agent and everything below it."""
    root = psutil.Process(agent.pid)
    return [root, *root.children(recursive=True)]


def kill_one(agent: Process, chance: random.Random) -> str:
    """End a process of the tree without a word; an agent is started again. What it was."""
    victim = chance.choice(tree(agent))
    kind = "agent"
    if victim.pid == agent.pid:
        agent.kill()
        agent.start()
        return kind
    with suppress(psutil.NoSuchProcess):
        kind = kind_of(victim.cmdline())
        victim.kill()
    return kind


def kind_of(words: list[str]) -> str:
    """What a process is, by its command line."""
    line = " ".join(words)
    if "prober.agent.worker" in line:
        return "worker"
    for word in words:
        if word.startswith("--type="):
            return word.removeprefix("--type=")
    return "driver" if "driver" in line else "browser" if "--headless" in line else "other"


def temporary_of(pid: int) -> list[Path]:
    """What an agent keeps for as long as it runs."""
    return list(Path(tempfile.gettempdir()).glob(f"prober-{pid}-*"))


def region_of(shop: str, metrics: str, logs: str) -> str:
    return f"""
        base_url: {shop}
        journeys:
          login: {{every: 5s, timeout: 4s}}
          checkout: {{every: 8s, timeout: 7s}}
          account_api: {{every: 1s, timeout: 900ms}}
        otlp:
          - {{name: victoria, endpoint: "{metrics}", signals: [metrics], timeout: 2s}}
          - {{name: evaluator, endpoint: "{logs}", signals: [logs], timeout: 2s}}
        metrics_interval: 1s
        listen: 127.0.0.1:0
        """
