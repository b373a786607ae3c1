"""Control checks: who is asked, what counts as an answer, and what is made of silence."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from prober.agent.control import Control, ControlSettings, Look
from prober.agent.verdict import Verdict
from prober.errors import InputError
from prober.model import Cause, Outcome
from tests.elsewhere import Host

Hosts = Callable[..., list[Host]]
TARGET = "http://127.0.0.1:1"
UNREACHABLE = Verdict(Outcome.FAILED, Cause.NETWORK, "it was refused")


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    """`hosts(n)`: so many hosts that answer."""
    made: list[Host] = []

    def make(number: int = 1) -> list[Host]:
        made.extend(Host() for _ in range(number))
        return made[-number:]

    yield make
    for host in made:
        host.close()


def gone() -> str:
    """The address of a host that is no longer there."""
    host = Host()
    host.close()
    return host.url


def settings(*references: str, target: str = TARGET, **changes: Any) -> ControlSettings:
    return ControlSettings(target=target, references=references, **{"timeout_s": 20.0, **changes})


def look(*references: str, **changes: Any) -> Look:
    return asyncio.run(Control(settings(*references, **changes)).look())


def silences(found: Look) -> list[str | None]:
    return [reply.silence for reply in found.replies]


# What an answer is


@pytest.mark.parametrize("status", [200, 302, 404, 405, 500, 503])
def test_any_answer_says_that_a_reference_is_there(hosts: Hosts, status: int) -> None:
    [host] = hosts()
    host.status = status
    found = look(host.url)
    assert (silences(found), found.trouble) == ([None], None)


def test_a_reference_is_asked_for_no_page_and_told_who_asks(hosts: Hosts) -> None:
    [host] = hosts()
    look(f"{host.url}/health", user_agent="Prober/9 (synthetic)")
    (asked,) = host.asked
    said = (asked.method, asked.path, asked.headers["user-agent"])
    assert said == ("HEAD", "/health", "Prober/9 (synthetic)")


def test_a_connection_is_enough_where_no_web_is_spoken(hosts: Hosts) -> None:
    [host] = hosts()
    assert silences(look(host.place)) == [None]
    assert host.asked == []


@pytest.mark.parametrize("status", [407, 511])
def test_what_stands_between_is_not_the_reference(hosts: Hosts, status: int) -> None:
    [host] = hosts()
    host.status = status
    assert silences(look(host.url)) == [f"{status} on the way"]


def test_one_that_is_gone_and_one_that_is_silent_are_told_apart(hosts: Hosts) -> None:
    [host] = hosts()
    host.awake.clear()
    here, there = gone(), gone().replace("http", "tcp")
    found = look(here, there, host.url, timeout_s=3.0)
    assert silences(found) == ["Connection refused", "Connection refused", "no answer in time"]
    assert found.trouble == (
        f"3 of 3 reference targets gave no answer ({here}: Connection refused; "
        f"{there}: Connection refused; {host.url}: no answer in time)"
    )


def test_a_look_takes_one_timeout_however_many_are_silent(hosts: Hosts) -> None:
    silent = hosts(8)
    for host in silent:
        host.awake.clear()
    found = look(*(host.url for host in silent), timeout_s=2.0)
    assert found.trouble
    assert found.ended_s - found.began_s < 10, "sixteen seconds one after the other"


# What silence is


@pytest.mark.parametrize(
    ("there", "away", "doubted"),
    [(1, 0, False), (0, 1, True), (1, 1, True), (2, 1, False), (2, 2, True), (3, 2, False)],
)
def test_half_of_them_silent_is_no_coincidence(
    hosts: Hosts, there: int, away: int, doubted: bool
) -> None:
    answering = [host.url for host in hosts(there)] if there else []
    found = look(*answering, *(gone() for _ in range(away)))
    assert bool(found.trouble) is doubted


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(Outcome.PASSED),
        Verdict(Outcome.FAILED, Cause.HTTP_STATUS, "it said 500"),
        Verdict(Outcome.FAILED, Cause.TOO_SLOW, "6 s"),
        Verdict(Outcome.INCONCLUSIVE, Cause.SCRIPT, "a NameError"),
    ],
    ids=lambda verdict: verdict.cause or "passed",
)
def test_nobody_is_asked_about_what_a_dead_network_cannot_do(
    hosts: Hosts, verdict: Verdict
) -> None:
    [host] = hosts()
    control = Control(settings(host.url, gone()))
    assert asyncio.run(control.doubts(verdict, 0.0)) == ()
    assert host.asked == []


@pytest.mark.parametrize("cause", [Cause.NETWORK, Cause.TIMEOUT, Cause.ASSERTION])
def test_everybody_is_asked_about_what_a_dead_network_can_do(hosts: Hosts, cause: Cause) -> None:
    [host] = hosts()
    control = Control(settings(host.url, gone()))
    [doubt] = asyncio.run(control.doubts(Verdict(Outcome.FAILED, cause, "it"), 0.0))
    assert doubt.cause is Cause.EGRESS
    assert "1 of 2 reference targets" in doubt.message


def test_silence_while_a_run_went_on_speaks_for_it_and_silence_long_before_does_not(
    hosts: Hosts,
) -> None:
    [host] = hosts()

    async def story() -> None:
        control = Control(settings(host.url))
        host.close()
        await control.look()
        lasted_s = time.monotonic()
        host.open()
        [doubt] = await control.doubts(UNREACHABLE, since_s=lasted_s)
        told = re.search(r"(\d+) s before: 1 of 1 reference targets gave no", doubt.message)
        assert told, doubt.message
        assert int(told[1]) <= time.monotonic() - lasted_s + 1
        assert await control.doubts(UNREACHABLE, since_s=time.monotonic()) == ()

    asyncio.run(story())


# Without references, and with a proxy


@pytest.mark.parametrize("target", [TARGET, "http://localhost:1", "http://[::1]:1"])
def test_a_target_that_is_down_is_no_doubt(target: str) -> None:
    assert look(target=target).trouble is None


def test_a_proxy_of_ours_that_is_down_is_not_the_targets_fault(
    monkeypatch: pytest.MonkeyPatch, hosts: Hosts
) -> None:
    [host] = hosts()
    for proxy, trouble in (
        (gone(), "the proxy cannot be reached (Connection refused)"),
        (host.url, None),
    ):
        monkeypatch.setenv("HTTP_PROXY", proxy)
        assert look(target="http://shop.example").trouble == trouble


def test_a_proxy_that_references_cannot_be_asked_through_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://user:secret@proxy.example:1080")
    with pytest.raises(InputError, match="cannot be asked through this proxy") as caught:
        Control(settings("https://reference.example"))
    assert "proxy.example" not in str(caught.value)
    Control(settings("tcp://reference.example:53", "http://127.0.0.1:1"))


@pytest.mark.parametrize(("status", "silence"), [(200, None), (404, None), (502, "502 on the way")])
def test_a_proxy_does_not_answer_for_the_reference(
    monkeypatch: pytest.MonkeyPatch, hosts: Hosts, status: int, silence: str | None
) -> None:
    [host] = hosts()
    host.status = status
    monkeypatch.setenv("HTTP_PROXY", host.url)
    [reply] = look("http://reference.example").replies
    assert (reply.silence, reply.named) == (silence, None), "its name is the proxy's to find"
    asked = host.asked[0]
    assert (asked.method, asked.path.startswith("http://reference.example")) == ("HEAD", True)


# The time


def test_the_clock_is_compared_with_the_middle_one_of_the_references(hosts: Hosts) -> None:
    one, other, wrong, silent = hosts(4)
    one.ahead_s, other.ahead_s, wrong.ahead_s, silent.ahead_s = -90.0, -90.0, 5000.0, None
    found = look(one.url, wrong.url, other.url, silent.url)
    assert found.ahead_s is not None
    assert abs(found.ahead_s - 90) <= 2


def test_a_reply_out_of_a_cache_tells_how_old_it_is(hosts: Hosts) -> None:
    [host] = hosts()
    host.ahead_s, host.headers = -3600.0, {"Age": "3600"}
    found = look(host.url)
    assert found.ahead_s is not None
    assert abs(found.ahead_s) <= 2


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_nobody_who_tells_the_time_is_an_unknown_time(hosts: Hosts, date: str | None) -> None:
    [host] = hosts()
    host.ahead_s = None
    host.headers = {"Date": date} if date else {}
    found = look(host.url)
    assert (found.ahead_s, silences(found)) == (None, [None])


# Now and then


def test_it_looks_by_itself_counts_and_says_what_changed(
    hosts: Hosts, caplog: pytest.LogCaptureFixture
) -> None:
    [host] = hosts()

    async def until(control: Control, failed: bool, number: int) -> None:
        async with asyncio.timeout(30):
            while True:
                newest = control.newest
                if newest and bool(newest.trouble) is failed and len(control._looks) >= number:
                    return
                await asyncio.sleep(0.01)

    async def story() -> None:
        control = Control(settings(host.url, every_s=0.05))
        control.start()
        control.start()
        await until(control, False, 3)
        assert control.counted["failed"] == 0
        host.close()
        await until(control, True, 0)
        await until(control, True, len(control._looks) + 2)
        host.open()
        await until(control, False, 0)
        counted = control.counted["failed"]
        assert counted >= 3
        await control.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        after = Control(settings(), control)
        assert after.counted["failed"] == counted

    asyncio.run(story())
    said = [record.getMessage() for record in caplog.records]
    assert [line.partition(":")[0] for line in said] == [
        "this region's own network is in doubt",
        "this region's own network is well again",
    ]


def test_a_clock_that_is_off_is_logged_once(hosts: Hosts, caplog: pytest.LogCaptureFixture) -> None:
    [host] = hosts()
    host.ahead_s = 20.0

    async def story() -> None:
        control = Control(settings(host.url))
        await control.look()
        await control.look()

    asyncio.run(story())
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("this machine's clock is -")
