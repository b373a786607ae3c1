"""The error rates that servers report of themselves: asked of a backend once, and remembered."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from prober.errors import SourceUnavailable
from prober.evaluator.sources.backend import Backend, Point, connect
from prober.slo.agreement import POINT_MS
from prober.slo.window import Span
from prober.units import HOUR_MS
from prober.variables import given

#: Where the servers' metrics are; the evaluator's own source holds them if this is not set.
SERVERS: Final = "PROBER_SERVER_SOURCE"
#: What is so young is asked for again: samples may still have been on their way.
_YOUNG_MS: Final = HOUR_MS


@dataclass(slots=True)
class Rates:
    """What a query says, every `POINT_MS`."""

    #: None: nobody says where the servers' metrics are.
    backend: Backend | None
    query: str
    #: By the end of the time each is about; what is not there is not known.
    known: dict[int, Fraction] = field(default_factory=dict)
    #: Why some may not be known; empty when the last answer was whole.
    note: str = ""
    #: When it was last asked and answered, in ms since 1970; None: never.
    asked_ms: int | None = None
    #: What the answers so far are about.
    _over: Span | None = None

    def look(self, span: Span, now_ms: int) -> None:
        """Ask for what is not known of a span, which begins and ends at multiples of `POINT_MS`."""
        start_ms, old = span.start_ms, self._over
        if old and old.start_ms <= start_ms:
            start_ms = max(start_ms, min(old.end_ms, span.end_ms - _YOUNG_MS))
        if start_ms >= span.end_ms:
            return
        try:
            points = self._ask(start_ms + POINT_MS, span.end_ms)
        except SourceUnavailable as error:
            self.note = str(error)
            return
        kept = {at: rate for at, rate in self.known.items() if span.start_ms < at <= start_ms}
        self.known = kept | _shares(points)
        self.note = _complaint(points)
        self._over, self.asked_ms = span, now_ms

    def _ask(self, first_ms: int, last_ms: int) -> list[Point]:
        if self.backend is None:
            raise SourceUnavailable(f"nobody says where the servers' metrics are: set {SERVERS}")
        series = self.backend.grid(self.query, first_ms, last_ms, POINT_MS)
        if len(series) > 1:
            where = self.backend.where
            raise SourceUnavailable(f"{where} gives {len(series)} series: write sum(…) around each")
        return series[0][1] if series else []


def servers(source: str | None, environ: Mapping[str, str] = os.environ) -> Backend | None:
    """Where the servers' metrics are; nothing is sent yet.

    Args:
        source: the backend that holds the agents' metrics; None: there is none.
        environ: `PROBER_SERVER_SOURCE` names another one, as `backend.connect` takes it.

    Raises:
        InputError: the address cannot be used.
    """
    if address := given(SERVERS, environ):
        return connect(address, environ, named=SERVERS, settings=SERVERS)
    return connect(source, environ) if source else None


def _shares(points: list[Point]) -> dict[int, Fraction]:
    """Those that are shares: 0 ÷ 0 is none."""
    return {
        point.time_ms: Fraction(point.text) if _value(point) else Fraction(0)
        for point in points
        if 0 <= _value(point) <= 1
    }


def _complaint(points: list[Point]) -> str:
    """What is wrong with an answer."""
    odd = [p.text for p in points if math.isfinite(_value(p)) and not 0 <= _value(p) <= 1]
    if odd:
        return f"the query gives {odd[0]}, which is no share: divide errors by requests"
    return "" if _shares(points) else "the query gives no value"


def _value(point: Point) -> float:
    """As a float, which no text can make large; NaN: it is no number."""
    try:
        return float(point.text)
    except ValueError:
        return math.nan
