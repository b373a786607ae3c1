"""The SQLite file: opening, checking, and the named queries."""

from __future__ import annotations

import contextlib
import importlib.resources
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prober.errors import JournalCorrupt, JournalError
from prober.journal.wal import PAGE

SCHEMA_VERSION = 2
#: In `meta`: what a journal and its seals have in common,
IDENTITY = "seals"
#: and in a copy of it when it was made.
COPIED = "copied_ms"
#: Refusals that say nothing against the file.
_OF_THE_DISK = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
)
#: What sqlite3 raises for the state of a disk or a file; its other errors are our mistakes.
_OF_THE_FILE = (sqlite3.OperationalError, sqlite3.DatabaseError)
#: What it raises when pages are not what they should be.
_OF_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
#: A log that had to grow is cut back to this.
_LOG_BYTES = 16 * 2**20
_PACKAGE = importlib.resources.files(__package__)


def _read_queries(text: str) -> dict[str, str]:
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip().rstrip(";") for part in parts[2::2]), strict=True))


QUERIES = _read_queries((_PACKAGE / "queries.sql").read_text())


class Store:
    """One connection that runs named queries; safe to call from several threads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.RLock()
        #: Called after each commit.
        self.committed: Callable[[], None] = lambda: None
        #: Told when damage is met, by whoever reads or writes.
        self.damaged: Callable[[str], None] = lambda _: None

    def all(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Every row of a named query.

        Raises:
            JournalCorrupt: the file is damaged where they should be.
        """
        with self._lock, self._noticing():
            return self._connection.execute(QUERIES[query], values).fetchall()

    def one(self, query: str, **values: Any) -> tuple[Any, ...] | None:
        """The first row of a named query, or None."""
        rows = self.all(query, **values)
        return rows[0] if rows else None

    def value(self, query: str, **values: Any) -> Any:
        """The first column of the first row, or None."""
        row = self.one(query, **values)
        return row[0] if row else None

    def change(self, query: str, **values: Any) -> int:
        """Run a named statement; how many rows it changed."""
        with self._lock, self._noticing():
            return self._connection.execute(QUERIES[query], values).rowcount

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; on leaving it is on disk. Transactions do not nest.

        Raises:
            JournalError: the disk is full or fails, or the file is damaged; nothing was written.
        """
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                with self._noticing():
                    self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if type(error) in _OF_THE_FILE:
                    raise JournalError(f"the journal cannot be written: {error}") from error
                raise
            self.committed()

    @contextlib.contextmanager
    def reading(self) -> Iterator[bool]:
        """Several queries that see the journal at one moment; whether it begins here.

        Inside of another it is part of that one.
        """
        with self._lock:
            if self._connection.in_transaction:
                yield False
                return
            self._connection.execute("BEGIN")
            try:
                yield True
            finally:
                self._connection.execute("COMMIT")

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else uses the store for the length of a block."""
        with self._lock:
            yield

    def checkpoint(self, mode: str = "PASSIVE") -> bool:
        """Bring what the log holds into the file; whether nothing is left in it.

        Raises:
            sqlite3.Error: the disk is full or fails.
        """
        with self._lock, self._noticing():
            row = self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        busy, frames, done = row
        return not busy and frames == done

    def pages(self) -> int:
        """How many pages the journal has, those in its log among them."""
        with self._lock, self._noticing():
            return int(self._connection.execute("PRAGMA page_count").fetchone()[0])

    def check(self) -> None:
        """Look whether every page has its form, 3 s for a million runs.

        Raises:
            JournalCorrupt: one has not.
        """
        with self._lock, self._noticing():
            verdict = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise JournalCorrupt(str(verdict))

    @contextlib.contextmanager
    def _noticing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _OF_DAMAGE:
                raise
            self.damaged(str(error))
            raise JournalCorrupt(f"the journal is damaged: {error}") from error

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()


def open_reader(path: Path) -> Store:
    """A read-only store; never blocks the writer.

    Raises:
        JournalError: there is no journal at the path.
    """
    try:
        connection = _connect(f"{path.resolve().as_uri()}?mode=ro")
        connection.execute("SELECT count(*) FROM meta")
    except sqlite3.Error as error:
        raise JournalError(f"{path}: no journal can be read there: {error}") from error
    _check_version(path, connection)
    return Store(connection)


def open_writer(path: Path) -> Store:
    """The store of the one process that may write; makes the journal when there is none.

    Its log is left to `Keeper`, and so is looking for damage that opening does not meet.

    Raises:
        JournalCorrupt: the file is damaged; it stays as it was found.
        JournalError: the disk is full or fails, or the file may not be written.
    """
    with contextlib.ExitStack() as undo:
        try:
            connection = _connect(path.resolve().as_uri())
            undo.callback(connection.close)
            _prepare(connection)
            _check_version(path, connection)
        except sqlite3.Error as error:
            # Setting a journal aside is for damage: a full disk has none.
            if error.sqlite_errorcode & 0xFF in _OF_THE_DISK:
                raise JournalError(f"{path}: cannot be opened for writing: {error}") from error
            raise JournalCorrupt(f"{path}: {error}") from error
        undo.pop_all()
    return Store(connection)


def note_copy(path: Path, now_ms: int) -> None:
    """Make a copied file a journal of its own, that says it is a copy and needs no other file."""
    with contextlib.closing(_connect(path.resolve().as_uri())) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN")
        connection.execute(QUERIES["set_meta"], {"key": COPIED, "value": str(now_ms)})
        connection.execute(QUERIES["drop_meta"], {"key": IDENTITY})
        connection.execute("COMMIT")


def _prepare(connection: sqlite3.Connection) -> None:
    # FULL: what was acknowledged survives a power cut, at about 0.3 ms a commit.
    connection.executescript(
        f"PRAGMA page_size = {PAGE}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        f"PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = {_LOG_BYTES};"
    )
    if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        connection.executescript(
            f"BEGIN; {(_PACKAGE / 'schema.sql').read_text()}"
            f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
    connection.executescript("PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY;")
    return connection


def _check_version(path: Path, connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise JournalError(
            f"{path}: written by another version of Prober (schema {version}, "
            f"this one has {SCHEMA_VERSION}), run that version or name another data directory"
        )
