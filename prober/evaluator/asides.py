"""Asides: what is shown beside a judgement and has no part in it.

Some of it is slow to find out, so it is looked for now and then, and not when somebody asks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

from prober.errors import SourceUnavailable
from prober.evaluator.judging.comparison import Comparing, Comparison
from prober.evaluator.judging.flakes import Flakes, flakes
from prober.evaluator.judging.losses import Losses, losses
from prober.evaluator.judging.plain import exact
from prober.evaluator.judging.rates import Rates, servers
from prober.evaluator.reports.recap import NO_RECAP, Recap
from prober.evaluator.sources.backend import Backend
from prober.evaluator.sources.source import Measure, Source
from prober.journal.tally import rules_of
from prober.slo.alert import alert_window
from prober.slo.contract import Contract
from prober.slo.moment import iso
from prober.slo.regime import Change, Median
from prober.slo.window import Span
from prober.units import MINUTE_MS

#: Records have so long to arrive.
_SETTLED_MS: Final = MINUTE_MS
#: Of changes the newest are told: so many, and of those with a step in latency, as text, so many.
_CHANGES: Final = 100
_STEPS: Final = 5
Answer = TypeVar("Answer")
#: The recap of a contract at a moment; may raise SourceUnavailable.
Recaps = Callable[[Contract, int], Recap]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """What is shown beside the judgement of a contract."""

    #: With what its servers say; None: the contract names nothing to compare with.
    comparison: Comparison | None = None
    #: What became of failures that were tried again; None: nobody can tell.
    flakes: Flakes | None = None
    #: What was not found out of late; None: nobody can tell.
    losses: Losses | None = None
    #: When what measured changed in the window that alerts guard, oldest first.
    changes: tuple[Change, ...] = ()
    recap: Recap = NO_RECAP

    @property
    def notes(self) -> list[str]:
        """What a person should know, in lines of text."""
        lost = (self.losses.coverage, self.losses.validity) if self.losses else ()
        flaky = self.flakes.text if self.flakes else ""
        steps = [change.text for change in self.changes if change.text]
        return [text for text in (*lost, flaky, *steps[-_STEPS:]) if text]

    def to_dict(self, as_of_ms: int) -> dict[str, Any]:
        """Plain values."""
        comparison, flakes, losses = self.comparison, self.flakes, self.losses
        return {
            "notes": self.notes,
            "recap": self.recap.to_dict(),
            "losses": losses and losses.to_dict(),
            "changes": [_change(change) for change in self.changes[-_CHANGES:]],
            "agreement": comparison and comparison.to_dict(as_of_ms),
            "confirmations": flakes and flakes.to_dict(),
        }


#: Of a contract that nobody has looked at yet.
NOTHING = Aside()


class Asides:
    """Looks at every contract; one thread looks, any may read `found`."""

    def __init__(
        self,
        contracts: Iterable[Contract],
        source: Source,
        backend: Backend | None,
        recaps: Recaps = lambda *_: NO_RECAP,
    ) -> None:
        """Nothing is asked yet.

        Args:
            contracts: which.
            source: what knows the runs.
            backend: what knows the servers' metrics; None: nobody said.
            recaps: makes them.
        """
        self._contracts, self._source, self._backend = tuple(contracts), source, backend
        self._recaps = recaps
        self._comparing = {
            each.name: Comparing(each, view, source, Rates(backend, view.query))
            for each in self._contracts
            if (view := each.server_view)
        }
        #: By contract, as of the last look; replaced as a whole.
        self.found: Mapping[str, Aside] = {}

    @classmethod
    def connect(
        cls,
        contracts: Iterable[Contract],
        source: Source,
        address: str | None,
        environ: Mapping[str, str] = os.environ,
        recaps: Recaps = lambda *_: NO_RECAP,
    ) -> Self:
        """With the servers' metrics from where the environment says, or else from an address.

        Raises:
            InputError: that cannot be used.
        """
        found = tuple(contracts)
        wanted = any(contract.server_view for contract in found)
        return cls(found, source, servers(address, environ) if wanted else None, recaps)

    def close(self) -> None:
        """Close the connections."""
        if self._backend:
            self._backend.close()

    def look(self, now_ms: int) -> None:
        """Find out how things stand; slow."""
        self.found = {each.name: self._look(each, now_ms) for each in self._contracts}

    def _look(self, contract: Contract, now_ms: int) -> Aside:
        comparing = self._comparing.get(contract.name)
        comparison = comparing.look(now_ms) if comparing else None
        _told(lambda: self._read_ahead(contract, now_ms))
        return Aside(
            comparison=comparison,
            flakes=_told(lambda: flakes(contract, self._source, now_ms)),
            losses=_told(lambda: self._losses(contract, now_ms - _SETTLED_MS)),
            changes=_told(lambda: self._changes(contract, now_ms)) or (),
            recap=_told(lambda: self._recaps(contract, now_ms)) or NO_RECAP,
        )

    def _read_ahead(self, contract: Contract, now_ms: int) -> None:
        """What spent budgets, for the recap and for pages."""
        start_ms = min(window.span(now_ms).start_ms for window in contract.windows)
        for rule in rules_of([contract]):
            measure = Measure(rule, contract.data.retry)
            self._source.read_ahead(measure, Span(start_ms, now_ms))

    def _changes(self, contract: Contract, now_ms: int) -> tuple[Change, ...]:
        return self._source.changes(contract.journey, alert_window(contract).span(now_ms))

    def _losses(self, contract: Contract, as_of_ms: int) -> Losses:
        with self._source.at_one_moment():
            periods_ms = self._source.periods(contract.journey, as_of_ms).values()
            slowest_ms = max(periods_ms, default=None)
            return losses(contract, self._source, slowest_ms, as_of_ms)


def _change(change: Change) -> dict[str, Any]:
    """Plain values."""
    return {
        "region": change.region,
        "at": iso(change.at_ms),
        "at_ms": change.at_ms,
        "what": {key: list(was_and_is) for key, was_and_is in change.what.items()},
        "before": _median(change.before),
        "after": _median(change.after),
        "moved": exact(change.moved),
    }


def _median(found: Median | None) -> dict[str, Any] | None:
    return found and {"runs": found.runs, "median_us": int(found.middle_us)}


def _told(ask: Callable[[], Answer]) -> Answer | None:
    """What a source says; None when it cannot."""
    try:
        return ask()
    except SourceUnavailable:
        return None
