"""Real runs in a network that can be cut: whose fault a failure is said to be."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from prober.model import Cause, Outcome, Run
from tests.agent.whole import JOURNEY as PING
from tests.agent.whole import Agent
from tests.conftest import wait_until
from tests.elsewhere import Host, Network, Resolver, network_made
from tests.faults.bench import PATIENCE_S, Bench, failed, ours

MakeBench = Callable[..., Bench]
PROBER = Path(sys.executable).parent / "prober"
CUT = """
    def cut(http: httpx.Client):
        with step("open"):
            assert http.get("/json").is_success
        with step("ask"):
            http.get("/cut")
"""
#: The same, held up in the middle.
GATED = """
    def gated(http: httpx.Client):
        with step("open"):
            assert http.get("/json").is_success
        while not os.path.exists({gate!r}):
            time.sleep(0.02)
        with step("ask"):
            http.get("/cut")
"""


@pytest.fixture
def hosts() -> Iterator[list[Host]]:
    made = [Host(), Host()]
    yield made
    for host in made:
        host.close()


def control(hosts: list[Host], often: str = "20s") -> str:
    references = ", ".join(host.url for host in hosts)
    return f"control: {{references: [{references}], every: {often}, timeout: {often}}}"


# On loopback: the references are there, or not


def test_a_target_that_fails_alone_is_blamed(make_bench: MakeBench, hosts: list[Host]) -> None:
    bench = make_bench(control(hosts))
    run = bench.run(CUT)
    assert failed(run) == Cause.NETWORK
    assert run.step == "ask"


def test_a_target_that_fails_with_half_of_the_others_is_not(
    make_bench: MakeBench, hosts: list[Host]
) -> None:
    bench = make_bench(control(hosts))
    hosts[0].close()
    run = bench.run(CUT)
    hosts[0].open()
    assert ours(run) == Cause.EGRESS
    assert f"1 of 2 reference targets gave no answer ({hosts[0].url}: " in str(run.message)
    assert "while the run met:" in str(run.message)
    assert [step.outcome for step in run.steps] == [Outcome.PASSED, Outcome.INCONCLUSIVE]


def test_what_a_dead_network_cannot_do_stays_what_it_is(
    make_bench: MakeBench, hosts: list[Host]
) -> None:
    bench = make_bench(control(hosts))
    for host in hosts:
        host.close()
    status = bench.run(CUT.replace("/cut", "/status/500"))
    passed = bench.run(CUT.replace("/cut", "/json"))
    for host in hosts:
        host.open()
    assert failed(status) == Cause.HTTP_STATUS
    assert passed.outcome is Outcome.PASSED


@pytest.mark.parametrize("status", [407, 511])
def test_a_status_that_asks_for_a_login_on_the_way_is_met_by_a_network_in_doubt(
    make_bench: MakeBench, hosts: list[Host], status: int
) -> None:
    bench = make_bench(control(hosts))
    source = CUT.replace("/cut", f"/status/{status}")
    assert failed(bench.run(source)) == Cause.HTTP_STATUS
    hosts[0].close()
    run = bench.run(source)
    hosts[0].open()
    assert ours(run) == Cause.EGRESS
    assert f"/status/{status} answered {status}" in str(run.message)


@pytest.mark.browser
def test_a_browsers_run_is_judged_alike(make_bench: MakeBench, hosts: list[Host]) -> None:
    bench = make_bench(control(hosts))
    source = CUT.replace("http: httpx.Client", "page: Page").replace("http.get", "page.goto")
    source = source.replace("is_success", "ok")
    assert failed(bench.run(source)) == Cause.NETWORK
    hosts[0].close()
    run = bench.run(source)
    hosts[0].open()
    assert ours(run) == Cause.EGRESS
    assert run.artefacts, "what was seen is kept"


@pytest.mark.parametrize("flaps", [True, False])
def test_a_network_that_was_gone_for_a_part_of_the_run_is_met(
    make_bench: MakeBench, hosts: list[Host], tmp_path: Path, flaps: bool
) -> None:
    bench, gate = make_bench(control(hosts, often="4s")), tmp_path / "gate"
    journey = bench.journey(GATED.format(gate=str(gate)), timeout="60s")
    going = asyncio.run_coroutine_threadsafe(bench.play(journey), bench._loop)
    wait_until(lambda: any(event["at"] == "stepped" for event in bench.heard), 60)
    if flaps:
        for host in hosts:
            host.close()
        wait_until(lambda: is_troubled(bench))
        for host in hosts:
            host.open()
    wait_until(lambda: bench.pool.control.newest and not is_troubled(bench))
    gate.touch()
    run = going.result(PATIENCE_S)
    if flaps:
        assert ours(run) == Cause.EGRESS
        assert " s before: 2 of 2 reference targets gave no answer" in str(run.message)
    else:
        assert failed(run) == Cause.NETWORK


def is_troubled(bench: Bench) -> bool:
    newest = bench.pool.control.newest
    return bool(newest and newest.trouble)


# A whole agent


def test_an_agent_takes_up_references_and_shows_what_they_say(
    agent: Agent, hosts: list[Host]
) -> None:
    one, other = hosts
    agent.write("ping.py", PING.replace('"2s"', '"1h"'))  # so that no slot can be missed
    agent.region(control(hosts, often="2s"))
    answer = agent.reload().json()
    assert "region: control" in answer["changed"], answer
    wait_until(lambda: up(agent) == {one.url: "1", other.url: "1"}, 60)
    other.close()
    state = wait_until(lambda: told(agent, "egress"), 60)
    assert state["status"] == 200, "slots are run, kept and reported"
    assert f"1 of 2 reference targets gave no answer ({other.url}" in state["troubles"]["egress"][0]
    assert up(agent) == {one.url: "1", other.url: "0"}
    wait_until(lambda: re.search(r"control_failed_total\{.*\} [1-9]", exposed(agent)), 60)
    other.open()
    wait_until(lambda: not told(agent, "egress"), 60)
    for ahead_s, part, status in ((-20.0, "clock_offset", 200), (100.0, "clock", 503)):
        one.ahead_s = other.ahead_s = ahead_s
        state = wait_until(lambda part=part: told(agent, part), 60)  # type: ignore[misc]
        assert (state["status"], state["clock_offset_s"] * ahead_s < 0) == (status, True)
    assert re.search(r"clock_offset_seconds\{.*\} -(99|100|101)", exposed(agent))


def told(agent: Agent, part: str) -> dict[str, Any] | None:
    state = agent.state()
    return state if part in state["troubles"] else None


def exposed(agent: Agent) -> str:
    reply = agent.ask("/metrics")
    return reply.text if reply else ""


def up(agent: Agent) -> dict[str, str]:
    line = r'^prober_control_up\{.*prober_reference="([^"]+)".*\} (\S+)$'
    return dict(re.findall(line, exposed(agent), re.MULTILINE))


# In a network of its own, that is really cut

JOURNEY = """
    import os, time
    from prober import journey, step

    @journey(every="5m", timeout="60s")
    def shop(http) -> None:
        with step("open"):
            assert http.get("/").status_code == 200
        open("{began}", "w").close()
        while not os.path.exists("{gate}"):
            time.sleep(0.02)
        with step("ask"):
            assert http.get("/").status_code == 200
