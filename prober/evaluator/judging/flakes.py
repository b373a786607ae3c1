"""Flakes: failures that passed when they were tried again at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from prober.evaluator.judging.plain import exact
from prober.evaluator.judging.wording import length
from prober.evaluator.sources.source import Confirmations, Source
from prober.slo.alert import alert_window
from prober.slo.contract import Contract
from prober.slo.moment import iso
from prober.slo.window import Span, Window
from prober.units import percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Flakes:
    """What became of a journey's failures that were tried again."""

    window: Window
    #: The part of it that has passed.
    span: Span
    regions: Mapping[str, Confirmations]

    @property
    def every(self) -> Confirmations:
        """Of all regions together."""
        return sum(self.regions.values(), Confirmations())

    @property
    def text(self) -> str:
        """In words; empty when none passed.

        It reads `25% of failures passed when tried again, 3 of 12 over 30d: 3 of 4 in eu-west-1`.
        """
        every = self.every
        if not every.passed or every.flake_ratio is None:
            return ""
        where = ", ".join(
            f"{each.passed} of {each.passed + each.failed} in {region}"
            for region, each in sorted(self.regions.items())
            if each.passed
        )
        of = f"{every.passed} of {every.passed + every.failed} over {length(self.window)}"
        return f"{percent(every.flake_ratio, 1)} of failures passed when tried again, {of}: {where}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "window": {"name": self.window.name, "label": length(self.window)},
            "start": iso(self.span.start_ms),
            "end": iso(self.span.end_ms),
            **_plain(self.every),
            "regions": [
                {"region": region, **_plain(each)} for region, each in sorted(self.regions.items())
            ],
            "text": self.text,
        }


def flakes(contract: Contract, source: Source, now_ms: int) -> Flakes:
    """What became of failures in the window that alerts guard.

    Raises:
        SourceUnavailable: it cannot be told.
    """
    window = alert_window(contract)
    span = window.span(now_ms)
    return Flakes(window=window, span=span, regions=source.confirmations(contract.journey, span))


def _plain(found: Confirmations) -> dict[str, Any]:
    return {**asdict(found), "flake_ratio": exact(found.flake_ratio)}
