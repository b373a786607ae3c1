"""The processes of one machine: started together, watched, and ended together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from prober.errors import ProberError

Say = Callable[[str], None]
#: A loaded machine may take this long to have a browser warm.
_READY_S = 60.0
#: An agent drains its runs first.
_STOP_S = 35.0


@dataclass(slots=True)
class Machine:
    """A process tree on this machine; every process says a line with `is ready` when it is."""

    #: Where the processes' lines go.
    say: Say
    #: Processes that others talk to until their end.
    _servers: set[str] = field(default_factory=set)
    _processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    _relays: list[asyncio.Task[None]] = field(default_factory=list)
    _ready: dict[str, asyncio.Event] = field(default_factory=dict)

    async def start(
        self, name: str, *command: str, environ: Mapping[str, str], server: bool = False
    ) -> None:
        """Start `python -m …`; returns before it is ready.

        Args:
            name: for its lines.
            command: the module and its arguments.
            environ: added to this process's own.
            server: ended after all that are not.
        """
        if server:
            self._servers.add(name)
        self._ready[name] = asyncio.Event()
        self._processes[name] = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "prober.demo.leash", *command),
            env={**os.environ, **environ, "PYTHONUNBUFFERED": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only us; we end the others in order
        )
        self._relays.append(asyncio.create_task(self._relay(name)))

    async def pass_on(self, number: signal.Signals) -> None:
        """Send a signal to every process, to each once it is ready: before, it would end it."""
        for name, process in list(self._processes.items()):
            await self._ready[name].wait()
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    async def ready(self) -> None:
        """Wait until every process that was started says so.

        Raises:
            ProberError: one ended instead, or did not get there in time.
        """
        everybody = asyncio.create_task(self._all_ready())
        ended = asyncio.create_task(self.ended())
        await asyncio.wait(
            {everybody, ended}, timeout=_READY_S, return_when=asyncio.FIRST_COMPLETED
        )
        everybody.cancel()
        ended.cancel()
        late = [name for name, event in self._ready.items() if not event.is_set()]
        if late and ended.done():
            raise ProberError(f"{ended.result()} ended before it was ready; its lines are above")
        if late:
            raise ProberError(f"not ready after {_READY_S:.0f} s: {', '.join(late)}")

    async def _all_ready(self) -> None:
        for event in self._ready.values():
            await event.wait()

    async def ended(self) -> str:
        """Wait until any process ends; its name."""
        watching = {
            asyncio.create_task(process.wait()): name for name, process in self._processes.items()
        }
        try:
            done, _ = await asyncio.wait(watching, return_when=asyncio.FIRST_COMPLETED)
            return watching[done.pop()]
        finally:
            for task in watching:
                task.cancel()

    async def stop(self) -> None:
        """End all processes in good order, servers last; kill what does not end."""
        for servers in (False, True):
            names = [name for name in self._processes if (name in self._servers) is servers]
            await self._end([self._processes[name] for name in names])
        await asyncio.gather(*self._relays)

    async def _end(self, processes: Iterable[asyncio.subprocess.Process]) -> None:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await asyncio.gather(*(process.wait() for process in processes))
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _relay(self, name: str) -> None:
        stdout = self._processes[name].stdout
        assert stdout is not None
        async for line in stdout:
            text = line.decode(errors="replace").rstrip()
            if "is ready" in text:
                self._ready[name].set()
            self.say(f"{name}: {text}")
