"""A worker process as the supervisor holds it: started, told, heard, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prober.agent import display, process
from prober.agent.redact import Redactor
from prober.logged import beside
from prober.model import RunId

log = logging.getLogger(__name__)

#: Environment variables a worker inherits: no token, no secret.
INHERITED = frozenset(
    {
        "PATH",
        "LANG",
        "LC_ALL",
        "PYTHONPATH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "PLAYWRIGHT_BROWSERS_PATH",
        "PLAYWRIGHT_NODEJS_PATH",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
    }
)
_STOP_S = 3.0
_LONGEST_LINE = 1_000_000


class Hand:
    """One worker process."""

    def __init__(self, temporary: Path, redactor: Redactor) -> None:
        self.temporary = temporary
        self._redactor = redactor
        self.runs = 0
        self.born = time.monotonic()
        self.spent: str | None = None
        #: Its newest run.
        self.doing: RunId | None = None
        self.pid = 0
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._gone = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, settings: Mapping[str, Any]) -> None:
        """Start the process by exec, with a private socket and a minimal environment."""
        ours, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        here = str(self.temporary)
        if settings.get("headed"):
            environment |= display.variables()
        environment |= {"HOME": here, "TMPDIR": here, "TZ": "UTC", "PYTHONUNBUFFERED": "1"}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "prober.agent.worker",
            str(theirs.fileno()),
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        theirs.close()
        self.pid = self._process.pid
        process.started.add(self.pid)
        reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=2**24)
        self._tasks = [
            asyncio.create_task(self._listen(reader)),
            asyncio.create_task(self._relay_output()),
        ]
        self.tell({"do": "setup", "settings": dict(settings)})

    def tell(self, order: Mapping[str, Any]) -> None:
        """Send an order; a worker that is gone does not mind."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._writer.write(json.dumps(order).encode() + b"\n")

    async def next(self, ends: float) -> dict[str, Any] | None:
        """The next event, or None when none came before a moment of the monotonic clock."""
        if self._gone and self._events.empty():
            return {"at": "gone"}
        try:
            async with asyncio.timeout_at(ends):
                return await self._events.get()
        except TimeoutError:
            return None

    async def expect(self, wanted: set[str], ends: float) -> dict[str, Any] | None:
        """The next event of some kinds, others dropped; None when time is up or it died."""
        while (event := await self.next(ends)) is not None:
            if event["at"] in wanted:
                return event
            if event["at"] == "gone":
                return None
        return None

    async def kill(self) -> None:
        """End the process and all that came from it, and remove its files."""
        await asyncio.to_thread(process.sweep, self.pid, self.temporary)
        await self._collect()

    async def stop(self) -> None:
        """Let it close its browser and end; kill it when it does not."""
        self.tell({"do": "stop"})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await self._process.wait()
        await self.kill()

    async def _collect(self) -> None:
        await self._process.wait()
        process.started.discard(self.pid)
        for task in self._tasks:
            task.cancel()
        self._writer.close()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError, ValueError):
            async for line in reader:
                self._events.put_nowait(json.loads(line))
        self._gone = True
        self._events.put_nowait({"at": "gone"})

    async def _relay_output(self) -> None:
        """What a journey prints goes to the log, redacted, and never blocks the worker."""
        assert self._process.stdout
        rest = b""
        while chunk := await self._process.stdout.read(65536):
            whole, end, rest = (rest + chunk).rpartition(b"\n")
            if len(rest) > _LONGEST_LINE:
                whole, end, rest = whole + end + rest, b"", b""
            self._log(whole)
        self._log(rest)

    def _log(self, output: bytes) -> None:
        about = self.doing._asdict() if self.doing else {}
        for line in self._redactor.text(output.decode(errors="replace")).splitlines():
            log.info("worker %d: %s", self.pid, line, extra=beside(**about))


def now() -> float:
    """The event loop's monotonic clock, in seconds."""
    return asyncio.get_running_loop().time()
