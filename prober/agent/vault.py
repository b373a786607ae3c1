"""The vault: the secrets of a region as they are now, and what takes them out of texts."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping

from prober import logged
from prober.agent import errand
from prober.agent.redact import Redactor
from prober.errors import SecretUnreadable
from prober.origin import SecretSource
from prober.source import of_file

#: A value, or where it is read from.
Origin = str | SecretSource


class Vault:
    """Reads secrets anew for each run; whatever was read once is kept out of every text."""

    def __init__(self, origins: Mapping[str, Origin], before: Vault | None = None) -> None:
        """Nothing is read yet.

        Args:
            origins: by name; texts are known from now on.
            before: the one whose place it takes: what that knows stays known.
        """
        self._origins = dict(origins)
        self.redactor: Redactor = before.redactor if before else Redactor({})
        self.redactor.learn({n: each for n, each in origins.items() if isinstance(each, str)})
        #: What commands printed, and until when that is used.
        self._kept: dict[str, tuple[str, float]] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        if before is None:
            logged.hide(self.redactor.text)

    async def read(self, names: Iterable[str]) -> dict[str, str]:
        """The present values of those of some secrets that there are, by name.

        Raises:
            Unread: one of them cannot be had.
        """
        return {name: await self._value(name) for name in names if name in self._origins}

    async def _value(self, name: str) -> str:
        origin = self._origins[name]
        if isinstance(origin, str):
            return origin
        try:
            value = await (self._printed(name, origin) if origin.command else _in_file(origin))
        except SecretUnreadable as error:
            raise Unread(name, error) from error
        self.redactor.learn({name: value})
        return value

    async def _printed(self, name: str, origin: SecretSource) -> str:
        """What its command prints, asked by one run at a time and not for each."""
        assert origin.command
        async with self._turns[name]:
            value, until = self._kept.get(name, ("", 0.0))
            if time.monotonic() >= until:
                value = await asyncio.to_thread(errand.run, origin.command, origin.timeout_ms)
                self._kept[name] = value, time.monotonic() + origin.keep_ms / 1000
            return value


class Unread(Exception):
    """A secret that cannot be had now, and why."""

    def __init__(self, name: str, why: SecretUnreadable) -> None:
        self.name, self.why = name, why
        super().__init__(f"{name}: {why}")


async def _in_file(origin: SecretSource) -> str:
    assert origin.file
    return await asyncio.to_thread(of_file, origin.file)
