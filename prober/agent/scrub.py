"""Scrubbing a trace: secrets taken out of every entry, and what is left searched once more.

A trace of Playwright's is a zip file: what was done and drawn, what went over the network, and
each resource as a file of its own. It holds what was typed, and cookies and tokens that the target
gave out, which nobody wrote into a region file.
"""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from prober.agent.redact import Redactor

#: Headers whose values open no door; others show that they were there.
HARMLESS = {
    "accept", "accept-encoding", "accept-language", "accept-ranges",
    "access-control-allow-credentials", "access-control-allow-headers",
    "access-control-allow-methods", "access-control-allow-origin",
    "access-control-expose-headers", "access-control-max-age", "access-control-request-headers",
    "access-control-request-method", "age", "allow", "alt-svc", "cache-control", "connection",
    "content-disposition", "content-encoding", "content-language", "content-length",
    "content-range", "content-security-policy", "content-type", "cross-origin-embedder-policy",
    "cross-origin-opener-policy", "cross-origin-resource-policy", "date", "etag", "expires",
    "host", "if-modified-since", "if-none-match", "keep-alive", "last-modified", "link",
    "location", "origin", "permissions-policy", "pragma", "range", "referer", "referrer-policy",
    "retry-after", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "sec-fetch-dest",
    "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "server", "server-timing",
    "strict-transport-security", "te", "timing-allow-origin", "traceparent", "trailer",
    "transfer-encoding", "upgrade", "upgrade-insecure-requests", "user-agent", "vary", "via",
    "warning", "x-content-type-options", "x-frame-options", "x-powered-by", "x-request-id",
    "x-xss-protection",
}  # fmt: skip
KEPT_BACK = "[kept back]"
#: A trace as it was recorded: nobody reads it but `scrub`.
RAW = "trace.raw"
#: The end of the name of what is made of it, until that was searched once more.
PART = ".part"
#: Within archives of archives, and so much of each.
_DEPTH = 3
_LARGEST = 64_000_000
#: A picture's or font's bytes are no text that could be redacted.
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"wOF2", b"wOFF")
#: What stands between two texts of a page: tags, and the same in a trace's own pictures of it.
_MARKUP = re.compile(r'<[^<>]{0,2000}>|"\]*,(?:\["[\w:-]+",\{[^{}]*\},)*"')


class _TooMuch(Exception):
    """More is packed in it than could be searched."""


def scrub(path: Path, redactor: Redactor) -> str | None:
    """Make a zip file of the one as it was recorded, `RAW` beside it, and remove that one.

    Returns:
        Why there is none, for a secret could be in it; None when there is one.
    """
    raw, part = path.with_name(RAW), path.with_suffix(PART)
    reason = None
    try:
        _redact(raw, part, redactor)
        if _holds_one(part, redactor):
            reason = "a secret was still in it"
        else:
            part.replace(path)
    except _TooMuch:
        reason = "it holds more than could be searched"
    except Exception as error:  # noqa: BLE001  # whatever stops the search, nobody vouches for it
        reason = f"it could not be searched ({type(error).__name__})"
    part.unlink(missing_ok=True)
    raw.unlink(missing_ok=True)
    return reason


def _redact(path: Path, part: Path, redactor: Redactor) -> None:
    with ZipFile(path) as old, ZipFile(part, "w", ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if entry.file_size > _LARGEST:
                raise _TooMuch
            raw = old.read(entry)
            if raw.startswith(_PICTURES):
                new.writestr(entry.filename, raw)
                continue
            text = raw.decode(errors="surrogateescape")
            if entry.filename.endswith(".network"):
                text = "\n".join(_guarded(line) if line else "" for line in text.split("\n"))
            new.writestr(entry.filename, redactor.text(text).encode(errors="surrogateescape"))


def _guarded(line: str) -> str:
    """A line about a request, without what its headers and cookies open."""
    said = json.loads(line)
    exchange = said.get("snapshot", {})
    for half in (exchange.get("request", {}), exchange.get("response", {})):
        for header in half.get("headers", ()):
            if header["name"].lower() not in HARMLESS:
                header["value"] = KEPT_BACK
        for cookie in half.get("cookies", ()):
            cookie["value"] = KEPT_BACK
    return json.dumps(said)


def _holds_one(path: Path, redactor: Redactor) -> bool:
    """Whether a secret is in it after all: within something packed, or between tags."""
    with ZipFile(path) as archive:
        for entry in archive.infolist():
            for raw in _unpacked(archive.read(entry), _DEPTH):
                if raw.startswith(_PICTURES):
                    continue
                text = raw.decode(errors="surrogateescape")
                if redactor.spans(text) or redactor.spans(_MARKUP.sub("", text)):
                    return True
    return False


def _unpacked(raw: bytes, depth: int) -> Iterator[bytes]:
    """Bytes, and what they are when they are a compressed file or an archive."""
    yield raw
    inner: list[bytes] = []
    if depth and raw.startswith(b"\x1f\x8b"):
        with gzip.open(io.BytesIO(raw)) as file:
            inner.append(_limited(file.read(_LARGEST + 1)))
    elif depth and raw.startswith(b"PK\3\4"):
        with ZipFile(io.BytesIO(raw)) as archive:
            for entry in archive.infolist():
                if entry.file_size > _LARGEST:
                    raise _TooMuch
                inner.append(archive.read(entry))
    for each in inner:
        yield from _unpacked(each, depth - 1)


def _limited(raw: bytes) -> bytes:
    if len(raw) > _LARGEST:
        raise _TooMuch
    return raw
