"""Parts that several reports have: incidents, misses, reviews that are due, what spent a budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from prober.evaluator.reports.blocks import (
    Block,
    Code,
    Items,
    Line,
    Table,
    Words,
    joined,
    number,
    put,
    share,
)

Plain = dict[str, Any]
#: Of what spent a budget, and of incidents, the dearest are shown; JSON has all.
SHOWN: Final = 3


def nothing(told: Plain) -> str:
    """A period of which too little is known."""
    return f"UNKNOWN: {told['why']}"


def incident(each: Plain) -> Words:
    """What an incident did, what it cost, and what most of its runs met."""
    grave = f"{each['severity']}, " if each["severity"] else ""
    postmortem = ", postmortem needed" if each["needs_postmortem"] else ""
    review = ", incident review needed" if each["review"] else ""
    shipped = put("; after ", joined(each["deploys"])) if each["deploys"] else ""
    seen = put("; most of them met ", Code(each["seen"])) if each["seen"] else ""
    return put(
        f"{each['text']} {grave}{share(each['share'], 1)} of the budget{postmortem}{review}: ",
        joined(each["causes"]),
        " in ",
        joined(each["steps"]),
        ", from ",
        joined(each["regions"]),
        shipped,
        seen,
    )


def incidents(found: Sequence[Plain], told: Plain) -> Iterator[Block]:
    """The dearest of a period; where little is known of it, none is no good news."""
    if not found:
        yield Line("No incident." if told["known"] else "No incident is known.")
        return
    yield Items(tuple(incident(each) for each in found[:SHOWN]))
    if len(found) > SHOWN:
        yield Line(f"And {len(found) - SHOWN} more.")


def miss(each: Plain) -> Words:
    """A miss, and what it asks for."""
    spent = f", {share(each['consumed'], 1)} consumed" if each["consumed"] else ""
    how = "the budget was spent" if each["how"] == "exhausted" else "the period ended below target"
    asked = " and ".join(item["what"] for item in each["items"] if not item["done"])
    head = put(
        Code(each["slo"]),
        f" {each['objective']} over {each['window']}, {each['opened']}: {how}{spent}; ",
    )
    if each["closed"]:
        closed = each["closed"]
        return put(head, f"closed with a {closed['kind']}: ", Code(closed["change"]))
    late = ", overdue" if each["standing"] == "overdue" else ""
    return put(head, f"asks for {asked} before {each['due']}{late} (miss ", Code(each["id"]), ")")


def reviews_due(found: Iterable[Plain]) -> list[Words]:
    """Reviews that should have been held."""
    return [
        put(Code(each["slo"]), f": {each['kind']} review, due {each['due']}, {_last(each)}")
        for each in found
        if each["overdue"]
    ]


def spending(found: Plain | None) -> Iterator[Block]:
    """What spent a budget, the dearest of each division."""
    rows = [
        (by, Code(part["name"]), number(part["bad"]), share(part["share"], 1))
        for by in ("origin", "cause", "step", "region", "deploy")
        for part in (found or {}).get(by, [])[:SHOWN]
    ]
    if rows:
        yield Table(("by", "what", "bad", "of the budget"), tuple(rows))


def alerts(found: Sequence[Plain]) -> Iterator[Block]:
    """What alerts were worth."""
    if not found:
        yield Line("No alert fired.")
        return
    columns = ("alert", "severity", "fired", "ended", "worth it", "precision", "budget spent")
    rows = [
        (
            each["rule"],
            each["severity"],
            str(each["fired"]),
            str(each["ended"]),
            str(each["worth_it"]),
            share(each["precision"], 0),
            share(each["consumed"], 1),
        )
        for each in found
    ]
    yield Table(columns, tuple(rows))


def overrides(found: Sequence[Plain]) -> list[Words]:
    """Changes that passed a gate by somebody's word."""
    return [
        put(
            "commit ",
            Code(each["commit"]),
            f" in state {each['state']}, by {each['role']}, used {each['used']} times: ",
            Code(each["reason"]),
        )
        for each in found
    ]


def _last(each: Plain) -> str:
    return f"last held {each['last']}" if each["last"] else "never held"
