"""The faults of the blame matrix: whose each is, and how it is brought about for real."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

import psutil

from benchmarks.loaded import burning
from tests.faults.family import Find, browser, driver, everybody, of_type, worker
from tests.faults.passage import Act, Request
from tests.faults.scene import SHOP_NAME, Scene, World

#: Where in the checkout a fault strikes, if not from the start: its page is asked for.
MIDDLE = "/checkout"
#: Brings a fault about for the length of one run.
Strike = Callable[[Scene], AbstractContextManager[None]]


class Origin(StrEnum):
    """Whose fault it is."""

    TARGET = "target"
    NETWORK = "network"
    BROWSER = "browser"
    DRIVER = "driver"
    WORKER = "worker"
    SCRIPT = "script"
    SECRETS = "secrets"
    HOST = "host"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a run can go wrong."""

    name: str
    origin: Origin
    strike: Strike
    journey: str = "checkout"
    world: World = World.PLAIN
    #: Whether a failure is confirmed by another run, as an agent does.
    confirm: bool = False
    #: Whether it can strike who has no worker that waits for its slot.
    peer: bool = True


# Of the target


def shop(fault: str, where: str = "checkout") -> Strike:
    """The shop breaks in a way of its own."""

    @contextmanager
    def strike(scene: Scene) -> Iterator[None]:
        scene.shop.fault(fault, where)
        try:
            yield
        finally:
            scene.shop.fault(None)

    return strike


def reply(act: Act, path: str = MIDDLE, world: World = World.PLAIN) -> Strike:
    """Something else than the shop's page comes."""
    return lambda scene: scene.way(world).on(path, act)


def changed(before: str, after: str) -> Act:
    """The shop's page with a part of it replaced."""

    def act(request: Request) -> bool:
        request.pass_on(lambda body: body.replace(before.encode(), after.encode()))
        return True

    return act


def nothing(_: Scene) -> AbstractContextManager[None]:
    """What is wrong is there already: in the journey, or in the world."""
    return contextlib.nullcontext()


@contextmanager
def stopped_shop(scene: Scene) -> Iterator[None]:
    """The shop's process stands still."""
    scene.shop.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        scene.shop.process.send_signal(signal.SIGCONT)


def unknown_name(scene: Scene) -> AbstractContextManager[None]:
    """There is no such host, says a resolver that works."""
    names = scene.resolver.names
    return _during(lambda: names.pop(SHOP_NAME), lambda: names.update({SHOP_NAME: scene.net.here}))


_ENDLESS = "<script>setTimeout(() => { while (true); }, 0)</script>"
_GREEDY = (
    "<script>const kept = []; setInterval(() => { for (let n = 0; n < 50; n++) "
    "kept.push(new Uint8Array(1 << 27).fill(1)) }, 0)</script>"
)
_TRICKLE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9000\r\n\r\n<h1>Chec"

TARGET = (
    Fault("answers 500 with a page", Origin.TARGET, shop("error")),
    Fault("answers 500 with nothing", Origin.TARGET, shop("error_empty")),
    Fault("charges a wrong total", Origin.TARGET, shop("wrong_total")),
    Fault("has lost a button", Origin.TARGET, shop("missing_button")),
    Fault("forgets who signed in", Origin.TARGET, shop("expired_session")),
    Fault("accepts and never answers", Origin.TARGET, shop("hang")),
    Fault("answers ten seconds late", Origin.TARGET, shop("slow")),
    Fault("resets the connection", Origin.TARGET, shop("reset")),
    Fault("refuses connections", Origin.TARGET, lambda scene: scene.passage.shut()),
    Fault("stands still", Origin.TARGET, stopped_shop),
    Fault("answers 404", Origin.TARGET, reply(lambda r: r.answer(404, "<h1>Gone</h1>"))),
    Fault("answers 503 with Retry-After", Origin.TARGET,
          reply(lambda r: r.answer(503, "<h1>Later</h1>", Retry_After="60"))),
    Fault("shows a page of maintenance with 200", Origin.TARGET,
          reply(lambda r: r.answer(200, "<h1>We are back soon</h1>"))),
    Fault("answers with a blank page", Origin.TARGET, reply(lambda r: r.answer(200, ""))),
    Fault("redirects in a circle", Origin.TARGET,
          reply(lambda r: r.answer(302, "", Location=MIDDLE))),
    Fault("redirects to where nobody is", Origin.TARGET,
          reply(lambda r: r.answer(302, "", Location="http://127.0.0.1:1/"))),
    Fault("ends its reply too early", Origin.TARGET, reply(lambda r: r.raw(_TRICKLE))),
    Fault("never ends its reply", Origin.TARGET, reply(lambda r: r.raw(_TRICKLE, then_s=15))),
    Fault("speaks no HTTP", Origin.TARGET, reply(lambda r: r.raw(b"\x15\x03\x01\x00\x02\x02\x50"))),
    Fault("has a script that never ends", Origin.TARGET,
          reply(changed("</body>", f"{_ENDLESS}</body>"))),
    Fault("crashes its own page, again and again", Origin.TARGET,
          reply(changed("</body>", f"{_GREEDY}</body>")), world=World.HELD, confirm=True),
    Fault("leaves its form disabled", Origin.TARGET, reply(changed("<button", "<button disabled"))),
    Fault("is sorry where it should thank", Origin.TARGET,
          reply(changed("Thank you", "We are sorry"), "/confirmation")),
    Fault("has a certificate that ended", Origin.TARGET, nothing, world=World.TLS),
    Fault("has lost its name", Origin.TARGET, unknown_name, world=World.NET),
    Fault("refuses a region that works", Origin.TARGET,
          lambda scene: scene.outside.shut(), world=World.NET),
    Fault("accepts and never answers a region that works", Origin.TARGET, shop("hang"),
          world=World.NET),
    Fault("answers an API with 500", Origin.TARGET, shop("error", "api"), "account_api",
          peer=False),
    Fault("answers an API wrongly", Origin.TARGET, shop("wrong_total", "api"), "account_api",
          peer=False),
    Fault("resets an API's connection", Origin.TARGET, shop("reset", "api"), "account_api",
          peer=False),
)  # fmt: skip


