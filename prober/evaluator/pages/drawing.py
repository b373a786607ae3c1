"""Templates, and how figures are written in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Final
from weakref import WeakKeyDictionary

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from prober.evaluator.judging.latencies import RANKS
from prober.evaluator.judging.result import Result
from prober.evaluator.judging.timeline import Cell
from prober.evaluator.judging.wording import few, length, outlook, share, unit, why
from prober.evaluator.links import SERVED, Site
from prober.journal.shown import Glimpse
from prober.journal.tally import VITALS
from prober.model import Exchange
from prober.slo.agreement import Accord, Difference, Servers, Users
from prober.slo.attribution import Attribution, Part
from prober.slo.contract import Contract
from prober.slo.moment import iso
from prober.slo.state import State
from prober.slo.window import Calendar
from prober.units import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    decimal,
    format_ms,
    percent,
    span,
    weight,
)

#: So many parts of a division are shown.
_PARTS: Final = 5
_SECOND_US: Final = 1_000_000
#: What kinds of evidence are called.
_HEADINGS: Final = {
    "console": "Console",
    "requests": "Requests that failed",
    "where": "Where it was",
    "withheld": "What was not kept of it",
}
_COLOURS: Final = {
    State.FULL: "#14713b",
    State.CAUTION: "#7d6200",
    State.WARNING: "#a84a00",
    State.CRITICAL: "#bf1f2e",
    State.EXHAUSTED: "#7a0a18",
    State.UNKNOWN: "#56606b",
}


#: The pages that every page leads to: what they are called in an address, and for people.
PAGES: Final = (
    ("", "Overview"),
    ("regions", "Regions"),
    ("misses", "Misses"),
    ("reviews", "Reviews"),
    ("exceptions", "Exceptions"),
    ("dependents", "Dependents"),
)


def draw(template: str, site: Site = SERVED, here: str | None = None, **values: object) -> str:
    """A page of some values.

    Args:
        template: which.
        site: where the others are.
        here: which of `PAGES` it is; None: none of them.
        values: what the template shows.
    """
    found = _TEMPLATES.get_template(template)
    return found.render(site=site, here=here, pages=PAGES, **values)


def badge(name: str, state: State) -> str:
    """A small picture with a contract's state, for READMEs and dashboards."""
    return _TEMPLATES.get_template("badge.svg").render(
        name=name,
        state=state,
        colour=_COLOURS[state],
        left=_text_width(name),
        right=_text_width(state),
    )


def _text_width(text: str) -> int:
    """In pixels, with room around it; letters are about 7 wide."""
    return 7 * len(text) + 12


def _rough(value: Fraction | None) -> str:
    """A share to one decimal; a dash when there is none."""
    return "–" if value is None else percent(value, 1)


def _bar(remaining: Fraction | None) -> str:
    """The width of what is left: nothing when overspent."""
    return percent(max(Fraction(0), remaining or Fraction(0)))


def _left(result: Result, contract: Contract) -> str:
    """The error budget in words."""
    named = unit(contract)
    judgement, runs = result.judgement, result.judgement.left
    if judgement.budget is None or runs is None:
        return f"No error budget yet: it is a share of the {named}"
    if runs < 0:
        bad = few(judgement.counts.bad)
        return f"Overspent: {bad} bad {named}, {few(judgement.budget)} allowed"
    left = f"{_rough(judgement.remaining)} of the error budget left"
    return f"{left}: {few(runs)} of {few(judgement.budget)} {named} may still be bad"


def _minutes(result: Result) -> str:
    """What is left as time during which nothing works."""
    judgement, target = result.judgement, result.objective.target
    whole_ms = (1 - target) * result.period.length_ms
    left_ms = max(Fraction(0), judgement.remaining or Fraction(0)) * whole_ms
    return f"{_clock(left_ms)} of {_clock(whole_ms)}"


def _clock(time_ms: Fraction) -> str:
    """A time in the unit that people imagine it in."""
    for unit_ms, name in ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min")):
        if time_ms >= 2 * unit_ms:
            return f"{decimal(time_ms / unit_ms, 1)} {name}"
    return f"{decimal(time_ms / SECOND_MS, 1)} s"


def _divisions(spent: Attribution) -> Iterator[tuple[str, tuple[Part, ...]]]:
    """What took a budget, in every way it can be divided; the largest parts."""
    yield "By origin", spent.origins[:_PARTS]
    yield "By cause", spent.causes[:_PARTS]
    yield "By step", spent.steps[:_PARTS]
    yield "By region", spent.regions[:_PARTS]
    yield "By deploy", spent.deploys[:_PARTS]


