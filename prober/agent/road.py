"""The road to the target, as far as this machine can know it without asking anybody by name."""

from __future__ import annotations

import socket
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import psutil

from prober.agent.question import Question
from prober.agent.reference import connect, denies, is_address, look_up, why
from prober.telemetry import proxy

#: Of no host, for ever (RFC 6761): a resolver that works says so. With a dot, no domain that
#: is searched is put behind it.
_NOBODY = "prober.invalid."
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}

Addresses = list[tuple[Any, ...]]


class Road:
    """Proxy, resolver, route and link between this machine and the target."""

    def __init__(self, target: str, timeout_s: float) -> None:
        """Nothing is asked yet.

        Args:
            target: scheme and host of the target.
            timeout_s: for one look at all of it.
        """
        self._timeout_s = timeout_s
        self._host = urlsplit(target).hostname or ""
        through = proxy.through(target)
        self._proxy = Question(partial(_reach, through, timeout_s)) if through else None
        self._target = Question(partial(look_up, self._host))
        self._nobody = Question(partial(look_up, _NOBODY))

    async def trouble(self) -> str | None:
        """Why no request could leave for the target; None: this machine knows no reason.

        A target that does not answer, or whose name does not exist, is not a reason.
        """
        if self._proxy:
            return await self._proxy_trouble(self._proxy)
        addresses, trouble = await self._find()
        return trouble or _obstacle(addresses)

    async def resolver_trouble(self) -> str | None:
        """Why the target's name cannot be looked up, if it is this region's own fault."""
        if self._proxy or is_address(self._host):
            return None
        return (await self._find())[1]

    async def _proxy_trouble(self, asked: Question[None]) -> str | None:
        try:
            await asked.answer(self._timeout_s)
        except (OSError, ValueError) as error:
            return f"the proxy cannot be reached ({why(error)})"
        return None

    async def _find(self) -> tuple[Addresses, str | None]:
        """The target's addresses, or why its name got no answer, when the fault is here.

        It may be the fault of those who keep the name, so the resolver is asked for another.
        """
        for question in (self._target, self._nobody):
            try:
                found = await question.answer(self._timeout_s / 2)
            except socket.gaierror as error:
                found = []
                if not denies(error):
                    continue
            except TimeoutError:
                continue
            return found if question is self._target else [], None
        return [], "the resolver answers nothing"


def _reach(through: str, timeout_s: float) -> None:
    where = urlsplit(through)
    connect(where.hostname or "", where.port or _PORTS.get(where.scheme, 80), timeout_s)


def _obstacle(addresses: Addresses) -> str | None:
    """What keeps packets to all of these addresses here; none is sent to find out."""
    found = [_obstacle_before(address) for address in addresses]
    return found[0] if found and all(found) else None


def _obstacle_before(address: tuple[Any, ...]) -> str | None:
    family = socket.AF_INET6 if ":" in str(address[0]) else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(address)  # of UDP: only asks the kernel for the way
        except OSError as error:
            return f"there is no way to {address[0]} ({why(error)})"
        source = probe.getsockname()[0]
    links = psutil.net_if_stats()
    for name, here in psutil.net_if_addrs().items():
        mine = any(each.address.partition("%")[0] == source for each in here)
        if mine and name in links and not links[name].isup:
            return f"{name}, the way to {address[0]}, has no link"
    return None
