"""A fleet on a clock of its own: real journals, real delivery, and backends that hold all of it."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prober.agent.copies import Copies
from prober.agent.observe import Observer
from prober.config import Region
from prober.destination import Destination
from prober.journal.journal import Journal
from prober.journal.tally import Rule
from prober.journal.view import View
from prober.model import Gap, Record, Schedule, SlotReason, SlotState
from prober.telemetry.deliver import Shipping
from prober.telemetry.exposition import exposition
from prober.telemetry.resource import Resource, resource_of
from prober.telemetry.snapshots import Snapshots
from tests.conftest import BACKENDS, Server, Victoria, unused_port
from tests.evaluator.conftest import build_run

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
EVERY_MS = 5 * MINUTE_MS
#: Three exports a period, each 20 s after one in three slots of a fleet of three.
EXPORT_MS = 100 * SECOND_MS
EXPORTED_MS = 20 * SECOND_MS
#: A run takes at most so long.
LONGEST_MS = 15 * SECOND_MS
_WANTED = re.compile("prober_(sli|runs|slots|failures|run_last|schedule)")

#: What becomes of a slot; None: it is skipped.
Story = Callable[[str, int], dict[str, Any] | None]


@dataclass
class _Idle:
    """What is read of pools, of control checks, of a clock, and of the reading of files."""

    now: Callable[[], int]
    browser: str = ""
    live: int = 0
    killed: int = 0
    withheld: int = 0
    renewed: dict[str, int] = field(default_factory=dict)
    skew_ms: int = 0
    problems: tuple[str, ...] = ()
    in_force_ms: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    newest: None = None

    @property
    def control(self) -> _Idle:
        """Of which only what was counted is read."""
        return self

    def now_ms(self) -> int:
        return self.now()


@dataclass
class Site:
    """One region: its agent's journal, and what it exports."""

    name: str
    phase_ms: int
    directory: Path
    rules: tuple[Rule, ...]
    journeys: tuple[str, ...]
    now_ms: int
    every_ms: int = EVERY_MS
    #: Of each export, the text page that Prometheus would scrape.
    pages: list[str] = field(default_factory=list)
    #: Which lines of its page are kept.
    wanted: re.Pattern[str] = _WANTED
    _next_ms: int = 0

    def __post_init__(self) -> None:
        self.resource: Resource = resource_of(self.name, "0", "1", {})
        self._next_ms = self.now_ms

    def start(self, rules: Iterable[Rule] | None = None) -> list[Record]:
        """Open the journal and account for what was missed; the records that makes."""
        self.rules = self.rules if rules is None else tuple(rules)
        path = self.directory / self.name / "journal.db"
        self.journal = Journal.open(path, self.rules, now_ms=self.now_ms)
        self.view = View.open(path)
        self.journal.count_zeros(self.name, self.journeys)
        idle: Any = _Idle(lambda: self.now_ms)
        region = Region.model_validate(
            {"region": self.name, "base_url": "http://127.0.0.1:1", "fleet": (self.name,)}
        )
        copies = Copies(self.journal, lambda: region)
        self.observer = Observer(
            region, self.journal, self.view, idle, idle, lambda: 0, idle, copies
        )
        self.snapshots = Snapshots(self.journal, self.resource, self.observer.readings, ["backend"])
        known = {series.journey for series in self.view.series()}
        made = [self._schedule(j) for j in self.journeys if j not in known]
        made += [gap for journey in known if (gap := self._missed(journey))]
        self._next_ms = self.now_ms
        self._write(made)
        self._export()
        return made

    def stop(self) -> None:
        """End as an agent would that has nothing going on."""
        self.view.close()
        self.journal.close()

    def live(self, until_ms: int, story: Story) -> Iterator[Record]:
        """Run the slots until a moment and export at each multiple of the interval."""
        first_ms = self.now_ms + EXPORT_MS - (self.now_ms - EXPORTED_MS) % EXPORT_MS
        for export_ms in range(first_ms, until_ms + 1, EXPORT_MS):
            for journey in self.journeys:
                yield from self._run(journey, export_ms, story)
            self.now_ms = export_ms
            self._export()
            self._next_ms = export_ms - LONGEST_MS + 1
        self.now_ms = until_ms

    def deliver(self, url: str, within_s: float = 60.0) -> None:
        """Send everything that waits to an OTLP endpoint."""
        destination = Destination.model_validate(
            {"name": "backend", "endpoint": url, "signals": ("metrics",), "timeout": "30s"}
        )

        async def ship() -> None:
            shipping = Shipping(
                self.journal,
                [destination],
                self.resource,
                self.name,
                metrics_interval_ms=10**15,
                readings=self.observer.readings,
                now_ms=lambda: self.now_ms,
            )
            await shipping.start()
            await shipping.stop(within_s)

        asyncio.run(ship())

    @property
    def waiting(self) -> int:
        """Exports that no backend has."""
        return len(self.journal.outbox.snapshots())

    def _run(self, journey: str, until_ms: int, story: Story) -> Iterator[Record]:
        """The slots whose runs end until a moment."""
        schedule = self._schedule(journey)
        slot_ms = schedule.first_at(self._next_ms)
        while slot_ms + LONGEST_MS <= until_ms:
            fields = story(self.name, slot_ms)
            record: Record = self._gap(journey, slot_ms, 1, SlotState.SKIPPED, SlotReason.OVERLAP)
            if fields is not None:
                record = build_run(slot_ms, journey=journey, region=self.name, **fields)
            yield from self._write([record])
            slot_ms += self.every_ms

    def _schedule(self, journey: str) -> Schedule:
        known = [s for s in self.view.series() if s.journey == journey]
        if known and (schedules := self.view.schedules(known[0])):
            return schedules[-1]
        return Schedule(
            journey=journey,
            region=self.name,
            from_ms=self.now_ms,
            every_ms=self.every_ms,
            phase_ms=self.phase_ms,
        )

    def _missed(self, journey: str) -> Gap | None:
        schedule = self._schedule(journey)
        count = schedule.count(self._next_ms, self.now_ms)
        first_ms = schedule.first_at(self._next_ms)
        missed = SlotState.MISSED, SlotReason.DOWN
        return self._gap(journey, first_ms, count, *missed) if count else None

    def _gap(
        self, journey: str, first_ms: int, count: int, state: SlotState, reason: SlotReason
    ) -> Gap:
        last_ms = first_ms + (count - 1) * self.every_ms
        return Gap(
            journey=journey,
            region=self.name,
            first_ms=first_ms,
            last_ms=last_ms,
            count=count,
            state=state,
            reason=reason,
        )

    def _write(self, records: list[Record]) -> list[Record]:
        self.journal.write(records, self.now_ms)
        return records

    def _export(self) -> None:
        self.snapshots.take(self.now_ms)
        self.pages.append(self._page())

    def _page(self) -> str:
        """The agent's own page, each line with its time in seconds."""
        page = exposition(self.journal, self.observer.readings())
        lines = (line for line in page.splitlines() if self.wanted.match(line))
        return "".join(f"{line} {self.now_ms / 1000:.3f}\n" for line in lines)


