"""Proxies out of the environment, the same for both protocols; and never for this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from prober.destination import Destination
from prober.errors import InputError
from prober.telemetry.transport import sender
from tests.telemetry.gate import Gate
from tests.telemetry.test_tls import PROTOCOLS, Papers, Server, once, papers_in

HOST = "collector.invalid"
To = Callable[..., Destination]


@pytest.fixture(autouse=True)
def no_proxy_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http", "https", "all", "no", "grpc", "no_grpc"):
        for variable in (f"{name}_proxy", f"{name}_proxy".upper()):
            monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers_in(tmp_path_factory.mktemp("papers"), HOST, "localhost", "127.0.0.1")


@pytest.fixture
def gate() -> Iterator[Callable[[int], Gate]]:
    """`gate(port)`: a proxy that goes to that port, whatever it is asked for."""
    opened: list[Gate] = []

    def make(port: int) -> Gate:
        opened.append(Gate(port, proxy=True))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_tls_goes_through_a_proxy_end_to_end(
    protocol: str,
    variable: str,
    papers: Papers,
    gate: Any,
    receiver: Any,
    to: To,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        async with Server(protocol, receiver).running(papers, mutual=True) as url:
            proxy = gate(port_of(url))
            monkeypatch.setenv(variable, proxy.url)
            mine = to(f"https://{HOST}:4318", protocol=protocol, **papers.mine())
            assert (await once(mine)).verdict == "accepted"
            assert set(proxy.asked) == {f"{HOST}:4318"}
            monkeypatch.setenv("NO_PROXY", f"{HOST},10.0.0.1")
            asked = len(proxy.asked)
            reply = await once(to(mine.endpoint, protocol=protocol, timeout="2s", **papers.mine()))
            assert reply.verdict == "retry", "there is no such name"
            assert len(proxy.asked) == asked

    asyncio.run(main())


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_http_asks_a_proxy_for_the_whole_address(
    variable: str, receiver: Any, to: To, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = receiver()
    if variable == "HTTP_PROXY":  # which a CGI script must not heed, and httpx does not in one
        monkeypatch.delenv("REQUEST_METHOD", raising=False)
    monkeypatch.setenv(variable, proxy.url)
    assert asyncio.run(once(to(f"http://{HOST}:4318"))).verdict == "accepted"
    assert [request.path for request in proxy.requests] == [f"http://{HOST}:4318/v1/logs"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_this_machine_is_never_reached_through_a_proxy(
    host: str,
    protocol: str,
    papers: Papers,
    gate: Any,
    receiver: Any,
    to: To,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        async with Server(protocol, receiver).running(papers) as url:
            proxy = gate(port_of(url))
            for variable in ("HTTPS_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"):
                monkeypatch.setenv(variable, proxy.url)
            mine = to(f"https://{host}:{port_of(url)}", protocol=protocol, certificate=papers.ca)
            assert (await once(mine)).verdict == "accepted"
            assert proxy.asked == []

    asyncio.run(main())


def test_a_proxy_that_refuses_is_said(
    receiver: Any, answer: Any, papers: Papers, to: To, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = receiver()
    proxy.rule = lambda path, body: answer(407)
    monkeypatch.setenv("http_proxy", proxy.url)
    reply = asyncio.run(once(to(f"http://{HOST}:4318")))
    assert (reply.verdict, reply.error_type) == ("retry", "407")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("scheme", ["socks9", "socks5"])
def test_a_proxy_that_cannot_be_used_is_an_input_error(
    scheme: str, protocol: str, to: To, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://ada:open-sesame@127.0.0.1:1")
    with pytest.raises(InputError, match="the environment: HTTP") as raised:
        sender(to(f"https://{HOST}", protocol=protocol), "logs")
    assert len(raised.value.problems) == 1
    assert "open-sesame" not in str(raised.value)
