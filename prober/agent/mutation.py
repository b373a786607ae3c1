"""Mutations: one thing gone wrong in one place of a journey's way, which it should notice.

A plain run notes the places: what the journey asked the target for, what it used and asserted,
and what its pages said at the end of each step. `mutations` makes a list of them. The worker
applies one a run, see `mutant` and `tamper`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

Place = Mapping[str, Any]


class Kind(StrEnum):
    """What goes wrong."""

    ABORT = "abort"  #: the connection is cut before there is an answer
    ERROR = "error"  #: the answer is 500, with a body
    BLANK = "blank"  #: the answer is 200, with nothing in it
    SLOW = "slow"  #: the answer does not come within the journey's time
    REMOVED = "removed"  #: the element, or the field of the reply, is not there
    EMPTIED = "emptied"  #: the field is there, with nothing in it
    TEXT = "text"  #: the element says something else
    AMOUNT = "amount"  #: the amount is another one


#: The `kind` of an order that has places noted, and nothing changed.
SURVEY = "survey"
#: The `kind` of an order that has weak locators noted, of code below its `directory`.
HINTS = "hints"
#: What happens to a whole request, in a browser or by `http`.
OF_REQUESTS = (Kind.ABORT, Kind.ERROR, Kind.BLANK, Kind.SLOW)
#: Longer words are a part of the page, and not something that it says; in characters.
_SHORT = 80
#: What differs from run to run in an address, as `places.js` has it.
_VARYING = re.compile(r"(?<![0-9a-z])[0-9a-f-]{16,}|\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One mutation of one place."""

    kind: Kind
    #: The step in which the place is met; None outside of all steps.
    step: str | None
    #: The place, in words that are the same in each run.
    what: str
    place: Place
    #: The line that would notice it, to be pasted at the end of the step.
    mend: str

    @property
    def name(self) -> str:
        """What it is called, for people and for `--skip`."""
        return f"{self.kind} {self.what}"

    def order(self, patience_s: float) -> dict[str, Any]:
        """What a worker is told: a call to Playwright then waits for the patience at most."""
        return {"kind": self.kind, "place": dict(self.place), "patience_s": patience_s}


def masked(path: str) -> str:
    """A path without what differs from run to run.

    >>> masked("/orders/100003/lines")
    '/orders/#/lines'
    """
    return _VARYING.sub("#", path)


def mutations(places: Sequence[Place]) -> list[Mutation]:
    """Everything that a journey should notice, in the order of its way."""
    headings = [place for place in places if place.get("heading")]
    found: dict[str, Mutation] = {}
    for each in (mutation for place in places for mutation in _of_place(place, headings)):
        first = found.get(each.name, each)
        named = replace(each, what=each.what + _unlike(each.place, first.place))
        found[named.name] = named
    return list(found.values())


def _unlike(place: Place, other: Place) -> str:
    """What tells a place from another of the same name."""
    asker = place.get("type", "http")
    by = f" by {asker}" if asker != other.get("type", "http") else ""
    at = f" at {place['host']}" if place["host"] != other["host"] else ""
    return by + at


def chosen(
    found: Iterable[Mutation],
    only: Iterable[Kind] = (),
    skip: Sequence[str] = (),
    limit: int | None = None,
    shown: Callable[[str], str] = str,
) -> list[Mutation]:
    """Those of some kinds, none whose name fits a pattern, and so many of all kinds in turn.

    Args:
        found: all there are.
        only: kinds; none is all of them.
        skip: patterns of names, or names as they are shown.
        limit: how many at most.
        shown: makes of a name what is shown of it.
    """
    kinds = frozenset(only) or frozenset(Kind)
    left = [
        each
        for each in found
        if each.kind in kinds and not any(_fits(each, pattern, shown) for pattern in skip)
    ]
    if limit is None or limit >= len(left):
        return left
    ranks: dict[Kind, int] = {}
    turns: list[tuple[int, int]] = []
    for index, each in enumerate(left):
        ranks[each.kind] = ranks.get(each.kind, -1) + 1
        turns.append((ranks[each.kind], index))
    return [left[index] for index in sorted(index for _, index in sorted(turns)[:limit])]


def unfitting(
    found: Sequence[Mutation], skip: Iterable[str], shown: Callable[[str], str] = str
) -> list[str]:
    """The patterns that no name fits, of all kinds."""
    return [each for each in skip if not any(_fits(known, each, shown) for known in found)]


def _fits(mutation: Mutation, pattern: str, shown: Callable[[str], str]) -> bool:
    """Whether a name fits a pattern, or is shown so: `[a secret's name]` is a pattern, too."""
    return fnmatchcase(mutation.name, pattern) or pattern == shown(mutation.name)


def _of_place(place: Place, headings: Sequence[Place]) -> Iterator[Mutation]:
    if place["sort"] == "element":
        yield from _of_element(place)
    elif place["sort"] == "request":
        yield from _of_request(place, headings)
    else:
        yield from (_of_reply if place["sort"] == "reply" else _of_field)(place)


def _make(kind: Kind, what: str, place: Place, mend: str) -> Mutation:
    return Mutation(kind=kind, step=place["step"], what=what, place=place, mend=mend)


def _asked(place: Place) -> str:
    again = f" ({place['nth']})" if place["nth"] > 1 else ""
    return f"{place['method']} {place['path']}{again}"


# What a browser asks for


