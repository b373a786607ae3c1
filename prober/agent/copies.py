"""Copies of evidence in a storage that others reach, made in the order of the journal.

What is to be copied stands in the journal, and a note says how far that has come: so whatever ends
in between is taken up again. A file may be copied twice, which changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prober.config import Region
from prober.errors import ProberError
from prober.journal.journal import Journal
from prober.model import Run
from prober.storage import Storage

log = logging.getLogger(__name__)

#: How far it has come, beside the journal.
NOTE: Final = "copied.json"
#: From one look to the next, and after trouble the longest.
_PAUSE_S: Final = 5.0
_LONGEST_S: Final = 300.0
_AT_ONCE: Final = 200


class Copies:
    """Copies the files that run records name, where the region says so."""

    def __init__(self, journal: Journal, region: Callable[[], Region]) -> None:
        """Nothing is copied yet.

        Args:
            journal: says which files there are.
            region: as it is now.
        """
        self._journal, self._region = journal, region
        self._url, self._storage = "", Storage("")
        self._seq = 0
        #: Why files cannot be copied now; empty when they can.
        self.trouble = ""

    async def serve(self) -> None:
        """Copy what there is, again and again; until it is cancelled."""
        pause_s = _PAUSE_S
        while True:
            try:
                await asyncio.to_thread(self.carry_on)
            except ProberError as error:
                if not self.trouble:
                    log.warning("evidence cannot be copied, it is tried again: %s", error)
                self.trouble, pause_s = str(error), min(2 * pause_s, _LONGEST_S)
            except Exception:
                log.exception("evidence cannot be copied, it is tried again")
                pause_s = _LONGEST_S
            else:
                self.trouble, pause_s = "", _PAUSE_S
            await asyncio.sleep(pause_s)

    def carry_on(self) -> None:
        """Copy what was written since; slow.

        Raises:
            StorageError: the storage does not take a file now.
            JournalError: the journal cannot be read.
        """
        region = self._region()
        self._turn_to(region.artefacts.url, region.data / NOTE)
        newest = self._journal.outbox.newest()
        while self._url and self._seq < newest:
            entries = self._journal.outbox.entries(self._seq, newest, _AT_ONCE)
            for entry in entries:
                if isinstance(entry.record, Run):
                    self._copy(entry.record, region.evidence)
                self._seq = entry.seq
            self._seq = self._seq if entries else newest  # of what was pruned no file is left
            self._write(region.data / NOTE)

    def age_s(self, now_ms: int) -> float | None:
        """How old the oldest record is whose files may not be copied yet; None: none are to be."""
        if not self._url:
            return None
        since_ms = self._journal.outbox.written_after(self._seq)
        return 0.0 if since_ms is None else max(0, now_ms - since_ms) / 1000

    def _copy(self, run: Run, evidence: Path) -> None:
        for name in run.artefacts:
            file = evidence / name
            if file.is_file():  # otherwise it had to make room
                self._storage.put(name, file)

    def _turn_to(self, url: str, note: Path) -> None:
        """From where it was, or the beginning when that was another storage or another journal."""
        if url == self._url:
            return
        self._url, self._storage, self._seq = url, Storage(url), 0
        with contextlib.suppress(OSError, ValueError, KeyError):
            noted = json.loads(note.read_text())
            known = noted["to"] == _digest(url) and noted["journal"] == self._journal.birth_ms
            self._seq = int(noted["seq"]) if known else 0

    def _write(self, note: Path) -> None:
        noted = {
            "to": _digest(self._url),
            "journal": self._journal.birth_ms,
            "seq": self._seq,
        }
        beside = note.with_suffix(".new")
        with contextlib.suppress(OSError):  # a full disk: what is not noted is copied again
            beside.write_text(json.dumps(noted))
            os.replace(beside, note)


def _digest(url: str) -> str:
    """A URL may hold a password, and a note is no place for one."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]