"""


class Place:
    """A directory with a journey and a region, whose agent lives in a network of its own."""

    def __init__(self, directory: Path, network: Network) -> None:
        self.directory, self.network = directory, network
        self.began, self.gate = directory / "began", directory / "gate"
        self.target, *self.references = (Host(network.here) for _ in range(3))
        self._resolver: Resolver | None = None
        (directory / "journeys").mkdir()
        (directory / "regions").mkdir()
        text = dedent(JOURNEY).format(gate=self.gate, began=self.began)
        (directory / "journeys" / "shop.py").write_text(text)

    def hurry(self, timeout: str) -> None:
        """Give the journey less time."""
        file = self.directory / "journeys" / "shop.py"
        file.write_text(file.read_text().replace('timeout="60s"', f'timeout="{timeout}"'))

    def visit(self, url: str) -> None:
        """Have the journey use a browser, and ask for an address in its second step."""
        file = self.directory / "journeys" / "shop.py"
        first, asked = 'http.get("/").status_code == 200', "page.goto({}).ok"
        text = file.read_text().replace("(http)", "(page)")
        text = text.replace(first, asked.format("'/'"), 1)
        file.write_text(text.replace(first, asked.format(repr(url))))

    @property
    def resolver(self) -> Resolver:
        """The only one that the network knows."""
        self._resolver = self._resolver or Resolver(self.network.here)
        return self._resolver

    def region(self, target: str, references: list[str]) -> None:
        told = f"references: [{', '.join(references)}], " if references else ""
        (self.directory / "regions" / "eu.yaml").write_text(
            f"region: eu\nbase_url: {target}\nsandbox: 'off'\nsaturation: 'off'\n"
            f"control: {{{told}timeout: 10s}}\ndata: {self.directory / 'data'}\n"
        )

    def start(self) -> subprocess.Popen[str]:
        """A run that waits at its gate after the first step."""
        command = self.network.command(str(PROBER), "run", "shop", "--json")
        return subprocess.Popen(
            command,
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")},
        )

    def run(self, meanwhile: Callable[[], Any] | None = None) -> Run:
        """A run, with what happens between its steps."""
        if meanwhile is None:
            self.gate.touch()
        process = self.start()
        if meanwhile:
            wait_until(lambda: self.began.exists() or process.poll() is not None, 60)
            assert process.poll() is None, process.communicate()
            meanwhile()
            self.gate.touch()
        return outcome(process)

    def close(self) -> None:
        for host in (self.target, *self.references):
            host.close()
        if self._resolver:
            self._resolver.close()


def outcome(process: subprocess.Popen[str]) -> Run:
    """What `prober run` says of the one that it made."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert out, err
    [run] = json.loads(out)["runs"]
    return Run.from_json(json.dumps(run))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with network_made() as network:
        made = Place(tmp_path, network)
        yield made
        made.close()


