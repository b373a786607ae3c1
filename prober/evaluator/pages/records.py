"""Pages that list what is on record: the fleet, exceptions to the policy, who leans on whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from prober.evaluator.board import Board, Row, Status
from prober.evaluator.desk.desk import Desk

Values = dict[str, Any]


def regions(board: Board, _: Desk) -> Values:
    """Every region with its journeys, and what was not found out of late."""
    status = board.status()
    return {
        "status": status,
        "regions": _by_region(status),
        "losses": list(_losses(status)),
    }


def exceptions(_: Board, desk: Desk) -> Values:
    """Overrides and exclusions, the newest first."""
    return {
        "overrides": desk.answer("override-list", {})["overrides"][::-1],
        "exclusions": desk.answer("exclude-list", {})["exclusions"][::-1],
        "unread": desk.unread(),
    }


def misses(_: Board, desk: Desk) -> Values:
    """Every miss, the newest first."""
    return {"misses": desk.answer("misses", {})["misses"][::-1]}


def reviews(_: Board, desk: Desk) -> Values:
    """What is due, the soonest first, and what was held, the newest first."""
    found = desk.answer("reviews", {})
    complaints = desk.answer("feedback-list", {})["feedback"]
    return {"due": found["due"], "held": found["held"], "feedback": complaints[::-1]}


def dependents(board: Board, _: Desk) -> Values:
    """Every contract, with who leans on it."""
    return {"status": board.status()}


#: By the page's name, what it shows.
LISTINGS: Final[Mapping[str, Callable[[Board, Desk], Values]]] = {
    "regions": regions,
    "exceptions": exceptions,
    "misses": misses,
    "reviews": reviews,
    "dependents": dependents,
}


def _by_region(status: Status) -> dict[str, list[tuple[str, Row]]]:
    found: defaultdict[str, list[tuple[str, Row]]] = defaultdict(list)
    for journey, rows in status.rows.items():
        for row in rows:
            found[row.region].append((journey, row))
    return dict(sorted(found.items()))


def _losses(status: Status) -> Iterator[tuple[str, str]]:
    """By contract, what its runs did not find out."""
    for evaluation in status.evaluations:
        if lost := status.aside(evaluation.contract.name).losses:
            for text in filter(None, (lost.coverage, lost.validity)):
                yield evaluation.contract.name, text
