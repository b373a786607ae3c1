"""Several destinations: whatever one of them does, the others get everything as it comes."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import grpc.aio
import pytest

from prober.destination import Destination
from prober.journal.journal import Journal
from prober.model import Run
from prober.telemetry import decode
from prober.telemetry.deliver import Shipping
from prober.telemetry.timing import Timing
from prober.telemetry.transport import sender
from tests.telemetry.gate import Gate

PATIENCE_S = 30.0
MakeRun = Callable[..., Run]


def arrived(server: Any) -> list[Any]:
    return [r for body in server.taken("/v1/logs") for r in decode.records(body).records]


async def comes_true(what: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not what():
            await asyncio.sleep(0.01)


async def one_by_one(
    shipping: Shipping, opened: Journal, well: Any, run: MakeRun, count: int
) -> None:
    """Write runs; each must arrive before the next is written."""
    for n in range(count):
        await asyncio.to_thread(opened.write, [run(n)])
        shipping.wake()
        await comes_true(lambda n=n: run(n) in arrived(well))
    await comes_true(lambda: well.taken("/v1/metrics") and well.taken("/v1/traces"))


def test_no_illness_of_a_destination_delays_a_healthy_one(
    receiver: Any,
    answer: Any,
    journal: Any,
    run: MakeRun,
    to: Callable[..., Destination],
    shipping: Any,
    free_port: Callable[[], int],
) -> None:
    well, opened = receiver(), journal()
    ills = {
        "hangs": answer(hangs=True),
        "drips": answer(drips=True),
        "drops": answer(drops=True),
        "throttles": answer(503, headers={"Retry-After": "86400"}),
        "redirects": answer(302, headers={"Location": "/"}),
        "lies": answer(body=b"<html>"),
        "refuses": answer(400),
    }
    servers = {name: receiver() for name in ills}
    for name, said in ills.items():
        servers[name].rule = lambda path, body, said=said: said
    # Nobody is ever given up within this test: who waited for them would wait for ever.
    ill = [to(server.url, name, timeout="1h") for name, server in servers.items()]
    ill.append(to(f"http://127.0.0.1:{free_port()}", "gone"))
    ill.append(to(f"http://127.0.0.1:{free_port()}", "gone too", protocol="grpc", timeout="1h"))

    async def main() -> None:
        one = shipping(opened, *ill, to(well.url, "well"))
        await one.start()
        await comes_true(lambda: all(server.requests for server in servers.values()))
        await one_by_one(one, opened, well, run, 15)
        # What arrived is acknowledged a moment later: when its reply was read and written down.
        ways = {_way(each): each for each in one.deliveries}
        await comes_true(lambda: ways["well", "logs"].health().waiting == 0)
        # What is refused is set aside one by one, and counted on both sides of the step.
        await comes_true(lambda: ways["refuses", "logs"].health().waiting == 0)
        complain = set(ills) - {"hangs", "drips"} | {"gone"}
        await comes_true(lambda: complain <= {name for name, _ in failing(one)})
        health = {_way(each): each for each in await one.health()}
        for name in (*ills, "gone", "gone too"):
            assert health[name, "logs"].waiting + health[name, "logs"].quarantined == 15
        held = [servers[name] for name in ("hangs", "drips")]
        await comes_true(lambda: all(len(server.requests) >= 3 for server in held))
        assert [len(server.requests) for server in held] == [3, 3], "one a signal, then silence"
        await one.stop(1)

    asyncio.run(main())


def failing(one: Shipping) -> set[tuple[str, str]]:
    """Who had something against the last request."""
    return {_way(each) for each in one.deliveries if each.health().last_error}


def _way(one: Any) -> tuple[str, str]:
    return one.destination, one.signal


@pytest.fixture
def silent_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A resolver that says nothing about `.invalid`, as when its packets are dropped.

    A real one would need the machine's own settings to be changed.
    """
    over, asked = threading.Event(), []
    found = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        if name.endswith(".invalid"):
            asked.append(name)
            over.wait()
        return found(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield asked
    over.set()


def test_names_that_nobody_resolves_delay_neither_the_others_nor_the_journal_nor_the_end(
    silent_resolver: list[str],
    receiver: Any,
    journal: Any,
    run: MakeRun,
    to: Callable[..., Destination],
    shipping: Any,
) -> None:
    well, opened = receiver(), journal()
    lost = [to(f"http://c{n}.invalid:4318", f"c{n}", timeout="200ms") for n in range(8)]

    async def main() -> None:
        one = shipping(opened, *lost, to(well.url.replace("127.0.0.1", "localhost"), "well"))
        await one.start()
        stuck = [each for each in one.deliveries if each.destination != "well"]
        await asyncio.to_thread(opened.write, [run(1000)])
        await comes_true(lambda: all(each.health().last_error for each in stuck))
        await one_by_one(one, opened, well, run, 5)
        assert {each.health().last_error for each in stuck} == {"timeout no reply within 0.2 s"}
        assert len(silent_resolver) == len(lost), "a thread a name, however many ask for it"
        await one.stop(1)

    asyncio.run(main())  # which waits for every thread of the loop


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_connection_that_goes_dead_is_given_up_with_its_request(
    protocol: str, receiver: Any, to: Callable[..., Destination]
) -> None:
    """As when a firewall forgets a connection: no word ever comes, and a new one would work."""

    async def main() -> list[str]:
        server: Any = None
        if protocol == "grpc":
            server = grpc.aio.server()
            service = "opentelemetry.proto.collector.logs.v1.LogsService"
            method = grpc.unary_unary_rpc_method_handler(_nothing)
            server.add_generic_rpc_handlers(
                [grpc.method_handlers_generic_handler(service, {"Export": method})]
            )
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
        else:
            port = receiver().server.server_port
        gate = Gate(port)
        one = sender(to(gate.url, protocol=protocol, timeout="5s"), "logs")
        try:
            said = [await one.send(b"")]
            gate.die()
            said += [await one.send(b""), await one.send(b"")]
        finally:
            await one.close()
            if server:
                await server.stop(None)
            gate.close()
        return [f"{each.verdict} {each.error_type}".strip() for each in said]

    assert asyncio.run(main()) == ["accepted", "retry timeout", "accepted"]


async def _nothing(_: bytes, __: Any) -> bytes:
    return b""


def test_one_name_may_stand_twice_for_different_signals(
    receiver: Any, journal: Any, run: MakeRun, to: Callable[..., Destination], shipping: Any
) -> None:
    logs, metrics, opened = receiver(), receiver(), journal()
    opened.write([run(0)])

    async def main() -> None:
        one = shipping(
            opened,
            to(logs.url, "otel", signals=("logs",)),
            to(metrics.url, "otel", signals=("metrics",)),
            timing=Timing(poll_s=0.02),
        )
        await one.start()
        await comes_true(lambda: logs.taken("/v1/logs") and metrics.taken("/v1/metrics"))
        await one.stop(5)

    asyncio.run(main())
    assert {request.path for request in logs.requests} == {"/v1/logs"}
    assert {request.path for request in metrics.requests} == {"/v1/metrics"}
