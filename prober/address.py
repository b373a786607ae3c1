"""Addresses as people write them: what may stand in a file, or a ValueError with the mend."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.?")


def endpoint(text: str) -> str:
    """A web address, with or without a path."""
    try:
        url = urlsplit(text)
        usable = url.scheme in _PORTS and url.hostname and url.port != 0
    except ValueError:  # the port is no number, or brackets do not match
        usable = False
    if not usable:
        raise ValueError(f"{text!r} is not a web address, write http:// or https:// and a host")
    if url.username is not None:
        raise ValueError("the address holds a user name, give it by secrets or headers")
    return text


def origin(text: str) -> str:
    """Scheme and host of a web address that has no path, without a slash at the end."""
    url = urlsplit(endpoint(text))
    found = f"{url.scheme}://{url.netloc}"
    if text.rstrip("/") != found:
        raise ValueError(f"{text!r} has more than a host, write paths in the journeys")
    return found


def site(text: str) -> str:
    """An origin as it is compared: its host a name or an address, and no pattern."""
    found = origin(text)
    host(urlsplit(found).hostname or "")
    return found


def reference(text: str) -> str:
    """A web address without a query, or `tcp://host:port`."""
    try:
        url = urlsplit(text)
        more = url.query or url.fragment or url.username is not None
        usable = bool(url.hostname and url.port != 0 and not more)
        if url.scheme not in _PORTS:
            usable = usable and url.scheme == "tcp" and bool(url.port and not url.path)
    except ValueError:  # as for an endpoint
        usable = False
    if not usable:
        such = "write one such as https://a.example or tcp://10.0.0.53:53"
        raise ValueError(f"{text!r} is not a reference target, {such}")
    return text


def server(url: str) -> tuple[str | None, int | None]:
    """Host and port that an address leads to.

    >>> server("https://shop.example/cart")
    ('shop.example', 443)
    """
    where = urlsplit(url)
    return where.hostname, where.port or _PORTS.get(where.scheme)


def host(text: str) -> str:
    """A name or address alone, as it is compared."""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        if not _HOST.fullmatch(text):
            raise ValueError(f"{text!r} is not a host, write only its name or address") from None
    return text.lower().rstrip(".")
