"""One run of the example checkout: ours, raw Playwright, a peer, and the limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from benchmarks import npx
from benchmarks.contest import Entrant, Round, Sample, contest, noise
from benchmarks.report import Figure, Result, Skipped
from benchmarks.settings import Settings

NAME = "run"
ENTRANTS = (
    Entrant("raw Playwright (floor)", "floor"),
    Entrant("raw Playwright, fresh browser", "floor", {"keep": "nothing"}),
    Entrant("Prober, isolation context", "ours", {"isolation": "context"}),
    Entrant("Prober, isolation browser (default)", "ours", {"isolation": "browser"}),
    Entrant("pytest-playwright, one process a run", "pytest"),
    Entrant("raw DevTools protocol (limit)", "limit"),
)
NPX = Entrant("npx playwright test, one process a run", "npx")
FLOOR, FRESH, CONTEXT, BROWSER, PYTEST, LIMIT = (entrant.name for entrant in ENTRANTS)
Quantity = Callable[[Sample], float]


def measure(settings: Settings) -> list[Result]:
    """Times, CPU and ratios of every way."""
    why = npx.missing()
    entrants = ENTRANTS if why else (*ENTRANTS, NPX)
    rounds = contest(
        entrants,
        settings.url,
        settings.browser,
        rounds=settings.runs,
        others=settings.others,
        patience_s=settings.patience_s,
    )
    found: list[Result] = [*_absolutes(entrants, rounds), *_ratios(rounds)]
    if why:
        found.append(Skipped(benchmark=NAME, name=NPX.name, why=why))
    return [*found, noise(NAME, rounds)]


def _absolutes(entrants: Sequence[Entrant], rounds: Sequence[Round]) -> Iterator[Figure]:
    for entrant in entrants:
        samples = [made[entrant.name] for made in rounds]
        if samples[0].steps_s:
            yield _figure(f"{entrant.name}: steps", "s", samples, steps_s)
        yield _figure(f"{entrant.name}: wall", "s", samples, lambda sample: sample.wall_s)
        yield _figure(f"{entrant.name}: CPU", "s", samples, lambda sample: sample.cpu_s)


def _ratios(rounds: Sequence[Round]) -> Iterator[Figure]:
    allowed = max(0.03, 0.005 / median(steps_s(made[FLOOR]) for made in rounds))
    for name, target in ((CONTEXT, "1.10"), (BROWSER, "1.18")):
        yield _ratio(rounds, name, FLOOR, "CPU", f"at most {target}")
        yield _ratio(rounds, name, FLOOR, "steps", f"at most {1 + allowed:.3f}")
        yield _ratio(rounds, name, FLOOR, "wall")
    for of in QUANTITIES:
        yield _ratio(rounds, BROWSER, FRESH, of)
    for name in (CONTEXT, BROWSER):
        yield _ratio(rounds, PYTEST, name, "CPU", "at least 2.2")
        yield _ratio(rounds, PYTEST, name, "wall")
    yield _ratio(rounds, LIMIT, FLOOR, "CPU")


QUANTITIES: dict[str, Quantity] = {
    "CPU": lambda sample: sample.cpu_s,
    "steps": lambda sample: steps_s(sample),
    "wall": lambda sample: sample.wall_s,
}


def _ratio(rounds: Sequence[Round], above: str, below: str, of: str, target: str = "") -> Figure:
    """The ratio within each round, so that what a round met cancels out."""
    quantity = QUANTITIES[of]
    ratios = [quantity(made[above]) / quantity(made[below]) for made in rounds]
    return Figure.of(NAME, f"{of}, {above} ÷ {below}", "×", ratios, target=target)


def _figure(name: str, unit: str, samples: Sequence[Sample], quantity: Quantity) -> Figure:
    return Figure.of(NAME, name, unit, [quantity(sample) for sample in samples])


def steps_s(sample: Sample) -> float:
    """The user's time."""
    return sum(sample.steps_s)
