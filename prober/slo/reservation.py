"""Reservations: shares of an error budget that are kept back for what is planned.

A reservation is a plan: it lowers what is available and never what remains.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A share of each budget of one SLO, kept back for something."""

    id: str
    slo: str
    share: Fraction
    reason: str
    reserved_ms: int
    #: From then on nothing is kept back; None: until it is released.
    until_ms: int | None = None

    def holds(self, time_ms: int) -> bool:
        """Whether it keeps anything back at a moment, should nobody release it."""
        return self.until_ms is None or time_ms < self.until_ms

    def to_dict(self) -> dict[str, Any]:
        """The body of its entry in the audit log, its id left out."""
        body = asdict(self)
        del body["id"]
        return body | {"share": str(self.share)}

    @classmethod
    def from_dict(cls, id: str, body: Mapping[str, Any]) -> Reservation:
        """Inverse of `to_dict`."""
        return cls(**dict(body) | {"id": id, "share": Fraction(body["share"])})


def reserved(reservations: Iterable[Reservation], time_ms: int) -> Fraction:
    """The share that is kept back at a moment; above 1 when more is promised than there is."""
    return sum((each.share for each in reservations if each.holds(time_ms)), Fraction(0))