# Of our own network


def midway(
    hold: Callable[[Scene], AbstractContextManager[None]],
    world: World = World.PLAIN,
    last_s: float | None = None,
) -> Strike:
    """Wrong from the moment on when the page in the middle is asked for, for a while or on."""

    @contextmanager
    def strike(scene: Scene) -> Iterator[None]:
        with contextlib.ExitStack() as held:

            def act(_: Request) -> bool:
                scene.way(world).acts.pop(MIDDLE, None)  # once a run
                held.enter_context(hold(scene))
                if last_s is not None:
                    time.sleep(last_s)
                    held.close()
                return False

            scene.way(world).acts[MIDDLE] = act
            try:
                yield
            finally:
                scene.way(world).acts.pop(MIDDLE, None)

    return strike


def resolver(**changes: bool) -> Strike:
    """The resolver says nothing, or says that it has failed."""

    @contextmanager
    def strike(scene: Scene) -> Iterator[None]:
        before = {name: getattr(scene.resolver, name) for name in changes}
        vars(scene.resolver).update(changes)
        try:
            yield
        finally:
            vars(scene.resolver).update(before)

    return strike


def link_down(scene: Scene) -> AbstractContextManager[None]:
    """The cable is out."""
    return _during(scene.net.cut, scene.net.mend)


def packets(kind: str) -> Strike:
    """No packet gets through: `blackhole` drops them, `unreachable` refuses."""
    return lambda scene: scene.net.blocked(kind)


NETWORK = (
    Fault("the link is down", Origin.NETWORK, link_down, world=World.NET),
    Fault("the link goes down", Origin.NETWORK, midway(link_down, World.NET), world=World.NET),
    Fault("the link is down for five seconds", Origin.NETWORK,
          midway(link_down, World.NET, last_s=5), world=World.NET),
    Fault("packets are dropped", Origin.NETWORK, packets("blackhole"),
          world=World.NET),
    Fault("packets come to be dropped", Origin.NETWORK,
          midway(packets("blackhole"), World.NET), world=World.NET),
    Fault("packets are refused", Origin.NETWORK, packets("unreachable"),
          world=World.NET),
    Fault("the resolver is silent", Origin.NETWORK, resolver(speaks=False), world=World.NET),
    Fault("the resolver fails", Origin.NETWORK, resolver(works=False), world=World.NET),
)  # fmt: skip


# Of our own processes


def send(number: signal.Signals, find: Find) -> Callable[[Scene], AbstractContextManager[None]]:
    """A signal to some of the measurer's processes; who was stopped goes on afterwards."""

    @contextmanager
    def hold(scene: Scene) -> Iterator[None]:
        victims = find(scene.measurer.root)
        for each in victims:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(number)
        try:
            yield
        finally:
            for each in victims:
                with suppress(psutil.NoSuchProcess):
                    each.send_signal(signal.SIGCONT)

    return hold


_KILL, _STOP = signal.SIGKILL, signal.SIGSTOP