def _of_all(part: Part, spent: Attribution) -> str:
    """How wide a part is of what was consumed."""
    consumed = spent.total.consumed
    return percent(part.share / consumed) if consumed else "0%"


def _counted(cell: Cell) -> str:
    """What a region's runs said in one step."""
    counts = cell.counts
    named = (
        (counts.good, "good"),
        (counts.bad, "bad"),
        (counts.invalid, "without a verdict"),
        (counts.excluded, "excluded"),
    )
    told = ", ".join(f"{few(number)} {name}" for number, name in named if number)
    return f"{iso(cell.at_ms)}: {told or 'no run'}"


def _took(time_us: int) -> str:
    """A time of a run."""
    if time_us < _SECOND_US:
        return f"{decimal(Fraction(time_us, 1000), 0)} ms"
    return f"{decimal(Fraction(time_us, _SECOND_US), 2)} s"


def _seconds(value: Fraction) -> str:
    return f"{decimal(value, 2)} s"


def _vitals(vitals: Mapping[str, int]) -> str:
    """As a page comes up: its times in ms; how much its layout shifted has no unit."""
    return ", ".join(
        f"{name.upper()} "
        + (decimal(Fraction(vitals[name], 1_000_000), 3) if name == "cls" else _took(vitals[name]))
        for name in VITALS
        if name in vitals
    )


def _network(network: Mapping[str, int]) -> str:
    """What requests spent their time on, in the order it happens."""
    return ", ".join(f"{part} {_took(network[part])}" for part in Exchange if part in network)


def _exact_share(value: Mapping[str, str] | None) -> str:
    """A share as answers have it."""
    return share(None if value is None else Fraction(value["exact"]))


def _words(name: object) -> str:
    return str(name).replace("_", " ")


def _times(rate: Fraction | None) -> str:
    return "–" if rate is None else f"{decimal(rate, 1)}×"


def _ago(age_ms: int | None) -> str:
    return "never" if age_ms is None else f"{span(age_ms)} ago"


def _strip(runs: Iterable[Glimpse]) -> Markup:
    """A cell for each run."""
    return Markup("").join([_drawn.get(run) or _cell(run) for run in runs])


#: From one page to the next few cells change; each is kept as long as its run is.
_drawn: WeakKeyDictionary[Glimpse, Markup] = WeakKeyDictionary()


def _cell(run: Glimpse) -> Markup:
    cell = Markup('<li class="{0}" title="{1}"><span>{0}</span></li>')
    return _drawn.setdefault(run, cell.format(run.outcome, _told(run)))


def _told(run: Glimpse) -> str:
    """A run in one line of text."""
    cause = f" ({run.cause})" if run.cause else ""
    step = f" in step “{run.step}”" if run.step else ""
    message = f": {run.message}" if run.message else ""
    return f"{iso(run.slot_ms)} {run.outcome}{cause}{step}{message}"


def _users(met: Users) -> str:
    return "No verdict" if met is Users.NO_VERDICT else f"Users {met}"


def _difference(found: Difference) -> str:
    """When users and servers differed, in one line of text."""
    who = "only users" if found.accord is Accord.ONLY_USERS else "only servers"
    where = f", failures in {', '.join(sorted(found.failed))}" if found.failed else ""
    said = f"the servers' highest error rate was {percent(found.highest, 2)}"
    return f"{iso(found.span.start_ms)} to {iso(found.span.end_ms)} {who}{where}; {said}"


_TEMPLATES = Environment(
    loader=PackageLoader("prober.evaluator"),
    autoescape=True,
    trim_blocks=True,
    auto_reload=False,  # files that change below a running evaluator are those of another version
)
_TEMPLATES.filters.update(
    counted=_counted,
    divisions=_divisions,
    exact_share=_exact_share,
    figure=lambda value: decimal(value, 1),
    heading_of=lambda kind: _HEADINGS.get(kind, kind),
    minutes=_minutes,
    of_all=_of_all,
    seconds=_seconds,
    took=_took,
    vitals=_vitals,
    network=_network,
    weight=weight,
    words=_words,
    ago=_ago,
    bar=_bar,
    difference=_difference,
    few=few,
    iso=iso,
    label=length,
    left=_left,
    length_of=format_ms,
    outlook=outlook,
    rough=_rough,
    share=share,
    strip=_strip,
    times=_times,
    told=_told,
    unit=unit,
    users=_users,
    why=why,
)
_TEMPLATES.tests["calendar"] = lambda window: isinstance(window, Calendar)
_TEMPLATES.globals.update(ranks=RANKS, met_by_users=list(Users), said_of_servers=list(Servers))
