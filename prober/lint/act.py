"""What calls of Playwright, httpx and Prober itself do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from prober.lint.event import Kind
from prober.lint.value import (
    NOTHING,
    Const,
    External,
    Method,
    Target,
    Thing,
    Value,
    number_of,
    selected,
    text_of,
)

ACTIONS = frozenset(
    {
        "check",
        "clear",
        "click",
        "dblclick",
        "dispatch_event",
        "down",
        "drag_and_drop",
        "drag_to",
        "fill",
        "focus",
        "go_back",
        "go_forward",
        "goto",
        "hover",
        "insert_text",
        "press",
        "press_sequentially",
        "reload",
        "select_option",
        "set_checked",
        "set_content",
        "set_input_files",
        "tap",
        "type",
        "uncheck",
        "up",
        "wheel",
    }
)
#: They wait for what they are about, and fail when it does not come.
PROOFS = frozenset(
    {
        "get_attribute",
        "inner_html",
        "inner_text",
        "input_value",
        "text_content",
        "wait_for",
        "wait_for_event",
        "wait_for_function",
        "wait_for_selector",
        "wait_for_url",
    }
)
REQUESTS = frozenset(
    {
        "delete",
        "fetch",
        "get",
        "head",
        "options",
        "patch",
        "post",
        "put",
        "request",
        "send",
        "stream",
    }
)
#: Attributes that are things themselves.
_PARTS = {
    "keyboard": Thing("hands"),
    "mouse": Thing("hands"),
    "touchscreen": Thing("hands"),
    "request": Thing("api"),
    "context": Thing("context"),
    "main_frame": Thing("page"),
    "page": Thing("page"),
}
_LOCATING = re.compile(r"get_by_(\w+)|locator|filter|nth|and_|or_")
_SAME = frozenset({"and_", "filter", "nth", "or_"})
_PATIENT = frozenset({"set_default_navigation_timeout", "set_default_timeout"})
_EXPECT = "playwright.sync_api.expect"


@dataclass(frozen=True, slots=True)
class Act:
    """One event that a call brings about."""

    kind: Kind
    verb: str
    target: Target = NOTHING
    ms: float = 0


@dataclass(frozen=True, slots=True)
class Done:
    """What a call gives, and what it brings about."""

    value: Value = None
    acts: tuple[Act, ...] = ()


def member(of: Value, name: str) -> Value:
    """An attribute of something of Playwright's or httpx's."""
    if isinstance(of, Thing) and of.kind == "popup" and name == "value":
        return Thing("page")
    if isinstance(of, Target) and name in ("first", "last"):
        return of
    if isinstance(of, Target) and name == "content_frame":
        return Thing("page")
    pages = isinstance(of, Target) or (isinstance(of, Thing) and of.kind in ("page", "context"))
    if pages and name in _PARTS:
        return _PARTS[name]
    return Method(of, name)


def perform(method: Method, args: Sequence[Value], options: Mapping[str, Value]) -> Done:
    """A method is called."""
    of, name = method.of, method.name
    done = Done()
    if isinstance(of, Thing) and of.kind in ("http", "api"):
        if name in REQUESTS:
            done = Done(acts=(_request(name, args, options),))
    elif isinstance(of, Thing) and of.kind == "expectation":
        done = Done(acts=(Act(Kind.ASSERTION, name),))
    elif isinstance(of, Thing | Target):
        done = _browse(of, name, args, options)
    if isinstance(of, Thing | Target) and (ms := number_of(options.get("timeout"))) is not None:
        http = isinstance(of, Thing) and of.kind == "http"  # httpx counts in seconds
        patience = Act(Kind.PATIENCE, "http" if http else name, ms=ms * 1000 if http else ms)
        done = replace(done, acts=(patience, *done.acts))
    return done


def _browse(
    of: Thing | Target, name: str, args: Sequence[Value], options: Mapping[str, Value]
) -> Done:
    """A method of a page, a context, a locator or a keyboard."""
    if _LOCATING.fullmatch(name):
        return Done(_located(of, name, args, options))
    first = args[0] if args else None
    match name:
        case "frame_locator" | "new_page":
            return Done(Thing("page"))
        case "expect_popup" | "expect_page":
            return Done(Thing("popup"))
        case "wait_for_timeout":
            return Done(acts=(Act(Kind.WAIT, name, ms=number_of(first) or 0),))
        case _ if name in _PATIENT:
            return Done(acts=(Act(Kind.PATIENCE, name, ms=number_of(first) or 0),))
        case _ if name.startswith("expect_"):
            return Done(Thing("waiting"))
        case _ if name in ACTIONS:
            on = of if isinstance(of, Target) else selected(text_of(first))
            if name == "press" and text_of(args[-1] if args else None) not in ("Enter", "Space"):
                on = Target()
            return Done(acts=(Act(Kind.ACTION, name, on),))
        case _ if name in PROOFS:
            return Done(acts=(Act(Kind.PROOF, name),))
    return Done()


def _located(
    of: Thing | Target, name: str, args: Sequence[Value], options: Mapping[str, Value]
) -> Target:
    words = text_of(args[0]) if args else ""
    if name == "get_by_role":
        return Target(words, text_of(options.get("name")))
    if name.startswith("get_by_"):
        return Target(name.removeprefix("get_by_"), words)
    if name == "locator":
        found = selected(words)
    else:
        found = of if isinstance(of, Target) and name in _SAME else Target()
    return replace(found, words=found.words or text_of(options.get("has_text")))


def _request(name: str, args: Sequence[Value], options: Mapping[str, Value]) -> Act:
    verb, at = name, 0
    if name in ("request", "stream"):
        verb, at = text_of(args[0] if args else options.get("method")).lower(), 1
    elif name == "fetch":
        verb = text_of(options.get("method")).lower() or "get"
    path = args[at] if len(args) > at else options.get("url")
    return Act(Kind.REQUEST, verb, Target("path", text_of(path)))


def call(name: str, args: Sequence[Value], options: Mapping[str, Value]) -> Done:
    """A function of Python or of a library is called, by its dotted name."""
    first = args[0] if args else None
    match name:
        case "time.sleep":
            return Done(acts=(Act(Kind.WAIT, name, ms=(number_of(first) or 0) * 1000),))
        case "prober.cleanup":
            return Done(acts=(Act(Kind.CLEANUP, "cleanup"),))
        case _ if name == _EXPECT:
            return Done(Thing("expectation"))
        case _ if name == f"{_EXPECT}.set_options":
            ms = number_of(options.get("timeout") or first) or 0
            return Done(acts=(Act(Kind.PATIENCE, "set_options", ms=ms),))
        case "httpx.Client":
            return Done(Thing("http"))
        case "re.compile":
            return Done(Const(text_of(first)))
        case "functools.partial":
            return Done(first)
    library, _, verb = name.rpartition(".")
    if library == "httpx" and verb in REQUESTS:
        return perform(Method(Thing("http"), verb), args, options)
    return Done()


def is_known(dotted: str) -> bool:
    """Whether a module cannot act on a target unless it is called by the names above."""
    import sys

    top = dotted.partition(".")[0]
    return top in sys.stdlib_module_names or top in ("playwright", "httpx", "prober", "pyotp")


def external(dotted: str) -> Value:
    """Something that is imported from such a module."""
    return External(dotted.replace("prober.journey.", "prober.", 1))
