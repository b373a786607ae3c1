"""The body of a record as the journal's file holds it: compressed canonical JSON."""

from __future__ import annotations

import zlib

from prober.model import Gap, Record, Run, Schedule, canonical

_RECORDS: dict[str, type[Run] | type[Gap] | type[Schedule]] = {
    "run": Run,
    "gap": Gap,
    "schedule": Schedule,
}


def pack(record: Record) -> bytes:
    """A record as bytes, equal for equal records."""
    return zlib.compress(_bytes(record.to_json()), 6)


def unpack(kind: str, body: bytes) -> Record:
    """The record of a kind (run, gap or schedule) in a body."""
    return _RECORDS[kind].from_json(text(body))


def unpack_run(body: bytes) -> Run:
    """The run in a body."""
    return Run.from_json(text(body))


def text(body: bytes) -> bytes:
    """The JSON in a body."""
    return zlib.decompress(body)


def quoted(name: str) -> bytes:
    """A text as it stands in the JSON of bodies."""
    return _bytes(canonical(name))


def holds(body: bytes, record: Record) -> bool:
    """Whether a body is that of an equal record."""
    return text(body) == _bytes(record.to_json())


def _bytes(written: str) -> bytes:
    # A page's text may hold half of a surrogate pair, which UTF-8 cannot say.
    return written.encode(errors="replace")
