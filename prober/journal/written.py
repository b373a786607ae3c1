"""What became of records that were handed to a journal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Written:
    """What became of records that were handed in."""

    new: int = 0
    duplicates: int = 0
    conflicts: int = 0
    #: Older than what single records are kept of: whether they were counted before cannot be
    #: told any more, so they are not.
    expired: int = 0
