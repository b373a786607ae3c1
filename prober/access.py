"""Who may reach and write to what listens: this machine alone, or whoever shows the token."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from typing import Final

from prober.errors import ProberError

#: What goes with a 401.
CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
TOKEN_NEEDED: Final = "a token is needed, send `Authorization: Bearer …` with that of PROBER_TOKEN"
_LAST_PORT: Final = 65_535


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own, which nobody else reaches.

    >>> is_loopback("127.0.0.2"), is_loopback("shop.localhost"), is_loopback("10.0.0.1")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def shows(authorization: str | None, token: str) -> bool:
    """Whether an Authorization header holds the token; how long it takes tells nothing of it."""
    return hmac.compare_digest((authorization or "").encode(), f"Bearer {token}".encode())


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A socket of our own that listens: uvicorn would end the process where the address is taken.

    Args:
        host: name or address, without brackets.
        port: 0: any that is free.
        setting: where another address is written, for the error.

    Raises:
        ProberError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if port > _LAST_PORT:  # the other way round, the socket would stay open
            raise OverflowError(f"ports end with {_LAST_PORT}")
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise ProberError(f"{bracketed(host)}:{port}: {error}, give another {setting}") from error
    # Connections inherit it. Those of a listener handed to it asyncio takes as they are, and the
    # body of an answer waited 40 ms for its head to be acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def bracketed(host: str) -> str:
    """A host as it stands before a port.

    >>> bracketed("::1"), bracketed("localhost")
    ('[::1]', 'localhost')
    """
    return f"[{host}]" if ":" in host else host
