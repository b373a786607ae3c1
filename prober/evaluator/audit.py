"""The audit log: what people and gates decided, one line each, never changed afterwards.

`audit.jsonl` lies beside the evaluator's journal. Every line holds the hash of the one before it,
so that a change shows; `audit.head` holds the hash of the last, so that a cut shows. Evaluator
and commands may append at the same time. A line that was written by token has the token's name.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from prober.errors import AuditBroken, ProberError
from prober.evaluator.whole import replace
from prober.model import canonical
from prober.slo.exclusion import Exclusion
from prober.slo.silence import Silence

#: Its name beside the journal.
AUDIT: Final = "audit.jsonl"
#: The name of the token by which entries are being made.
_token: ContextVar[str | None] = ContextVar("token", default=None)
#: What the first entry follows.
_NOTHING: Final = "0" * 64
#: `,"hash":"` and 64 digits and `"}`, which end every line.
_TAIL: Final = 75
_logger = logging.getLogger(__name__)


class Kind(StrEnum):
    """What an entry is about."""

    EXCLUSION = "exclusion"
    REVOCATION = "revocation"
    OVERRIDE = "override"
    DEPLOY = "deploy"
    DECISION = "decision"
    STATE = "state"
    ALERT = "alert"
    RESERVATION = "reservation"
    RELEASE = "release"
    TOKEN = "token"
    RELOAD = "reload"
    REVIEW = "review"
    MISS = "miss"
    FEEDBACK = "feedback"
    OWNERSHIP = "ownership"
    SILENCE = "silence"
    SILENCE_END = "silence-end"


#: What reads entries again of which each judgement and each message goes by all that there are.
_READERS: Final[Mapping[Kind, Callable[[Mapping[str, Any]], Exclusion | Silence]]] = {
    Kind.EXCLUSION: Exclusion.from_dict,
    Kind.SILENCE: partial(Silence.from_dict, ""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log."""

    #: From 1 on.
    number: int
    at_ms: int
    kind: Kind
    body: Mapping[str, Any]
    #: SHA-256 of the line without it, which names the hash of the line before: 64 digits.
    hash: str
    #: The name of the token by which it was made; None: without one.
    token: str | None = None

    @property
    def id(self) -> str:
        """What people call it by: the start of its hash."""
        return self.hash[:12]


@contextlib.contextmanager
def by_token(name: str | None) -> Iterator[None]:
    """Have every entry that is made within, in whatever log, name a token."""
    before = _token.set(name)
    try:
        yield
    finally:
        _token.reset(before)


class _Head(NamedTuple):
    """The last entry whose writer was told that it is on disk."""

    number: int
    size: int
    hash: str


class _Place(NamedTuple):
    """Where a line is in the file, and enough of it to choose by."""

    at_ms: int
    kind: str
    start: int
    end: int
    hash: str