@pytest.mark.long
def test_a_link_that_is_cut_is_this_regions_own(place: Place) -> None:
    place.region(place.target.url, [host.url for host in place.references])
    run = place.run(place.network.cut)
    assert ours(run) == Cause.EGRESS
    assert "2 of 2 reference targets gave no answer" in str(run.message)
    assert "Network is unreachable" in str(run.message)


@pytest.mark.long
@pytest.mark.browser
def test_a_network_that_changes_while_a_page_is_asked_for_is_this_regions_own(
    place: Place,
) -> None:
    place.resolver.speaks = False  # until the browser has asked it
    place.network.ask_names()
    place.visit("http://shop.example/")
    place.region(place.target.url, [host.place for host in place.references])
    process = place.start()
    wait_until(lambda: place.began.exists() or process.poll() is not None, 60)
    asked = place.resolver.asked
    place.gate.touch()
    wait_until(lambda: place.resolver.asked > asked, 60)
    command = ("ip", "address", "add", "192.0.2.1/32", "dev", "eth0")
    subprocess.run(place.network.command(*command), check=True)
    place.resolver.speaks = True
    run = outcome(process)
    assert ours(run) == Cause.EGRESS
    assert "the browser says that this region's own network gave way" in str(run.message)
    assert any("ERR_NETWORK_CHANGED" in line for line in run.evidence["requests"])


@pytest.mark.long
@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("cut", "there is no way to {} (Network is unreachable)"),
        ("unplug", "eth0, the way to {}, has no link"),
    ],
)
def test_without_references_a_dead_link_is_known_too(place: Place, way: str, said: str) -> None:
    place.region(place.target.url, [])
    run = place.run(getattr(place.network, way))
    assert ours(run) == Cause.EGRESS
    assert said.format(place.network.here) in str(run.message)


@pytest.mark.long
@pytest.mark.parametrize("references", [True, False])
def test_a_target_that_is_down_while_the_network_works_is_blamed(
    place: Place, references: bool
) -> None:
    place.region(place.target.url, [h.url for h in place.references] if references else [])
    run = place.run(place.target.close)
    place.target.open()
    assert failed(run) == Cause.NETWORK
    assert run.step == "ask"


@pytest.mark.long
@pytest.mark.parametrize("references", ["by address", "by name", "none"])
def test_a_resolver_that_says_nothing_is_this_regions_own(place: Place, references: str) -> None:
    place.resolver.speaks = False
    known = {
        "by address": [host.place for host in place.references],
        "by name": [f"{place.references[0].url}", "tcp://one.example:80", place.references[1].url],
        "none": [],
    }[references]
    place.region("http://shop.example", known)
    run = place.run()
    assert ours(run) == Cause.EGRESS
    said = "no name of a reference" if references == "by name" else "the resolver answers nothing"
    assert said in str(run.message)


@pytest.mark.long
def test_a_resolver_that_is_waited_for_longer_than_the_journey_has_is_this_regions_own(
    place: Place,
) -> None:
    place.resolver.speaks = False
    place.network.ask_names()
    place.hurry("6s")
    place.region("http://shop.example", [host.place for host in place.references])
    run = place.run()
    assert ours(run) == Cause.EGRESS
    assert run.duration_us < 6_000_000


@pytest.mark.long
@pytest.mark.parametrize("references", [True, False])
def test_a_name_that_does_not_exist_is_the_targets_fault(place: Place, references: bool) -> None:
    assert place.resolver.speaks
    place.region("http://shop.example", [h.url for h in place.references] if references else [])
    run = place.run()
    assert failed(run) == Cause.NETWORK
    assert place.resolver.asked
