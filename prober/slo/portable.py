"""What of a contract other tools can hold: they count runs, and know no calendar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from prober.errors import InputError, Problem
from prober.slo.contract import Contract, Retry
from prober.slo.region import Mode
from prober.slo.window import Rolling, Window
from prober.units import format_ms
from prober.variables import Place


class File(NamedTuple):
    """A file for another tool."""

    name: str
    text: str


def rolling(contract: Contract, tool: str, window: str | None = None) -> tuple[Rolling, ...]:
    """The windows to hand over: the one of that name, or all.

    Args:
        contract: whose windows they are.
        tool: what they are for, in messages.
        window: its name; None: all.

    Raises:
        InputError: a window is of the calendar, there is none of that name, or the contract
            counts something else than runs.
    """
    problems = list(_unsaid(contract, tool))
    found = []
    for number, each in enumerate(contract.windows):
        if window not in (None, each.name):
            continue
        if isinstance(each, Rolling):
            found.append(each)
        else:
            problems.append(_refused(contract, number, f"{tool} knows no calendar"))
    if not (found or problems):
        known = ", ".join(each.name for each in contract.windows)
        what, mend = f"there is no window {window}", f"name one of {known}"
        problems.append(contract.source.problem(("spec", "windows"), what, mend))
    if problems:
        raise InputError(problems)
    return tuple(found)


def unsaid(contract: Contract, window: Window, why: str) -> Problem:
    """That a tool cannot express a window, and why."""
    return _refused(contract, contract.windows.index(window), why)


def _refused(contract: Contract, number: int, why: str) -> Problem:
    refused = contract.windows[number]
    objectives = ", ".join(objective.name for objective in contract.objectives)
    what = f"{why}: it cannot express {objectives} over {refused.name}"
    others = (each for each in contract.windows if isinstance(each, Rolling) and each != refused)
    other = next((each.name for each in others), None)
    mend = (
        f"choose another with --window {other}" if other else "add a rolling window of 28d or 30d"
    )
    return contract.source.problem(("spec", "windows", number), what, mend)


def _unsaid(contract: Contract, tool: str) -> Iterator[Problem]:
    """What is counted that no counter of runs holds."""
    slice_ms, mode = contract.budgeting.slice_ms, contract.budgeting.rule.mode
    place: Place = ("spec", "budgeting")
    mend = "judge it with Prober, or write budgeting: occurrences"
    if slice_ms is not None:
        what = f"it counts slices of {format_ms(slice_ms)}, and {tool} counts runs"
        yield contract.source.problem(place, what, mend)
    elif mode is not Mode.POOLED:
        what = f"its regions are {mode}, and {tool} counts every run the same"
        yield contract.source.problem(place, what, mend)
    if contract.data.retry is not Retry.FIRST:
        what = f"final attempts count, and {tool} has counters of first ones"
        place = ("spec", "data", "retry")
        yield contract.source.problem(place, what, "judge it with Prober, or write retry: first")
