"""The post: a courier for each way of each channel, and how they do."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from prober import conventions as names
from prober.errors import ProberError
from prober.evaluator.alerts.channels import Channels, Way, WayId
from prober.evaluator.alerts.courier import Context, Courier, Health
from prober.evaluator.alerts.news import Bulletin, News
from prober.evaluator.audit import AuditLog
from prober.slo.contract import Contract
from prober.slo.moment import iso
from prober.slo.silence import Silence
from prober.telemetry.timing import Timing
from prober.telemetry.totals import Reading
from prober.units import span

#: Directory beside the audit log: how far each way is.
PLACES: Final = "told"
#: A request that hangs is over by then.
_PATIENCE_S: Final = 15.0
#: At the end of the process nobody waits longer.
_PARTING_S: Final = 3.0
_logger = logging.getLogger("prober")


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Post:
    """Tells people what the audit log says, by every way that contracts lead to."""

    audit: AuditLog
    #: Of the audit log.
    data: Path
    channels: Channels
    contracts: tuple[Contract, ...]
    #: Address of the evaluator, without a slash at the end.
    url: str
    clock: Callable[[], int] = _wall_ms
    timing: Timing = field(default_factory=Timing)
    #: Why nothing at all can be told; empty when something can.
    trouble: str = ""
    _bulletin: Bulletin = field(init=False)
    #: Replaced as a whole.
    _couriers: dict[WayId, Courier] = field(default_factory=dict)
    #: Whether couriers go to and fro by themselves.
    _running: bool = False
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._bulletin = Bulletin(self.audit)
        self._hire()

    def carry_on(self) -> None:
        """After a look: there may be news, and what fires is to be said again."""
        if not self._catch_up():
            return
        if not self._running:
            with self._turn:
                self._running = True
                for courier in self._couriers.values():
                    courier.start()
        for courier in self._couriers.values():
            courier.wake()

    def deliver(self) -> None:
        """The same without threads: every courier goes once."""
        if self._catch_up():
            for courier in self._couriers.values():
                courier.attempt()

    def go_by(self, contracts: tuple[Contract, ...], channels: Channels) -> None:
        """Tell by other contracts and channels; ways that stay go on where they are. Slow."""
        with self._turn:
            self.contracts, self.channels = contracts, channels
            self._hire()

    def stop(self) -> None:
        """End; what is not acknowledged is told by the next start."""
        for courier in self._couriers.values():
            courier.stop(0)
        end_s = time.monotonic() + _PARTING_S
        for courier in self._couriers.values():
            courier.stop(max(0.0, end_s - time.monotonic()))

    def silenced(self, now_ms: int) -> list[tuple[Silence, int]]:
        """The silences that hold now, each with its end."""
        ends = ((silence, silence.until_ms(now_ms)) for silence in self._bulletin.silences)
        return [(silence, end_ms) for silence, end_ms in ends if end_ms is not None]

    def troubles(self) -> Iterator[str]:
        """What was not told, and why: a line for each way."""
        if self.trouble:
            yield f"nobody is told of anything: {self.trouble}"
        for health in (courier.health for courier in self._couriers.values()):
            if health.trouble:
                yield f"{health.channel}.{health.way}: {self._waits(health)}: {health.trouble}"

    def readings(self) -> Iterator[Reading]:
        """The same as gauges."""
        now_ms = self.clock()
        for health in (courier.health for courier in self._couriers.values()):
            attributes = {names.CHANNEL: health.channel, names.WAY: health.way}
            age_ms = 0 if health.oldest_ms is None else max(0, now_ms - health.oldest_ms)
            yield Reading(names.NOTIFICATIONS_WAITING, attributes, health.waiting)
            yield Reading(names.NOTIFICATIONS_AGE, attributes, age_ms / 1000)
            yield Reading(names.NOTIFICATIONS_FAILING, attributes, int(bool(health.trouble)))

    def _waits(self, health: Health) -> str:
        """How much, and for how long."""
        if health.oldest_ms is None:
            return "it does not answer as it should"
        count = "1 alert waits" if health.waiting == 1 else f"{health.waiting} alerts wait"
        return f"{count}, for {span(max(0, self.clock() - health.oldest_ms))}"

    def _catch_up(self) -> bool:
        """Whether the log could be read."""
        try:
            self._bulletin.catch_up()
        except ProberError as error:
            self.trouble = str(error)
            return False
        self.trouble = ""
        return True

    def _hire(self) -> None:
        """A courier for each way, and none for ways that are gone or lead elsewhere."""
        wanted = {way.id: way for ways in self.channels.ways.values() for way in ways}
        context = Context(route=self._route, url=self.url, clock=self.clock)
        stay = {id_: each for id_, each in self._couriers.items() if each.way == wanted.get(id_)}
        for id_, courier in self._couriers.items():
            if id_ not in stay:
                courier.stop(_PATIENCE_S)
        self._forget(wanted.keys())
        self._couriers = {
            id_: stay.get(id_) or self._courier(way, context) for id_, way in wanted.items()
        }

    def _courier(self, way: Way, context: Context) -> Courier:
        path = self.data / PLACES / f"{way.id}.json"
        courier = Courier(way, self._bulletin, path, context, self.timing)
        if self._running:
            courier.start()
        return courier

    def _forget(self, wanted: Collection[WayId]) -> None:
        """A way that is gone and comes back begins anew: it is told no old stories."""
        if not (wanted or (self.data / PLACES).exists()):
            return
        try:
            (self.data / PLACES).mkdir(parents=True, exist_ok=True)
            kept = {f"{way}.json" for way in wanted}
            for path in (self.data / PLACES).iterdir():
                if path.name not in kept:
                    path.unlink()
        except OSError as error:
            _logger.error("what old ways were told is not forgotten: %s", error)

    def _route(self, news: News) -> str | None:
        contract = next((each for each in self.contracts if each.name == news.slo), None)
        if contract is None:
            return None
        asked = (news.state, news.severity) if news.state else (news.severity,)
        return self.channels.route(contract, *asked)


def silence_line(silence: Silence, until_ms: int) -> str:
    """A silence in one sentence."""
    about = sorted({*(silence.slos or ()), *(silence.journeys or ())})
    what = f"alerts of {', '.join(about)}" if about else "all alerts"
    rule = f" ({silence.rule})" if silence.rule else ""
    where = f" in {silence.region}" if silence.region else ""
    return (
        f"Nobody is told of {what}{rule}{where} until {iso(until_ms)}: silenced by {silence.by} "
        f"({silence.reason})."
    )
