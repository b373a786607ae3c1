"""The evaluator: a journal of all regions' runs, an OTLP endpoint, and the page about both."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from prober.access import bracketed, is_loopback, listen
from prober.errors import InputError, JournalCorrupt, ProberError, Problem
from prober.evaluator.alerts.channels import Channels
from prober.evaluator.alerts.channels import load as load_channels
from prober.evaluator.bench import Bench, Files
from prober.evaluator.clerk.hatch import Hatch
from prober.evaluator.door.door import Door
from prober.evaluator.door.tokens import TOKENS, TokenFile
from prober.evaluator.given import JOURNAL, judged
from prober.evaluator.pages.display import EVERY_S
from prober.evaluator.vitals import ALERTS, HEARTBEAT
from prober.journal.tally import rules_of
from prober.journal.view import View
from prober.slo.contract import Contract
from prober.units import counted

#: For requests that are under way when the end comes.
GRACE_S = 3
#: More than so many at once are told to come back.
CONNECTIONS = 2000
#: How often alerts are judged.
_LOOK_S = 15.0
#: How often what is shown beside judgements is looked for.
_ASIDE_S = 60.0
#: Judging takes a while and a page is soon made: at each step it waits so long for its turn.
_TURN_S = 0.001
_logger = logging.getLogger("prober")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How an evaluator is run."""

    #: Directory of `*.slo.yaml` files.
    contracts: Path
    #: Directory of the journal.
    data: Path
    host: str = "127.0.0.1"
    #: 0 takes a free one.
    port: int = 8750
    #: A token that is good for everything.
    token: str | None = None
    #: Whether reading takes a token too.
    protect_reads: bool = False
    #: So many times the usual limits on requests; 0: none.
    limits: int = 1
    #: Address of a PromQL backend to judge from; None: the journal.
    source: str | None = None
    #: Where agents keep evidence or copy it to: directories, and URLs of storages.
    evidence: tuple[str, ...] = ()
    #: Who is told of alerts; None: `channels.yaml`, if it is there.
    channels: Path | None = None
    #: Where people find it, for links; None: where it listens.
    url: str | None = None


async def serve(
    settings: Settings,
    ready: Callable[[str], None] = print,
    *,
    stop: asyncio.Event,
    reload: asyncio.Event,
) -> None:
    """Serve until told to stop, or cancelled.

    Args:
        settings: see there.
        ready: is given one line as soon as requests are answered.
        stop: ends it.
        reload: set it to have contracts and channels read again.

    Raises:
        InputError: a contract or the channels do not load, or there is no contract.
        JournalLocked: another process uses the data directory.
        ProberError: the address cannot be had, or would let anybody write.
    """
    sys.setswitchinterval(_TURN_S)
    files = contracts, _ = _read(settings)
    door = _door(settings)
    listener = listen(settings.host, settings.port, "--listen")
    with listener, _benched(settings, files, door, _url(listener)) as (clerk, bench):
        bench.reload.asked = reload
        chores = [_beat(bench), _watch(bench), bench.reload.serve()]
        chores += [_look_aside(bench), _keep_display(bench), _heed_damage(clerk, stop)]
        tasks = [asyncio.create_task(chore) for chore in chores]
        try:
            say = f"evaluator is ready on {_url(listener)}: {counted(len(contracts), 'SLO')}"
            await _run(bench, listener, partial(ready, say), stop)
        finally:
            await bench.reload.stop()
            for task in tasks:
                task.cancel()
        _tell_damage(clerk)


def _tell_damage(clerk: Hatch) -> None:
    """Raises JournalCorrupt when that is why the evaluator ends."""
    if damage := clerk.damage():
        raise JournalCorrupt(
            f"{clerk.path}: {damage}, start the evaluator again: it will set the "
            "journal aside and go on from the newest backup"
        )


def _read(settings: Settings) -> Files:
    """Contracts, and who is told of them; raises InputError with all that is wrong."""
    problems: list[Problem] = []
    contracts: tuple[Contract, ...] = ()
    channels = Channels()
    try:
        contracts = judged(settings.contracts)
    except InputError as error:
        problems += error.problems
    try:
        channels = load_channels(settings.channels)
    except InputError as error:
        problems += error.problems
    problems += channels.check(contracts)
    if problems:
        raise InputError(problems)
    return contracts, channels


