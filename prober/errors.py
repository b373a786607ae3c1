"""Every error that Prober raises on purpose, as one small tree.

ProberError
├── InputError          bad input: a list of Problems, each with its place and the mend
├── SecretMissing       a journey asked for a secret that its region does not give it
├── SecretUnreadable    where a secret comes from does not give it now
├── StepMisuse          a journey used `step` in a way that has no meaning
├── EffectUnnoted       what a journey was about to make could not be taken down in time
├── JournalError        the journal cannot be trusted or used
│   ├── JournalLocked   another process writes this journal
│   └── JournalCorrupt  the file is damaged; it was set aside, not emptied
├── AuditBroken         the audit log was changed or cut short; it is left as it is
├── StorageError        a storage elsewhere cannot be read or written now
└── SourceUnavailable   counts cannot be had now: the judgement is UNKNOWN, never zero

A class's docstring is its message when none is given.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class ProberError(Exception):
    """Something Prober was asked for cannot be done."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or inspect.getdoc(type(self)) or type(self).__name__)


class Severity(StrEnum):
    """How bad a finding is, of those that look for what is likely wrong."""

    ERROR = "error"  #: it cannot work, or must not stay
    WARNING = "warning"  #: it works, and is likely not what was meant


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in the input: where it is, what it is, and the mend."""

    file: str
    #: 1-based; 0 when the file as a whole is meant.
    line: int
    #: Dotted path inside the file (`objectives[0].target`), empty for a whole file.
    path: str
    what: str
    mend: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        path = f" {self.path}:" if self.path else ""
        return f"{place}:{path} {self.what}, {self.mend}"


class InputError(ProberError):
    """The input is wrong; `problems` holds every mistake found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


class SecretMissing(ProberError):
    """A journey asked for a secret that its region does not give it."""


class SecretUnreadable(ProberError):
    """Where a secret comes from does not give it now: what is wrong, and the mend."""

    def __init__(self, what: str, mend: str) -> None:
        self.what, self.mend = what, mend
        super().__init__(f"{what}, {mend}")


class StepMisuse(ProberError):
    """Steps stand one after another: a step inside a step would count its time twice."""


class EffectUnnoted(ProberError):
    """The agent did not take down in time what the journey is about to make, so it is not made."""


class JournalError(ProberError):
    """The journal cannot be trusted or used."""


class JournalClosing(JournalError):
    """The journal is being closed: what reads it whole stops where it is."""


class JournalLocked(JournalError):
    """Another process writes this journal: give each agent its own data directory."""


class JournalCorrupt(JournalError):
    """The journal is damaged: it was set aside under another name, not emptied."""


class AuditBroken(ProberError):
    """The audit log was changed or cut short: it is left as it is, and nothing is added to it."""


class StorageError(ProberError):
    """A storage elsewhere cannot be read or written now; the message says which and why."""


class SourceUnavailable(ProberError):
    """Counts cannot be had now; the message says why. Judgement is UNKNOWN, never good."""