PROCESSES = (
    Fault("is killed", Origin.BROWSER, midway(send(_KILL, browser))),
    Fault("is stopped", Origin.BROWSER, midway(send(_STOP, browser))),
    Fault("is killed while it waits", Origin.BROWSER, send(_KILL, browser), peer=False),
    Fault("is stopped while it waits", Origin.BROWSER, send(_STOP, browser), peer=False),
    Fault("its renderer is killed once", Origin.BROWSER,
          midway(send(_KILL, of_type("renderer"))), confirm=True),
    Fault("its renderer is stopped", Origin.BROWSER, midway(send(_STOP, of_type("renderer")))),
    Fault("its drawing process is killed", Origin.BROWSER,
          midway(send(_KILL, of_type("gpu-process")))),
    Fault("is killed", Origin.DRIVER, midway(send(_KILL, driver))),
    Fault("is stopped", Origin.DRIVER, midway(send(_STOP, driver))),
    Fault("is killed while it waits", Origin.DRIVER, send(_KILL, driver), peer=False),
    Fault("is killed", Origin.WORKER, midway(send(_KILL, worker))),
    Fault("is stopped", Origin.WORKER, midway(send(_STOP, worker))),
    Fault("is killed while it waits", Origin.WORKER, send(_KILL, worker), peer=False),
)  # fmt: skip

SCRIPTS = (
    Fault("uses a name there is not", Origin.SCRIPT, nothing, "unknown_name"),
    Fault("has a selector that is none", Origin.SCRIPT, nothing, "bad_selector"),
    Fault("never ends", Origin.SCRIPT, nothing, "never_ends", peer=False),
    Fault("swallows every error", Origin.SCRIPT, nothing, "swallows", peer=False),
    Fault("proves nothing", Origin.SCRIPT, nothing, "proves_nothing"),
    Fault("ends its process", Origin.SCRIPT, nothing, "ends_its_process"),
    Fault("one is not the journey's to read", Origin.SECRETS, nothing, "unnamed_secret"),
    Fault("one is no seed of one-time codes", Origin.SECRETS, nothing, "no_seed"),
)


# Of our own machine


def processor(percent: int) -> Strike:
    """Next to no processor time."""
    return lambda scene: _during(
        lambda: scene.cgroup.processor(percent), lambda: scene.cgroup.processor(None)
    )


def memory(scene: Scene) -> AbstractContextManager[None]:
    """Hardly more memory than is in use."""

    def take() -> None:
        used = sum(each.memory_full_info().pss for each in everybody(scene.measurer.root))
        for megabytes in count(used >> 20):  # the kernel refuses less than it can get back
            with suppress(OSError):
                scene.cgroup.memory(megabytes)
                return

    return _during(take, lambda: scene.cgroup.memory(None))


def no_more_processes(scene: Scene) -> AbstractContextManager[None]:
    """As many processes and threads as there are, and not one more."""

    def take() -> None:
        scene.cgroup.processes(sum(each.num_threads() for each in everybody(scene.measurer.root)))

    return _during(take, lambda: scene.cgroup.processes(None))


@contextmanager
def full_disk(scene: Scene) -> Iterator[None]:
    """No room for anything temporary."""
    ballast = scene.disk / "ballast"
    with suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(bytes(1 << 16))
            file.flush()
    try:
        yield
    finally:
        ballast.unlink()


HOST = (
    Fault("four times as much work as processors", Origin.HOST, lambda _: burning(8)),
    Fault("a tenth of a processor", Origin.HOST, processor(10), world=World.HELD),
    Fault("a hundredth of a processor from midway on", Origin.HOST, midway(processor(1)),
          world=World.HELD),
    Fault("no more memory", Origin.HOST, midway(memory), world=World.HELD),
    Fault("no more processes", Origin.HOST, no_more_processes, world=World.HELD),
    Fault("few descriptors", Origin.HOST, nothing, world=World.SMALL),
    Fault("no room for temporary files", Origin.HOST, full_disk, world=World.FULL),
    Fault("paused for twelve seconds", Origin.HOST, midway(send(_STOP, everybody), last_s=12)),
)  # fmt: skip


# Of our own clock


def clock(seconds: float) -> Strike:
    """Somebody sets it while a run goes on."""
    return midway(lambda s: _during(lambda: s.measurer.step_clock(seconds), _nothing))


CLOCK = (
    Fault("an hour forward", Origin.CLOCK, clock(3600), peer=False),
    Fault("an hour back", Origin.CLOCK, clock(-3600), peer=False),
    Fault("five seconds back", Origin.CLOCK, clock(-5), peer=False),
)

FAULTS = (*TARGET, *NETWORK, *PROCESSES, *SCRIPTS, *HOST, *CLOCK)


def _nothing() -> None:
    return


@contextmanager
def _during(begin: Callable[[], object], end: Callable[[], object]) -> Iterator[None]:
    begin()
    try:
        yield
    finally:
        end()
