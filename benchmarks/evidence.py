"""What evidence costs a run: in its own steps, which must be nothing, and after them.

The example checkout runs in one worker with less and more evidence, once each in a round. What is
compared is the difference within a round, so that what the machine met cancels out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.contest import Entrant, contest, noise
from benchmarks.neighbour import interval
from benchmarks.report import Figure, Result
from benchmarks.settings import Settings

NAME = "evidence"
#: What a counted run may be slower by: the larger of the two.
_SHARE, _AT_LEAST_MS = 0.03, 5.0
#: Fewer rounds leave nothing beyond doubt: all that was measured is no interval of 95 % yet.
_FEW = 6
#: Of a promise, by the interval of what was measured.
_SHOWN, _BROKEN, _OPEN = "shown", "broken", "open: it takes more rounds to tell"
WHOLE = "whole run"
#: Of a machine that others use as well it tells more: what they took is not evidence's.
CALM = "whole run, less its wait for processors that others had"
#: What is told of a variant beside its steps.
_BESIDE = ("wall", "evidence", "bytes", "waited")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """How much evidence a run has."""

    fails: bool = False
    #: All that a counted run can have: masks, and the files of a failed one are copied beside it.
    kept: bool = False
    #: Attempt 2 and `prober run --trace`; never a run that counts.
    trace: bool = False


VARIANTS: Mapping[str, Variant] = {
    "passes": Variant(),
    "passes, all evidence": Variant(kept=True),
    "passes, traced": Variant(kept=True, trace=True),
    "fails": Variant(fails=True),
    "fails, all evidence": Variant(fails=True, kept=True),
    "fails, traced": Variant(fails=True, kept=True, trace=True),
}
_OPTIONS = {name: asdict(variant) for name, variant in VARIANTS.items()}
_ENTRANT = Entrant("every variant", "keeping", {"isolation": "browser", "variants": _OPTIONS})
#: By step, and as a whole, in ms, round by round.
Times = Mapping[str, Sequence[float]]


def measure(settings: Settings) -> list[Result]:
    """Steps of every variant against those without, and what evidence takes after them."""
    rounds = contest(
        [_ENTRANT],
        settings.url,
        settings.browser,
        rounds=settings.runs,
        others=settings.others,
        patience_s=settings.patience_s,
    )
    made = [each[_ENTRANT.name].more for each in rounds]
    found: list[Result] = []
    for name, variant in VARIANTS.items():
        found += _alone(name, made)
        if variant.kept:
            plain = "fails" if variant.fails else "passes"
            found += slower(name, plain, made, promised=not variant.trace)
    return [*found, noise(NAME, rounds)]


def _alone(name: str, made: Sequence[Mapping[str, float]]) -> Iterator[Figure]:
    """How long a variant takes, and what it leaves."""
    for step, values in _times(name, made).items():
        if step in (WHOLE, CALM) or not VARIANTS[name].kept:
            yield Figure.of(NAME, f"{name}: {step}", "ms", values)
    wall, after, size, _ = ([each[f"{name}: {what}"] for each in made] for what in _BESIDE)
    yield Figure.of(NAME, f"{name}: wall", "ms", [1000 * each for each in wall])
    yield Figure.of(NAME, f"{name}: phase evidence", "ms", [1000 * each for each in after])
    yield Figure.of(NAME, f"{name}: files", "kB", [each / 1000 for each in size])


def _times(name: str, made: Sequence[Mapping[str, float]]) -> Times:
    """Of each step, and of all together, with and without what others took."""
    prefix = f"{name}: "
    steps = [key for key in made[0] if key.startswith(prefix)]
    steps = [key for key in steps if key.removeprefix(prefix) not in _BESIDE]
    times = {key.removeprefix(prefix): [1000 * each[key] for each in made] for key in steps}
    whole = [sum(values) for values in zip(*times.values(), strict=True)]
    waited = [1000 * each[f"{name}: waited"] for each in made]
    calm = [took - lost for took, lost in zip(whole, waited, strict=True)]
    return {**times, WHOLE: whole, CALM: calm}


def slower(
    name: str, plain: str, made: Sequence[Mapping[str, float]], *, promised: bool
) -> Iterator[Figure]:
    """How much longer each step takes than without; broken is what is beyond doubt."""
    times, without = _times(name, made), _times(plain, made)
    for step, values in times.items():
        more = [value - other for value, other in zip(values, without[step], strict=True)]
        allowed = max(_SHARE * median(without[step]), _AT_LEAST_MS)
        low, high = interval(more)
        beyond = low > allowed and len(more) >= _FEW
        verdict = _BROKEN if beyond else _SHOWN if high <= allowed else _OPEN
        yield Figure.of(
            NAME,
            f"{name} \N{MINUS SIGN} {plain}: {step}",
            "ms",
            more,
            target=f"at most {allowed:.1f}" if promised else "",
            note=f"median within {low:.1f} and {high:.1f}" + (f": {verdict}" if promised else ""),
            held=not promised or verdict != _BROKEN,
        )
