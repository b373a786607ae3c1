"""Tokens with names and scopes, kept as hashes in a file beside the evaluator's journal.

A token is 256 bits from the system's random source. Nobody can try that many, so a plain SHA-256
of it gives nothing away; the slow hashes are for passwords, which people choose and which can be
guessed, and here they would cost every request.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from prober.document import did_you_mean
from prober.errors import ProberError
from prober.evaluator.whole import replace
from prober.model import canonical

#: The file's name beside the journal.
TOKENS: Final = "tokens.json"
#: How every token begins, so that those who look for leaked secrets know one.
PREFIX: Final = "prober-"
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")


class Scope(StrEnum):
    """What a token is good for."""

    INGEST = "ingest"
    GATE = "gate"
    MARK = "mark"
    EXCLUDE = "exclude"
    OVERRIDE = "override"
    RESERVE = "reserve"
    SILENCE = "silence"
    REVIEW = "review"
    RELOAD = "reload"
    READ = "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """All that is known of a token once it was shown."""

    name: str
    scopes: frozenset[Scope]
    #: See `fingerprint`.
    hash: str
    created_ms: int
    #: From then on it is good for nothing; None: it stays.
    expires_ms: int | None = None

    def expired(self, now_ms: int) -> bool:
        """Whether its time is over."""
        return self.expires_ms is not None and now_ms >= self.expires_ms

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "scopes": in_order(self.scopes),
            "hash": self.hash,
            "created_ms": self.created_ms,
            "expires_ms": self.expires_ms,
        }

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`; raises ValueError, KeyError or TypeError."""
        expires_ms = said["expires_ms"]
        return cls(
            name=named(said["name"]),
            scopes=frozenset(map(Scope, said["scopes"])),
            hash=bytes.fromhex(said["hash"]).hex(),
            created_ms=int(said["created_ms"]),
            expires_ms=None if expires_ms is None else int(expires_ms),
        )


def fingerprint(shown: str) -> str:
    """What is kept of a token: its SHA-256, in 64 digits."""
    return hashlib.sha256(shown.encode(errors="surrogatepass")).hexdigest()


def in_order(scopes: Iterable[Scope]) -> list[str]:
    """Scopes as they are listed everywhere."""
    return [str(scope) for scope in Scope if scope in set(scopes)]


def named(name: str) -> str:
    """A name that a token may have; raises ValueError("what, mend")."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name, write up to 63 of a-z, 0-9, ., _ and -")
    return name


def scoped(words: Iterable[str]) -> frozenset[Scope]:
    """Scopes as they are given, several between commas; raises ProberError."""
    given = [word.strip() for each in words for word in each.split(",") if word.strip()]
    known = list(map(str, Scope))
    if unknown := [word for word in given if word not in known]:
        raise ProberError(f"there is no scope {unknown[0]!r}, {did_you_mean(unknown[0], known)}")
    if not given:
        every = ", ".join(known)
        raise ProberError(f"a token without scope is good for nothing, name some of {every}")
    return frozenset(map(Scope, given))


@dataclass(slots=True)
class TokenFile:
    """The tokens in a file; safe to use from several threads and processes."""

    path: Path
    _stamp: tuple[int, ...] | None = None
    _tokens: tuple[Token, ...] = ()
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_there(self) -> bool:
        """Whether tokens were ever made: from then on one is needed, even when all are revoked.

        Raises:
            ProberError: that cannot be told.
        """
        try:
            self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:  # what nobody may look at must not open the door
            raise ProberError(f"{self.path}: cannot be read: {error.strerror}") from error
        return True

    def tokens(self) -> tuple[Token, ...]:
        """Those in the file, which is read again when it has changed.

        Raises:
            ProberError: it cannot be read; said once, and until it changes there are none.
        """
        with self._turn:
            if (stamp := self._stamped()) != self._stamp:
                self._stamp, self._tokens = stamp, ()
                self._tokens = self._read()
            return self._tokens

    def find(self, shown: str) -> Token | None:
        """The token that is shown; how long this takes tells nothing of those there are.

        Raises:
            ProberError: see `tokens`.
        """
        wanted, found = fingerprint(shown), None
        for token in self.tokens():
            if hmac.compare_digest(token.hash, wanted):
                found = token
        return found

    def create(
        self, name: str, scopes: frozenset[Scope], now_ms: int, expires_ms: int | None = None
    ) -> str:
        """Make a token and keep its hash; the token, which is nowhere else.

        Raises:
            ProberError: the name is taken or is none, or the file cannot be read or written.
        """
        shown = f"{PREFIX}{secrets.token_urlsafe(32)}"
        try:
            token = Token(
                name=named(name),
                scopes=scopes,
                hash=fingerprint(shown),
                created_ms=now_ms,
                expires_ms=expires_ms,
            )
        except ValueError as error:
            raise ProberError(str(error)) from error
        with self._writing():
            before = self._read()
            if name in {each.name for each in before}:
                raise ProberError(f"there is a token {name} already, revoke it or name another")
            self._write([*before, token])
        return shown

    def revoke(self, name: str) -> Token:
        """Let a token be good for nothing from now on; what it was.

        Raises:
            ProberError: there is none of that name, or the file cannot be read or written.
        """
        with self._writing():
            before = self._read()
            named = {each.name: each for each in before}
            if name not in named:
                raise ProberError(f"there is no token {name!r}, {did_you_mean(name, named)}")
            self._write([each for each in before if each.name != name])
            return named[name]

    def _stamped(self) -> tuple[int, ...] | None:
        """What differs when the file was written anew."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> tuple[Token, ...]:
        try:
            return tuple(map(Token.from_dict, json.loads(self.path.read_bytes())["tokens"]))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise ProberError(f"{self.path}: cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            what = "is not a file of tokens: restore it from a copy, or move it away to begin anew"
            raise ProberError(f"{self.path}: {what}") from error

    def _write(self, tokens: Iterable[Token]) -> None:
        replace(self.path, canonical({"tokens": [token.to_dict() for token in tokens]}) + "\n")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Keep other writers out; the evaluator only reads."""
        directory = self.path.parent
        try:
            directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ProberError(f"{self.path}: cannot be written: {error.strerror}") from error
