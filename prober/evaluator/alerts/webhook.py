"""Requests that tell somebody: JSON over HTTP, acknowledged by a 200-class reply alone."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import httpx

from prober.evaluator.alerts.channels import Way
from prober.evaluator.alerts.message import Message
from prober.telemetry import proxy
from prober.telemetry.reply import excerpt

#: For a whole request, and for each of its parts.
TIMEOUT_S: Final = 10.0
#: Names what may arrive twice: the same key, the same message.
KEY: Final = "Idempotency-Key"
#: `sha256=` and 64 digits: HMAC of the body with the secret.
SIGNATURE: Final = "Prober-Signature"
_READ_BYTES: Final = 4096


def tell(way: Way, message: Message) -> str:
    """Send a message to a webhook: empty when it was acknowledged, else why not."""
    body = as_json(message.to_dict())
    return post(way.url, body, {**way.headers, **signed(way, body), KEY: message.id})


def signed(way: Way, body: str) -> dict[str, str]:
    """The header by which a receiver sees that a body comes from here; none without a secret."""
    if way.secret is None:
        return {}
    digest = hmac.new(way.secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    return {SIGNATURE: f"sha256={digest}"}


def post(url: str, body: str, headers: Mapping[str, str]) -> str:
    """Post JSON once: empty when it was acknowledged, else why not; redirects are not followed."""
    own = {"Content-Type": "application/json", "User-Agent": "Prober", **headers}
    local = proxy.is_here(url)
    try:
        with (
            httpx.Client(timeout=TIMEOUT_S, trust_env=not local, verify=_papers()) as client,
            client.stream("POST", url, content=body.encode(), headers=own) as reply,
        ):
            said = _read(reply)
            if reply.is_success:
                return ""
            return f"{reply.status_code} {excerpt(said)}".strip()
    except httpx.TimeoutException:
        return f"no reply within {TIMEOUT_S:g} s"
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return str(error) or type(error).__name__
    except (ImportError, ValueError) as error:  # of a proxy in the environment
        return f"the proxy cannot be used ({error})"


def as_json(value: Any) -> str:
    """A body: equal values give equal bytes."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


@lru_cache(maxsize=1)  # reading them takes longer than a request
def _papers() -> ssl.SSLContext:
    """The certificates that are trusted."""
    return httpx.create_ssl_context()


def _read(reply: httpx.Response) -> bytes:
    """The beginning of a reply, as far as it comes in time: its status has said what counts."""
    said, end_s = bytearray(), time.monotonic() + TIMEOUT_S
    for chunk in reply.iter_raw():
        said += chunk
        if len(said) >= _READ_BYTES or time.monotonic() >= end_s:
            break
    return bytes(said)
