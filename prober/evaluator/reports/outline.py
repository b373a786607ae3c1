"""Reports as pages: which figures stand where, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from prober.evaluator.reports.blocks import (
    Block,
    Code,
    Heading,
    Items,
    Line,
    Mark,
    Page,
    Table,
    Words,
    joined,
    number,
    put,
    share,
)
from prober.evaluator.reports.daily import ARROWS
from prober.evaluator.reports.outline_parts import incident, miss, nothing, reviews_due
from prober.evaluator.reports.outline_quarterly import quarterly
from prober.evaluator.reports.outline_weekly import weekly
from prober.slo.state import State

Plain = dict[str, Any]


def outline(report: Plain) -> Page:
    """A report as a page, whatever its kind."""
    title, draw = _KINDS[report["report"]]
    told = Line(put(f"As of {report['as_of']}. ", report["summary"], "."))
    return Page(title, (told, *draw(report)))


def _daily(report: Plain) -> Iterator[Block]:
    yield Line(report["headline"])
    columns = ("SLO", "day", "good", "raw", "target", "over", "left", "trend", "state")
    yield Table(columns, tuple(_standings(report["slos"])))
    if outlooks := tuple(_outlooks(report["slos"])):
        yield Items(outlooks)
    yield Heading("What to do today")
    yield from _to_do(report["to_do"])
    yield Heading("Incidents of yesterday")
    found = [
        put(Code(slo["name"]), f" {objective['name']}: ", incident(each))
        for slo, objective in _objectives(report["slos"])
        for each in objective["incidents"]
    ]
    found += [
        put(Code(slo["name"]), f" {objective['name']}: {nothing(objective['day'])}")
        for slo, objective in _objectives(report["slos"])
        if not objective["day"]["known"]
    ]
    yield Items(tuple(found)) if found else Line("None.")
    yield from _notes(report["slos"])


def _standings(slos: Iterable[Plain]) -> Iterator[tuple[Words, ...]]:
    for slo, objective in _objectives(slos):
        day = objective["day"]
        for window in objective["windows"]:
            arrow = ARROWS[window["trend"]["direction"]]
            yield (
                put(Code(slo["name"]), f" {objective['name']}"),
                slo["day"]["first"],
                share(day["compliance"]) if day["known"] else nothing(day),
                share(day["raw_compliance"]),
                share(objective["target"]),
                window["window"]["label"],
                share(window["remaining"], 1),
                arrow,
                Mark(window["state"]),
            )


def _outlooks(slos: Iterable[Plain]) -> Iterator[Words]:
    """What becomes of each budget of which something is spent."""
    for slo, objective in _objectives(slos):
        for window in objective["windows"]:
            if window["outlook"] and window["consumed"]["exact"] != "0":
                over = f" {objective['name']} over {window['window']['label']} "
                yield put("The budget of ", Code(slo["name"]), over, window["outlook"], ".")


def _to_do(found: Iterable[Plain]) -> Iterator[Block]:
    for each in found:
        yield Line(put(Code(each["slo"]), " is ", Mark(each["state"]), ":"))
        yield Items(tuple(each["actions"]), tasks=True)


def _sprint(report: Plain) -> Iterator[Block]:
    first = [slo for slo in report["slos"] if slo["first"]]
    if first:
        named = joined([slo["name"] for slo in first])
        yield Line(put("Reliability work comes first for ", named, ", by policy."))
    yield Heading("Reliability work, by the budget that it cost")
    work = [_work(each) for each in report["work"]]
    yield Items(tuple(work), tasks=True) if work else Line("No failure is known.")
    for title, found in (
        ("Structural changes that misses ask for", _every(report["slos"], "misses", miss)),
        ("Reviews that are overdue", reviews_due(_flat(report["slos"], "reviews"))),
    ):
        if found:
            yield Heading(title)
            yield Items(tuple(found), tasks=True)
    notes = [put(Code(slo["name"]), f": {note}") for slo in report["slos"] for note in slo["notes"]]
    notes += _doubts(report["slos"])
    if notes:
        yield Heading("Not known")
        yield Items(tuple(notes))


def _work(each: Plain) -> Words:
    shipped = put(", after ", joined(each["deploys"])) if each["deploys"] else ""
    silent = f", {each['silent']} of them silent" if each["silent"] else ""
    return put(
        Code(each["slo"]),
        f" {each['objective']}: ",
        Code(each["cause"]),
        " in ",
        Code(each["step"]),
        f" cost {share(each['share'], 1)} of the budget: {number(each['bad'])} bad{silent}, in ",
        joined(each["regions"]),
        shipped,
        f"; last {each['last']}",
    )


def _doubts(slos: Iterable[Plain]) -> Iterator[Words]:
    """Budgets of which nobody knows how they stand."""
    for slo, objective in _objectives(slos):
        for window in objective["windows"]:
            if window["state"] == State.UNKNOWN:
                over = f" {objective['name']} over {window['window']['label']}: "
                yield put(Code(slo["name"]), over, nothing(window))


def _every(slos: Iterable[Plain], key: str, draw: Callable[[Plain], Words]) -> list[Words]:
    return [draw(each) for each in _flat(slos, key)]


def _flat(slos: Iterable[Plain], key: str) -> list[Plain]:
    return [each for slo in slos for each in slo[key]]


def _objectives(slos: Iterable[Plain]) -> Iterator[tuple[Plain, Plain]]:
    return ((slo, objective) for slo in slos for objective in slo["objectives"])


def _notes(slos: Iterable[Plain]) -> Iterator[Block]:
    """Why a source knows nothing of what happened."""
    for slo, objective in _objectives(slos):
        if objective["note"]:
            yield Line(put(Code(slo["name"]), f" {objective['name']}: {objective['note']}"))


#: By kind: the page's name, and what stands on it.
_KINDS: Final[Mapping[str, tuple[str, Callable[[Plain], Iterator[Block]]]]] = {
    "daily": ("Daily report", _daily),
    "weekly": ("Weekly report", weekly),
    "sprint": ("Reliability in the sprint", _sprint),
    "quarterly": ("Quarterly review", quarterly),
}