def _of_request(place: Place, headings: Sequence[Place]) -> Iterator[Mutation]:
    mend = _landing(place, headings)
    for kind in OF_REQUESTS:
        yield _make(kind, _asked(place), place, mend)


def _landing(place: Place, headings: Sequence[Place]) -> str:
    """What shows that a request was answered: the heading of the page that the step ends on."""
    if place["type"] != "document":
        glob = f"**{place['path'].replace('#', '*')}"
        return (
            f"with page.expect_response({_literal(glob)}) as reply:  "
            "# around what asks for it, and then: assert reply.value.ok and reply.value.body()"
        )
    for heading in headings:
        if place["step"] in heading["steps"]:
            return _shown(heading)
    return "expect(page).to_have_title(…)  # or whatever only the right page shows"


# What a page shows


def _of_element(place: Place) -> Iterator[Mutation]:
    what = f"{_lasting(place)} on {place['path']}"
    if place["use"] or place.get("heading"):
        yield _make(Kind.REMOVED, what, place, _shown(place))
    if place["use"] == "acted" or not 0 < len(place["text"]) <= _SHORT:
        return  # what a button promises, the page that it leads to keeps
    if place["amount"]:
        yield _make(Kind.AMOUNT, what, place, _said(place))
    elif place["use"] in ("asserted", "read") or place.get("heading"):
        yield _make(Kind.TEXT, what, place, _said(place) if _by_place(place) else _shown(place))


def _shown(place: Place) -> str:
    return f"expect(page.{_code(place)}).to_be_visible()"


def _said(place: Place) -> str:
    """An element found by anything but its words must be held to them."""
    if not _by_place(place):
        return _shown(place)
    said = _literal(place["text"]) if place["amount"] else _pattern(place["text"])
    return f"expect(page.{_code(place)}).to_have_text({said})"


def _by_place(place: Place) -> bool:
    """Whether its locator says nothing of the words that it shows."""
    return place["text"][:20] not in (place["locator"] or "")


def _found(place: Place) -> str:
    """The locator as an author writes it."""
    return place["locator"] or f"locator({_literal(place['chain'])})"


def _lasting(place: Place) -> str:
    """The locator as the mutation's name has it, the same in each run."""
    if not place["locator"]:
        return _found(place)  # its numbers are places
    return re.sub(r'"[^"]*"', lambda words: re.sub(r"\d+", "#", words[0]), place["locator"])


def _code(place: Place) -> str:
    """The locator, and in words that are no amount a pattern for numbers: the next run's differ."""
    if place["amount"]:
        return _found(place)
    return re.sub(
        r'(get_by_text\(|name=)"((?:[^"\\]|\\.)*\d(?:[^"\\]|\\.)*)"(?:, exact=True)?',
        lambda match: match[1] + _pattern(json.loads(f'"{match[2]}"')),
        _found(place),
    )


def _pattern(text: str) -> str:
    r"""A text as Python writes it, with numbers as a pattern.

    >>> _pattern("Order R-100003"), _pattern("Products")
    ('re.compile(r"Order R-\\d+")', '"Products"')
    """
    if not re.search(r"\d", text):
        return _literal(text)
    parts = (re.escape(part).replace("\\ ", " ") for part in re.split(r"\d+", text))
    return 're.compile(r"' + r"\d+".join(parts).replace("\\-", "-").replace('"', ".") + '")'


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


# What `http` is answered


def _of_reply(place: Place) -> Iterator[Mutation]:
    told = {
        Kind.ABORT: "reply.raise_for_status()  # and let what httpx raises through",
        Kind.ERROR: "assert reply.status_code == 200",
        Kind.BLANK: 'assert reply.content, "the reply is empty"',
        Kind.SLOW: "reply.raise_for_status()  # and let what httpx raises through",
    }
    for kind in OF_REQUESTS:
        yield _make(kind, _asked(place), place, told[kind])


def _of_field(place: Place) -> Iterator[Mutation]:
    what = f"{place['field']} of {_asked(place)}"
    there = _field_there(place["field"])
    yield _make(Kind.REMOVED, what, place, there)
    if place["holds"] != "other":
        yield _make(Kind.EMPTIED, what, place, there)
    if place["holds"] == "amount":
        mend = f"{_field_is(place)}  # or what it is the sum of"
        yield _make(Kind.AMOUNT, what, place, mend)


def _field_there(field: str) -> str:
    above, listed, key = _split(field)
    if listed:
        return f"assert all({_get('each', key)} for each in {above})"
    return f'assert {_get(above, key)}, "{key} is missing"'


def _field_is(place: Place) -> str:
    above, listed, key = _split(place["field"])
    value = repr(place["value"]) if not isinstance(place["value"], str) else None
    said = value or _literal(place["value"])
    if listed:
        return f'assert {above}[0]["{key}"] == {said}'
    return f"assert {above}[{_literal(key)}] == {said}"


def _get(above: str, key: str) -> str:
    return f"{above}.get({_literal(key)})"


def _split(field: str) -> tuple[str, bool, str]:
    """Where a field is, as an expression, whether that is a list, and its own name.

    >>> _split("orders[].total")
    ('reply.json()["orders"]', True, 'total')
    """
    above, _, key = field.rpartition(".")
    listed = above.endswith("[]")
    keys = [each for each in above.removesuffix("[]").split(".") if each]
    return "reply.json()" + "".join(f"[{_literal(each)}]" for each in keys), listed, key
