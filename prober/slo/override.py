"""Overrides: somebody lets one change pass a gate that would stop it, and answers for that.

An override holds for one commit, one SLO and the state that the SLO was in. What does not hold is
ignored, and the gate says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from prober.slo.moment import iso
from prober.slo.state import State

#: A shorter start of a hash could be that of another commit.
_SHORTEST: Final = 7
#: A name that may be shortened. One of digits alone could as well be a date, or count builds.
_HASH: Final = re.compile("(?=[0-9]*[a-f])[0-9a-f]{,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One person's word for one change."""

    id: str
    slo: str
    #: In which state the SLO was.
    state: State
    commit: str
    #: As which they speak, and who they are.
    role: str
    by: str
    reason: str
    granted_ms: int
    #: From then on it holds no longer.
    expires_ms: int

    def concerns(self, slo: str, commit: str | None, now_ms: int) -> bool:
        """Whether somebody may expect it to hold: it is for this SLO, and this commit or now."""
        meant = commit is not None and same_commit(self.commit, commit)
        return self.slo == slo and (meant or now_ms < self.expires_ms)

    def fault(self, state: State, commit: str | None, now_ms: int) -> str | None:
        """Why it does not hold for its SLO in a state, as a clause; None when it does."""
        if commit is None or not same_commit(self.commit, commit):
            return f"it is for commit {self.commit}"
        if state is not self.state:
            return f"it is for the state {self.state}, and the state is {state}"
        if now_ms >= self.expires_ms:
            return f"it expired at {iso(self.expires_ms)}"
        if not self.reason.strip():
            return "it gives no reason"
        return None

    def to_dict(self) -> dict[str, Any]:
        """The body of its entry in the audit log, its id left out."""
        body = asdict(self)
        del body["id"]
        return body | {"state": str(self.state)}

    @classmethod
    def from_dict(cls, id: str, body: Mapping[str, Any]) -> Override:
        """Inverse of `to_dict`."""
        return cls(**dict(body) | {"id": id, "state": State(body["state"])})


def same_commit(one: str, other: str) -> bool:
    """Whether two names mean the same commit: equal, or one the start of the other, a hash.

    >>> same_commit("3f2c1ab", "3F2C1AB90d"), same_commit("3f2c1a", "3f2c1ab90d")
    (True, False)
    >>> same_commit("v1.12.1", "v1.12.10")
    False
    """
    # The start of a longer name comes before it in the alphabet too.
    short, long = sorted((one.strip().lower(), other.strip().lower()))
    if short == long:
        return short != ""
    shortened = len(short) >= _SHORTEST and long.startswith(short)
    return shortened and _HASH.fullmatch(long) is not None
