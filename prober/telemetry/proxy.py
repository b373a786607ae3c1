"""The way out: `HTTPS_PROXY` and its like, heeded by gRPC as they are by HTTP."""

from __future__ import annotations

import os
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from prober.access import is_loopback
from prober.errors import InputError, Problem


def is_here(url: str) -> bool:
    """Whether an address is this machine's own: no proxy could find it."""
    return is_loopback(urlsplit(url).hostname or "")


def through(url: str) -> str | None:
    """The proxy that a web address is reached through, None when there is none."""
    where, known = urlsplit(url), getproxies_environment()
    found = known.get(where.scheme) or known.get("all")
    if not found or is_here(url) or proxy_bypass(where.hostname or ""):
        return None
    return found if "://" in found else f"http://{found}"


def grpc_options(url: str) -> tuple[tuple[str, str | int], ...]:
    """Channel options for a proxy; on its own gRPC reads only names in small letters.

    `grpc_proxy`, which is its alone, stays with it.

    Raises:
        InputError: the proxy is one that gRPC cannot use.
    """
    if "grpc_proxy" in os.environ and not is_here(url):
        return ()
    found = through(url)
    if not found:
        return (("grpc.enable_http_proxy", 0),)
    if urlsplit(found).scheme != "http":  # which may hold a password, and is not shown
        what, mend = "gRPC cannot use this proxy", "write http:// and a host, or NO_PROXY"
        raise InputError([Problem("the environment", 0, "HTTPS_PROXY or its like", what, mend)])
    return (("grpc.http_proxy", found),)