class Fleet:
    """Sites, and an evaluator's journal that has every record."""

    def __init__(self, directory: Path, rules: Collection[Rule], now_ms: int, *sites: str) -> None:
        self.now_ms = now_ms
        journeys = tuple(sorted({rule.journey for rule in rules}))
        self.path = directory / "evaluator.db"
        self.journal = Journal.open(self.path, rules, now_ms=now_ms)
        self.sites = {
            name: Site(
                name,
                2 * SECOND_MS + n * EVERY_MS // len(sites),
                directory,
                tuple(rules),
                journeys,
                now_ms,
            )
            for n, name in enumerate(sites)
        }
        self.up: set[str] = set()

    def start(self, *sites: str) -> None:
        """Start agents; all of them when none is named."""
        for name in sites or tuple(self.sites):
            self.sites[name].now_ms = self.now_ms
            self.journal.write(self.sites[name].start(), self.now_ms)
            self.up.add(name)

    def stop(self, *sites: str) -> None:
        """Stop agents."""
        for name in sites or tuple(self.up):
            self.sites[name].stop()
            self.up.discard(name)

    def live(self, span_ms: int, story: Story) -> None:
        """Let time pass; then all records of it are written."""
        until_ms = self.now_ms + span_ms
        for name in sorted(self.up):
            self.journal.write(list(self.sites[name].live(until_ms, story)), until_ms)
        self.now_ms = until_ms

    def deliver(self, backend: Victoria, within_s: float = 60.0) -> None:
        """Send what waits in every site that is up."""
        for name in sorted(self.up):
            self.sites[name].deliver(f"{backend.url}/opentelemetry", within_s)

    def close(self) -> None:
        """Close everything."""
        self.stop()
        self.journal.close()


class Prometheus(Server):
    """A Prometheus with storage of its own: it scrapes, or holds what was scraped before."""

    def __init__(self, directory: Path, pages: Iterable[str] = (), config: str = "") -> None:
        storage = directory / "prometheus"
        if found := sorted(pages, key=_time):
            _hold(found, directory / "pages.txt", storage)
        port = unused_port()
        (directory / "prometheus.yml").write_text(config)
        command = [
            str(BACKENDS / "bin" / "prometheus"),
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={storage}",
            "--storage.tsdb.retention.time=20y",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        super().__init__(command, port, directory / "prometheus.log", "/-/ready")


def _hold(pages: Iterable[str], scraped: Path, storage: Path) -> None:
    scraped.write_text("".join(pages) + "# EOF\n")
    promtool = BACKENDS / "bin" / "promtool"
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", scraped, storage],
        check=True,
        capture_output=True,
    )


def _time(page: str) -> float:
    return float(page.split("\n", 1)[0].rsplit(" ", 1)[1])
