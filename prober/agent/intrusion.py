"""What a run's order has noted or changed on the journey's way; nothing, as a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prober.agent.mutation import HINTS, SURVEY, Kind
from prober.agent.recorder import Recorder

if TYPE_CHECKING:
    from prober.agent.client import Client


class Intrusion:
    """Of one run. Tells `struck` when the mutation met its place, `surveyed` and `hinted`."""

    def __init__(
        self,
        order: Mapping[str, Any] | None,
        recorder: Recorder,
        tell: Callable[[dict[str, Any]], None],
    ) -> None:
        self._order = order
        self._recorder = recorder
        self._tell = tell
        self._struck = False
        #: What notes places, each with `places`.
        self._noting: list[Any] = []
        #: What asks for better locators, with `hints`.
        self._hinter: Any = None
        self._ends: list[Callable[[], object]] = []
        #: How long a call of Playwright's may wait at most.
        self.patience_s: float = (order or {}).get("patience_s", inf)

    def into_browser(self, context: Any) -> None:
        """Stand between a `BrowserContext` and its pages."""
        if self._order is None:
            return
        if self._order["kind"] == HINTS:
            from prober.agent.hint import Hinter

            self._hinter = Hinter(context, Path(self._order["directory"]))
            self._ends.append(self._hinter.stop)
            return
        from prober.agent.mutant import Mutant, Surveyor  # only for those who ask for it

        if self._order["kind"] == SURVEY:
            surveyor = Surveyor(context, self._recorder)
            self._noting.append(surveyor)
            self._ends.append(surveyor.stop)
        else:
            kind, place = Kind(self._order["kind"]), self._order["place"]
            self._ends.append(Mutant(kind, place, context, self._strike).stop)

    def into_client(self, client: Client) -> None:
        """Stand between a client and what it is answered."""
        if self._order is None or self._order["kind"] == HINTS:
            return
        from prober.agent.tamper import Exchanges, Spoilt

        untouched = client.tamper
        self._ends.append(lambda: setattr(client, "tamper", untouched))
        if self._order["kind"] == SURVEY:
            client.tamper = noting = Exchanges(self._recorder)
            self._noting.append(noting)
        else:
            client.tamper = Spoilt(Kind(self._order["kind"]), self._order["place"], self._strike)

    def stop(self) -> None:
        """Leave what comes after the verdict alone, and tell what was noted."""
        for end in self._ends:
            end()
        if self._noting:
            places = [place for each in self._noting for place in each.places]
            self._tell({"at": "surveyed", "places": places})
        if self._hinter:
            self._tell({"at": "hinted", "hints": self._hinter.hints})

    def _strike(self) -> None:
        if not self._struck:
            self._struck = True
            self._tell({"at": "struck"})
