"""What a journey does, from its first line to its last: steps, checks, patience, traces left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

from prober.errors import Severity
from prober.lint.event import SOME, Declared, Event, Kind
from prober.lint.finding import Finding, Rule
from prober.lint.value import Const, Few, text_of
from prober.units import format_ms

#: Below this, somebody thought of seconds.
_HASTY_MS = 100
#: As `prober.agent.watch` keeps it, so that a target that hangs gets a verdict.
_RESERVE_MS = 2000
_CLICKS = frozenset({"click", "dblclick", "tap", "dispatch_event", "press"})
#: Buttons that leave something behind; of a cart, see `_is_trace`.
_LEAVING = re.compile(
    r"(?:create|add|save|pay|buy|purchase|register|sign up|book|reserve|publish|upload|subscribe|"
    r"donate|transfer|send|post|order(?: now)?$|(?:place|submit|confirm)(?: \w+)? "
    r"(?:order|booking|payment|reservation))\b|.* (?:and|&) pay$",
    re.IGNORECASE,
)
_CART = re.compile(r"add .*\b(?:cart|basket|bag|trolley|wishlist)\b", re.IGNORECASE)
_HARMLESS = re.compile(
    r"add (?:a )?filter|save search|send (?:me )?(?:a |the )?code", re.IGNORECASE
)
_NOT_PRESSED = frozenset({"link", "tab", "checkbox", "radio", "option", "label", "placeholder"})
#: Requests that leave at most a session, which ends by itself, or that only ask.
_SESSION = re.compile(
    r"(?:^|/)(?:log-?in|log-?out|sign-?in|sign-?out|sessions?|tokens?|oauth2?|auth\w*|search|query|"
    r"graphql)(?:/|$|\?)",
    re.IGNORECASE,
)
_WRITING = frozenset({"post", "put", "patch", "delete"})


def steps(journey: Declared) -> Iterator[Finding]:
    """Whether there are steps, what they are called, and what is in them."""
    entered = journey.of(Kind.STEP)
    if not entered and not journey.has(Kind.OPAQUE):
        what = f"{journey.name} has no step, and such a run never passes"
        mend = 'put what belongs together into with step("…"):'
        yield journey.finding(Rule.NO_STEP, what, mend, Severity.ERROR)
    for event in entered:
        yield from _named(event)
        if event.step not in (None, SOME):
            what = f"the step is inside step {event.step!r}, and its time would count twice"
            mend = "end one before the next begins"
            yield event.finding(Rule.NESTED_STEP, what, mend, Severity.ERROR)
    yield from _twice(entered)
    if entered:
        for event in journey.of(Kind.ACTION, Kind.REQUEST):
            if event.step is None:
                what = f"{event.verb} is in no step, so nobody sees how long it took"
                yield event.finding(Rule.OUTSIDE_STEP, what, "move it into a step")


def _named(event: Event) -> Iterator[Finding]:
    if not event.named:
        what, mend = "the step has no name, and Python refuses that", 'write step("…")'
        yield event.finding(Rule.STEP_NAME, what, mend, Severity.ERROR)
    elif isinstance(event.name, Const) and not text_of(event.name).strip():
        yield event.finding(Rule.STEP_NAME, "the step's name is blank", "say what the user does")
    elif not isinstance(event.name, Const | Few):
        what = "the step's name is computed, and each that comes of it is a metric of its own"
        yield event.finding(Rule.STEP_NAME, what, "write a fixed text")


def _twice(entered: list[Event]) -> Iterator[Finding]:
    mend = "give each a name of its own"
    for event in entered:
        if event.in_loop and isinstance(event.name, Const):
            what = f"step {text_of(event.name)!r} is in a loop, and its times go under one name"
            yield event.finding(Rule.SAME_STEP, what, mend)
    for one, other in combinations(entered, 2):
        same = isinstance(one.name, Const) and one.name == other.name
        if same and not one.excludes(other):
            what = f"step {text_of(one.name)!r} is there twice, and their times go under one name"
            yield other.finding(Rule.SAME_STEP, what, mend)


def checks(journey: Declared) -> Iterator[Finding]:
    """Whether anything is asserted, and after the last action too."""
    if not journey.has(Kind.ASSERTION):
        if not journey.has(Kind.OPAQUE):
            what = f"{journey.name} asserts nothing, and such a run never passes"
            mend = "expect what the user came for: expect(…).to_be_visible(), or assert"
            yield journey.finding(Rule.NO_ASSERTION, what, mend, Severity.ERROR)
        return
    shown = (Kind.ASSERTION, Kind.PROOF, Kind.OPAQUE)
    told = [event for event in journey.events if event.kind in (*shown, Kind.ACTION)]
    if told and told[-1].kind is Kind.ACTION:
        what = f"the journey ends on {told[-1].verb}, and nothing shows that it worked"
        yield told[-1].finding(Rule.ENDS_ON_ACTION, what, "expect what the user then sees")


def patience(journey: Declared, timeout_ms: int | None) -> Iterator[Finding]:
    """Timeouts and waits that the journey's own timeout leaves no room for.

    Args:
        journey: which.
        timeout_ms: the longest that any region gives it; None when it cannot be told.
    """
    if timeout_ms is None:
        return
    whole = format_ms(timeout_ms)
    if journey.max_duration_ms and journey.max_duration_ms >= timeout_ms:
        what = f"max_duration is not below the timeout of {whole}, so no run is ever too slow"
        yield journey.finding(Rule.TIMEOUT, what, "write less, or leave it out")
    for event in journey.of(Kind.PATIENCE):
        if event.ms > timeout_ms or event.ms == 0:
            asked = format_ms(round(event.ms)) if event.ms else "0, which is for ever"
            what = f"the timeout is {asked}, and the whole journey has {whole}"
            yield event.finding(Rule.TIMEOUT, what, "write less, or leave it out")
        elif event.ms < _HASTY_MS and event.verb != "http":
            what = f"the timeout is {event.ms:g} ms: Playwright counts in milliseconds"
            yield event.finding(Rule.TIMEOUT, what, f"write {event.ms * 1000:g} for seconds")
    left_ms = timeout_ms - min(_RESERVE_MS, timeout_ms // 4)
    waited_ms = 0.0
    for event in journey.of(Kind.WAIT):
        waited_ms += 0 if event.path else event.ms
        if waited_ms > left_ms:
            what = (
                f"fixed waits up to here take {format_ms(round(waited_ms))}, and the journey's "
                f"code has {format_ms(left_ms)} of its {whole}: no run can pass"
            )
            mend = "take them out, or write a longer timeout"
            yield event.finding(Rule.TIMEOUT, what, mend, Severity.ERROR)
            return


def traces(journey: Declared) -> Iterator[Finding]:
    """What each run leaves behind at the target."""
    if journey.has(Kind.CLEANUP):
        return
    for event in journey.of(Kind.ACTION, Kind.REQUEST):
        if _is_trace(event, journey):
            done = event.target.words or "something"
            done = f"{event.verb} {done}"
            what = f"every run does {done!r} again, and nothing takes it back"
            yield event.finding(Rule.NO_CLEANUP, what, "take it back in cleanup(…)")


def _is_trace(event: Event, journey: Declared) -> bool:
    target = event.target
    if event.kind is Kind.REQUEST:
        return event.verb in _WRITING and not _SESSION.search(target.words)
    words = re.sub(r"[-_]", " ", target.words)
    pressed = event.verb in _CLICKS and target.role not in _NOT_PRESSED
    if not pressed or not _LEAVING.match(words) or _HARMLESS.match(words):
        return False
    if not _CART.match(words):
        return True
    # A visitor's cart ends with the browser, and what is bought is in no cart any more.
    bought = any(
        _LEAVING.match(other.target.words) and not _CART.match(other.target.words)
        for other in journey.of(Kind.ACTION)
    )
    return bool(journey.secrets or journey.accounts) and not bought
