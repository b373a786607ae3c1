"""The review of a quarter as a page: five questions, what data answers, and a blank each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from prober.evaluator.reports.blocks import (
    Blank,
    Block,
    Code,
    Heading,
    Items,
    Line,
    Mark,
    Words,
    put,
    share,
)
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
_FITS: Final = {
    "tight": "too tight: at least half of the windows overspent it",
    "loose": "too loose: no window spent a quarter of its budget",
    "ok": "right for the journey",
    "undetermined": "not to be judged yet: that takes two whole windows",
}


def quarterly(report: Plain) -> Iterator[Block]:
    """Every contract, one after the other."""
    for slo in report["slos"]:
        quarter, title = slo["quarter"], f": {slo['display_name']}" if slo["display_name"] else ""
        yield Heading(put(Code(slo["name"]), title, f", {quarter['name']}"))
        days = f"{quarter['first']} to {quarter['last']}, days of {quarter['time_zone']}."
        yield Line(put("Now ", Mark(slo["state"]), f". The quarter is {days}"))
        for asked in slo["questions"]:
            yield Heading(asked["question"], 3)
            yield from _ANSWERS[asked["id"]](asked["answer"])
            yield Items((put("Decision: ", Blank()),), tasks=True)
        yield Heading("Quarters met", 3)
        yield from _streak(slo)


def _breach(answer: Plain) -> Iterator[Block]:
    for each in answer["objectives"]:
        quarter = each["quarter"]
        verdict = {True: "met", False: "missed", None: nothing(quarter)}[quarter["met"]]
        good = f", {share(quarter['compliance'])} good" if quarter["known"] else ""
        yield Line(
            put(
                Code(each["name"]),
                f" {verdict}{good}, {share(quarter['raw_compliance'])} without exclusions; target "
                f"{share(each['target'])}; {quarter['bad']} of {quarter['valid']} bad.",
            )
        )
        yield from spending(each["spent"])
        yield from incidents(each["incidents"], quarter)
        if each["note"]:
            yield Line(each["note"])
    if answer["misses"]:
        yield Line("Misses that were opened in the quarter:")
        yield Items(tuple(miss(each) for each in answer["misses"]))


def _target(answer: list[Plain]) -> Iterator[Block]:
    for each in answer:
        if each["note"]:
            yield Line(put(Code(each["objective"]), f": {each['note']}"))
            continue
        beyond = ""
        if each["structural"]:
            row = each["missed_in_a_row"]
            beyond = f" It was missed {row} windows in a row: it is out of reach as things are."
        found = share(each["suggested"]) if each["suggested"] else "no target"
        yield Line(
            put(
                Code(each["objective"]),
                f": {share(each['target'])} over {each['window']} is {_FITS[each['fit']]}.{beyond} "
                f"Suggested is {found}, because {each['suggested_because']}.",
            )
        )


def _journeys(answer: Plain) -> Iterator[Block]:
    seen = {True: "no SLO saw it", False: "an SLO saw it", None: "UNKNOWN whether an SLO saw it"}
    found: list[Words] = [
        put(f"{each['start']} to {each['end']}, {seen[each['unseen']]}: ", Code(each["text"]))
        for each in answer["complaints"]
    ]
    if not found:
        yield Line(put("No complaint was noted with ", Code("prober feedback add"), "."))
        return
    yield Line(f"{answer['unseen']} of {len(found)} complaints came while the SLO was kept.")
    yield Items(tuple(found))


def _ownership(answer: Plain) -> Iterator[Block]:
    owners = answer["owners"]
    yield Line(put("Product: ", Code(owners["product"]), ", SRE: ", Code(owners["sre"]), "."))
    changes: list[Words] = [
        put(
            f"{each['at']}: product ",
            *(Code(each["from"]["product"]), " to ", Code(each["to"]["product"])),
            *(", SRE ", Code(each["from"]["sre"]), " to ", Code(each["to"]["sre"])),
        )
        for each in answer["changes"]
    ]
    yield Items(tuple(changes)) if changes else Line("They did not change in the quarter.")
    if answer["unsigned"]:
        yield Line(f"Yet to sign: {', '.join(answer['unsigned'])}.")


def _policy(answer: Plain) -> Iterator[Block]:
    yield Line(put("Policy ", Code(answer["policy"]), "."))
    ruled = answer["decisions"]["verdicts"]
    gates = ", ".join(f"{verdict} {n}" for verdict, n in ruled.items()) or "none"
    advisory = answer["decisions"]["advisory"]
    entered = ", ".join(f"{state} {n}" for state, n in answer["states"].items()) or "none"
    held = ", ".join(f"{kind} {n}" for kind, n in answer["reviews"].items())
    lines: list[Words] = [
        f"Gate decisions: {gates}" + (f"; {advisory} of them as advice" if advisory else ""),
        f"States entered: {entered}",
        f"Reviews held: {held}",
        f"Overrides: {len(answer['overrides'])}",
    ]
    yield Items((*lines, *overrides(answer["overrides"]), *reviews_due(answer["overdue"])))
    yield from alerts(answer["alerts"])


def _streak(slo: Plain) -> Iterator[Block]:
    streak, following = slo["streak"], slo["next"]
    words = {True: "met", False: "missed", None: "UNKNOWN"}
    quarters: list[Words] = [f"{each['name']}: {words[each['met']]}" for each in streak["quarters"]]
    yield Items(tuple(quarters)) if quarters else Line("No whole quarter is over yet.")
    if streak["badge"]:
        yield Line(f"{streak['met_in_a_row']} quarters in a row.")
    if following:
        yield Line(f"The next review is due {following['due']}.")


_ANSWERS: Final[Mapping[str, Callable[[Any], Iterator[Block]]]] = {
    "breach": _breach,
    "target": _target,
    "journeys": _journeys,
    "ownership": _ownership,
    "policy": _policy,
}
