"""The weekly report as a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prober.evaluator.reports.blocks import (
    Block,
    Code,
    Heading,
    Items,
    Line,
    Mark,
    Table,
    Words,
    joined,
    put,
    share,
)
from prober.evaluator.reports.daily import ARROWS
from prober.evaluator.reports.outline_parts import (
    alerts,
    incidents,
    miss,
    nothing,
    overrides,
    reviews_due,
    spending,
)

Plain = dict[str, Any]


def weekly(report: Plain) -> Iterator[Block]:
    """Every contract, one after the other."""
    yield Line(report["headline"])
    for slo in report["slos"]:
        yield from _chapter(slo)


def _chapter(slo: Plain) -> Iterator[Block]:
    week = slo["week"]
    title = f": {slo['display_name']}" if slo["display_name"] else ""
    yield Heading(put(Code(slo["name"]), title))
    draft = " It is a draft: it stops nothing." if slo["draft"] else ""
    days = f"{week['first']} to {week['last']}, days of {week['time_zone']}."
    yield Line(put("Now ", Mark(slo["state"]), f". The week is {days}{draft}"))
    for objective in slo["objectives"]:
        yield from _objective(objective)
    yield from _lists(slo)
    yield Heading("What alerts were worth", 3)
    yield from alerts(slo["alerts"])
    yield Heading("What the prober did not see", 3)
    yield from _own(slo["prober"])


def _objective(objective: Plain) -> Iterator[Block]:
    week = objective["week"]
    yield Heading(put(objective["name"], f", {share(objective['target'])}"), 3)
    good = f": {share(week['compliance'])} good" if week["known"] else f" is {nothing(week)}"
    yield Line(
        f"The week{good}, {share(week['raw_compliance'])} without exclusions; "
        f"{week['bad']} of {week['valid']} bad, {week['silent_failures']} failures silent; "
        f"{share(week['consumed'], 1)} of the budget consumed."
    )
    columns = ("over", "good", "raw", "consumed", "left", "trend", "state")
    yield Table(columns, tuple(map(_window, objective["windows"])))
    yield from spending(objective["spent"])
    yield from incidents(objective["incidents"], week)
    if objective["note"]:
        yield Line(objective["note"])


def _window(window: Plain) -> tuple[Words, ...]:
    known = window["compliance"] is not None
    return (
        window["window"]["label"],
        share(window["compliance"]) if known else nothing(window),
        share(window["raw_compliance"]),
        share(window["consumed"], 1),
        share(window["remaining"], 1),
        ARROWS[window["trend"]["direction"]],
        Mark(window["state"]),
    )


def _lists(slo: Plain) -> Iterator[Block]:
    """What there is to do, and what the week was an exception to; what is empty is left out."""
    entered = [
        put(f"{each['at']} ", each["objective"], ": ", *_became(each)) for each in slo["states"]
    ]
    for title, found, tasks in (
        ("States entered", entered, False),
        ("Misses", [miss(each) for each in slo["misses"]], True),
        ("Reviews overdue", reviews_due(slo["reviews"]), True),
        ("Overrides", overrides(slo["overrides"]), False),
        ("Exclusions", [_exclusion(each) for each in slo["exclusions"]], False),
    ):
        if found:
            yield Heading(title, 3)
            yield Items(tuple(found), tasks=tasks)


def _became(each: Plain) -> tuple[Words, ...]:
    before = f" after {each['from']}" if each["from"] else ""
    return (Mark(each["to"]), f"{before}: {'; '.join(each['actions'])}")


def _exclusion(each: Plain) -> Words:
    late = ", after the fact" if each["retroactive"] else ""
    where = put(" in ", joined(each["regions"])) if each["regions"] else ""
    times = ", ".join(each["times"])
    return put(f"{times}{late}, {each['category']}", where, ": ", Code(each["reason"]))


def _own(found: Plain) -> Iterator[Block]:
    coverage, validity = share(found["coverage"], 1), share(found["validity"], 1)
    yield Line(f"Coverage {coverage}, validity {validity}.")
    if found["text"]:
        yield Items(tuple(found["text"]))
    if found["note"]:
        yield Line(found["note"])
