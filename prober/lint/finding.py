"""Findings: what a rule says of a line of a journey, and the mend."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from prober.errors import Severity


class Rule(StrEnum):
    """What is looked for; docs/authors.md says of each why, and the mend."""

    SYNTAX = "syntax"
    SECRET_LITERAL = "secret-literal"
    HOST_LITERAL = "host-literal"
    NO_STEP = "no-step"
    NO_ASSERTION = "no-assertion"
    NESTED_STEP = "nested-step"
    STEP_NAME = "step-name"
    SAME_STEP = "same-step"
    OUTSIDE_STEP = "outside-step"
    ENDS_ON_ACTION = "ends-on-action"
    IDLE_EXPECT = "idle-expect"
    SLEEP = "sleep"
    TIMEOUT = "timeout"
    CSS_PATH = "css-path"
    SHARED_ACCOUNT = "shared-account"
    NO_CLEANUP = "no-cleanup"
    RAW_FILE = "raw-file"
    ALLOWANCE = "allowance"


#: Of these, regions say more than the file alone.
OF_REGIONS = frozenset({Rule.HOST_LITERAL, Rule.SHARED_ACCOUNT, Rule.TIMEOUT})


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something about a line that can never pass, leaks, or is likely not what was meant."""

    #: As the file was named by whoever asked.
    file: str
    #: Both from 1.
    line: int
    column: int
    rule: Rule
    severity: Severity
    #: What is wrong.
    message: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}: {self.message}, {self.mend}"

    def to_dict(self) -> dict[str, str | int]:
        """Plain values, for JSON."""
        return asdict(self)
