"""Where raw Playwright's CPU goes, and what could be taken back: one change at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from benchmarks.contest import Entrant, Round, contest, noise, spread
from benchmarks.report import Figure, Result
from benchmarks.run import steps_s
from benchmarks.settings import Settings

NAME = "overhead"
BASE = Entrant("raw Playwright (floor)", "floor")
_WORTH_SAYING_S = 0.001
_EVENTS = ("request", "response", "requestfailed", "console")
_LOCAL = "MAP localhost ^NOTFOUND,MAP 127.* ^NOTFOUND,EXCLUDE 127.0.0.1"
_CONTEXT = {
    "locale": "en-US",
    "timezone_id": "UTC",
    "viewport": {"width": 1280, "height": 720},
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Prober (synthetic)",
    "accept_downloads": False,
}
#: What is done on top of a bare protocol, and what is done differently from the floor.
VARIANTS = (
    Entrant("DevTools protocol by hand", "limit"),
    Entrant("… with Playwright's events", "limit", {"watch": True}),
    Entrant("… and its script in every page", "limit", {"watch": True, "script": True}),
    Entrant("page kept (no isolation)", "floor", {"keep": "page"}),
    Entrant("context kept, new page (no isolation)", "floor", {"keep": "context"}),
    Entrant("fresh browser", "floor", {"keep": "nothing"}),
    Entrant("listeners for four events", "floor", {"listen": _EVENTS}),
    Entrant("context settings of Prober", "floor", {"context": _CONTEXT}),
    Entrant("host rules", "floor", {"switches": [f"--host-resolver-rules={_LOCAL}"]}),
    Entrant("service workers blocked", "floor", {"context": {"service_workers": "block"}}),
    Entrant("Prober's browser, no supervisor", "driver"),
    Entrant("no spare renderer", "floor", {"off": ["SpareRendererForSitePerProcess"]}),
    Entrant("--disable-gpu", "floor", {"switches": ["--disable-gpu"]}),
    Entrant("no GPU compositing", "floor", {"switches": ["--disable-gpu-compositing"]}),
    Entrant("one raster thread", "floor", {"switches": ["--num-raster-threads=1"]}),
    Entrant("no zygote", "floor", {"switches": ["--no-zygote"]}),
)


def measure(settings: Settings, variants: Sequence[Entrant] = VARIANTS) -> list[Result]:
    """Every variant against the floor, paired within each round."""
    rounds = contest(
        (BASE, *variants),
        settings.url,
        settings.browser,
        rounds=settings.runs,
        others=settings.others,
        patience_s=settings.patience_s,
    )
    found: list[Result] = [*_split(rounds)]
    for variant in variants:
        found += _against_floor(rounds, variant.name)
    return [*found, noise(NAME, rounds)]


def _split(rounds: Sequence[Round]) -> Iterator[Figure]:
    """The floor's CPU by kind of process."""
    for kind, used_s in spread(rounds, BASE.name).items():
        if (mean_s := fmean(used_s)) >= _WORTH_SAYING_S:
            yield Figure.of(NAME, f"floor's CPU: {kind}", "s", used_s, note=f"mean {mean_s:.3f}")


def _against_floor(rounds: Sequence[Round], name: str) -> Iterator[Figure]:
    pairs = [(made[name], made[BASE.name]) for made in rounds]
    ratios = [ours.cpu_s / base.cpu_s for ours, base in pairs]
    yield Figure.of(NAME, f"{name}: CPU ÷ floor", "×", ratios)
    ratios = [steps_s(ours) / steps_s(base) for ours, base in pairs]
    yield Figure.of(NAME, f"{name}: steps ÷ floor", "×", ratios)