@dataclass(slots=True)
class AuditLog:
    """The log in a file; safe to use from several threads and processes."""

    path: Path
    _places: list[_Place] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def open(cls, path: Path) -> AuditLog:
        """The log at a path; a file is made when something is first appended.

        Raises:
            AuditBroken: it was changed or cut short.
        """
        log = cls(path)
        log._catch_up()
        return log

    def append(self, kind: str, body: Mapping[str, Any], at_ms: int) -> Entry:
        """Add an entry; on return it is on disk.

        Args:
            kind: see `Kind`.
            body: what JSON can say; fractions as text.
            at_ms: when, in milliseconds since 1970.

        Raises:
            AuditBroken: the log was changed or cut short.
            ProberError: it cannot be written, or could not be read again.
        """
        _check(Kind(kind), body)
        with self._lock:
            self._catch_up()  # before a file is made where one is missing
            return self._append(Kind(kind), body, at_ms)

    def entries(
        self,
        kind: str | Collection[str] | None = None,
        known_ms: int | None = None,
        *,
        after: int = 0,
        until: int | None = None,
    ) -> tuple[Entry, ...]:
        """Entries, oldest first; only what is new in the file is read and checked again.

        Args:
            kind: only of this kind, or these.
            known_ms: only those made by then.
            after: only those with a higher number.
            until: only those with this number or a lower one.

        Raises:
            AuditBroken: the log was changed or cut short.
        """
        wanted = Kind if kind is None else {kind} if isinstance(kind, str) else kind
        kinds = {str(each) for each in wanted}
        with self._lock:
            self._catch_up()
            return tuple(
                self._entry(number)
                for number, place in enumerate(self._places[after:until], after + 1)
                if place.kind in kinds and (known_ms is None or place.at_ms <= known_ms)
            )

    def find(self, start: str, kind: str | None = None) -> Entry | None:
        """The entry whose id begins so; None when there is none or several."""
        with self._lock:
            self._catch_up()
            found = [
                number
                for number, place in enumerate(self._places, 1)
                if kind in (None, place.kind) and place.hash.startswith(start)
            ]
            return self._entry(found[0]) if len(found) == 1 else None

    @property
    def length(self) -> int:
        """How many entries there are."""
        with self._lock:
            self._catch_up()
            return len(self._places)

    def verify(self) -> int:
        """Check every line from the first one on; how many there are.

        Raises:
            AuditBroken: the log was changed or cut short.
        """
        with self._lock:
            self._catch_up()
            fresh = AuditLog.open(self.path)
            known = len(self._places)
            if fresh._places[:known] != self._places:
                raise self._broken("another log stands in its place")
            return len(fresh._places)

    @property
    def _head_path(self) -> Path:
        return self.path.with_suffix(".head")

    @property
    def _next_path(self) -> Path:
        """The head of a line that is being written."""
        return self.path.with_suffix(".next")

    @property
    def _size(self) -> int:
        return self._places[-1].end if self._places else 0

    @property
    def _last_hash(self) -> str:
        return self._places[-1].hash if self._places else _NOTHING

    def _append(self, kind: Kind, body: Mapping[str, Any], at_ms: int) -> Entry:
        with self._writing() as descriptor:
            self._catch_up()
            number, before = len(self._places) + 1, self._last_hash
            said = {"at_ms": at_ms, "body": body, "kind": kind, "number": number}
            token = {"token": name} if (name := _token.get()) else {}
            content = canonical({**said, "previous": before, **token})
            found = hashlib.sha256(content.encode()).hexdigest()
            line = f'{content[:-1]},"hash":"{found}"}}\n'.encode()
            head = _Head(number, self._size + len(line), found)
            replace(self._next_path, canonical(head._asdict()))  # while nothing is promised yet
            os.ftruncate(descriptor, self._size)  # the torn line of a writer that was killed
            self._put(descriptor, line)
            self._catch_up()
            return self._entry(number)

    def _catch_up(self) -> None:
        """Read and check what was added since the last time."""
        head = self._head()  # first: what it names was in the log before it was written
        try:
            with self.path.open("rb") as file:
                file.seek(0, os.SEEK_END)
                size = file.tell()
                if not (size or head.number):
                    self._begin_anew()
                if size < max(self._size, head.size):
                    raise self._broken(
                        f"it ends after {size} of {max(self._size, head.size)} bytes"
                    )
                file.seek(self._size)
                for line in file.read(size - self._size).splitlines(keepends=True):
                    if line.endswith(b"\n"):  # else its writer is not done, or was killed
                        self._places.append(self._link(line))
        except FileNotFoundError:
            if head.number:
                raise self._broken("it is gone") from None
            self._begin_anew()
        except OSError as error:
            raise ProberError(f"{self.path}: cannot be read: {error.strerror}") from error
        if len(self._places) > 1 and not head.number:
            raise self._broken(f"{self._head_path.name} is gone")
        if head.number and (
            len(self._places) < head.number or self._places[head.number - 1].hash != head.hash
        ):
            raise self._broken(f"entry {head.number} is not the one that was written")

    def _begin_anew(self) -> None:
        """Forget a log that was moved away with its head, as who is told that it broke may do."""
        if self._places:
            self._places.clear()
            _logger.warning("%s: it is gone together with its .head: a new one begins", self.path)

    def _link(self, line: bytes) -> _Place:
        """A line's place, once its hash and that of the line before are what they should be."""
        number = len(self._places) + 1
        content = line[: -_TAIL - 1] + b"}"
        try:
            said = json.loads(line)
            expected = (hashlib.sha256(content).hexdigest(), self._last_hash, number)
            if (said["hash"], said["previous"], said["number"]) != expected:
                raise self._broken(f"line {number} was changed, or the one before it")
            return _Place(
                said["at_ms"], said["kind"], self._size, self._size + len(line), said["hash"]
            )
        except (ValueError, KeyError, TypeError) as error:
            raise self._broken(f"line {number} was changed") from error

    def _entry(self, number: int) -> Entry:
        place = self._places[number - 1]
        with self.path.open("rb") as file:
            file.seek(place.start)
            said = json.loads(file.read(place.end - place.start))
        return Entry(
            number=number,
            at_ms=place.at_ms,
            kind=Kind(place.kind),
            body=said["body"],
            hash=place.hash,
            token=said.get("token"),
        )

    def _head(self) -> _Head:
        try:
            return _Head(**json.loads(self._head_path.read_bytes()))
        except FileNotFoundError:
            return _Head(0, 0, _NOTHING)
        except (ValueError, TypeError) as error:
            raise self._broken(f"{self._head_path.name} was changed") from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[int]:
        """The file, locked against other writers."""
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            descriptor = os.open(self.path, flags, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield descriptor
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ProberError(f"{self.path}: cannot be written: {error.strerror}") from error

    def _put(self, descriptor: int, line: bytes) -> None:
        """The whole line on disk with the head that names it, or nothing of either."""
        try:
            if os.write(descriptor, line) != len(line):
                raise OSError(0, "the disk is full")
            os.fsync(descriptor)
            self._name_last()
        except OSError:
            os.ftruncate(descriptor, self._size)
            raise

    def _name_last(self) -> None:
        """The head that is ready is the head from now on."""
        self._next_path.replace(self._head_path)

    def _broken(self, how: str) -> AuditBroken:
        return AuditBroken(
            f"{self.path}: the audit log is not what was written: {how}; "
            "restore it from a copy, or move it away together with its .head to begin a new one"
        )


def _check(kind: Kind, body: Mapping[str, Any]) -> None:
    """Refuse what nobody could read again: no line is ever mended."""
    if kind not in _READERS:
        return
    said = json.loads(canonical(body))
    try:
        read = _READERS[kind](said).to_dict()
        if read | said != read:
            raise ValueError("it would say something else")
    except ValueError as error:
        what = f"this {kind} could not be read again: {error}"
        raise ProberError(f"{what}; it is not written") from error