def see_that_somebody_reads(token: str | None, data: Path) -> None:
    """Raises ProberError when nobody has a token to read with."""
    if not token and not TokenFile(data / TOKENS).is_there:
        raise ProberError(
            "--protect-reads takes a token to read with: set PROBER_TOKEN, or make one with "
            "prober token create"
        )


def _door(settings: Settings) -> Door:
    """Who will be let in; raises ProberError when that would be anybody, or nobody can be."""
    tokens, loopback = TokenFile(settings.data / TOKENS), is_loopback(settings.host)
    tokens.tokens()  # a file that cannot be read is told now
    made = tokens.is_there
    if settings.token is None and not made and not loopback:
        raise ProberError(
            f"{settings.host} can be reached from other machines, and without a token anybody "
            "there could write: set PROBER_TOKEN, or listen on 127.0.0.1"
        )
    if settings.protect_reads:
        see_that_somebody_reads(settings.token, settings.data)
    if settings.token is not None and not settings.token.strip():
        raise ProberError("PROBER_TOKEN is blank: give it a value, or unset it")
    return Door(
        token=settings.token,
        tokens=tokens,
        loopback=loopback,
        protect_reads=settings.protect_reads,
        limits=settings.limits,
    )


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{bracketed(host)}:{port}"


@contextlib.contextmanager
def _benched(
    settings: Settings, files: Files, door: Door, url: str
) -> Iterator[tuple[Hatch, Bench]]:
    path = settings.data / JOURNAL
    with contextlib.ExitStack() as closing:
        clerk = closing.enter_context(contextlib.closing(Hatch(path, rules_of(files[0]))))
        view, shelf = (
            closing.enter_context(contextlib.closing(View.open(path, clerk.condemn)))
            for _ in range(2)
        )
        bench = Bench(
            files,
            partial(_read, settings),
            clerk,
            (view, shelf),
            settings.data,
            url=settings.url or url,
            door=door,
            source=settings.source,
            evidence=settings.evidence,
        )
        closing.enter_context(contextlib.closing(bench))
        yield clerk, bench


async def _run(
    application: ASGIApp,
    listener: socket.socket,
    ready: Callable[[], None],
    stop: asyncio.Event,
) -> None:
    config = uvicorn.Config(
        application,
        ws="none",
        lifespan="off",
        log_level="warning",
        log_config=None,  # its lines go where ours do
        access_log=False,
        limit_concurrency=CONNECTIONS,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=75,  # longer than an agent pauses: no request meets a closing door
    )
    server = _Server(config, ready)
    stopping = asyncio.create_task(_stop(server, stop))
    try:
        await server.serve([listener])
    finally:
        stopping.cancel()


async def _stop(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


class _Server(uvicorn.Server):
    """Tells when it is ready, and leaves signals to the event loop."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn's own would raise the signal again at the end, before the journal is closed."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self._ready()


async def _beat(bench: Bench) -> None:
    while True:
        bench.vitals.beat(HEARTBEAT)
        await asyncio.sleep(1)


async def _look_aside(bench: Bench) -> None:
    """What is shown beside judgements may be slow to find out: nobody waits for it."""
    while True:
        try:
            await asyncio.to_thread(bench.look_aside, time.time_ns() // 1_000_000)
        except Exception:
            _logger.exception("what stands beside judgements could not be found out")
        await asyncio.sleep(_ASIDE_S)


async def _keep_display(bench: Bench) -> None:
    """Who looks at the page again does not wait until it is made."""
    while True:
        pause_s = EVERY_S
        try:
            pause_s = await asyncio.to_thread(bench.keep_display)
        except Exception:
            _logger.exception("the status page could not be made; who looks at it is told")
        await asyncio.sleep(pause_s)


async def _heed_damage(clerk: Hatch, stop: asyncio.Event) -> None:
    """Nothing that a damaged journal says can be trusted: end before more is told of it."""
    while not await asyncio.to_thread(clerk.damage):
        await asyncio.sleep(1)
    stop.set()


async def _watch(bench: Bench) -> None:
    """What begins and ends is told; whatever is in the way, the next look comes."""
    while True:
        try:
            await asyncio.to_thread(bench.look, time.time_ns() // 1_000_000)
        except ProberError as error:
            _logger.error("what alerts tell could not be written down: %s", error)
        except Exception:
            _logger.exception("alerts could not be judged; the next try is in %s s", _LOOK_S)
        bench.vitals.beat(ALERTS)
        await asyncio.sleep(_LOOK_S)
