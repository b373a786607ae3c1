"""Steps: what the user does between one page and the next, and what it is called."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from urllib.parse import urlsplit

from prober.lint.event import Event
from prober.lint.source import Source
from prober.recording.action import Action

#: As `prober.agent.recorder` has it.
MOST = 100
#: A name is a few words.
_LONGEST = 48
#: What buttons say that are asked for by what they do.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z' -]*")
_FEW = 4
#: Of a regular expression, what is not said to people.
_PATTERN = re.compile(r"\\[A-Za-z]|[\\^$]")
_DOING = {
    "check": "check", "uncheck": "uncheck", "hover": "point at", "select_option": "choose",
    "set_input_files": "attach",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the journey."""

    name: str
    actions: tuple[Action, ...]


def steps(
    source: Source,
    actions: Sequence[Action],
    is_own: Callable[[str], bool],
    shows: Callable[[str], bool],
) -> list[Step]:
    """Put what belongs together into steps, each with a name of its own.

    Args:
        source: the script.
        actions: all of them, in their order.
        is_own: whether an address is of the site itself.
        shows: whether a text holds what no file may.
    """
    phases = _phases(actions)
    used: Counter[str] = Counter()
    found: list[Step] = []
    for phase in phases:
        plain = _named(source, phase, is_own, shows)
        used[plain] += 1
        name = plain if used[plain] == 1 else f"{plain} {used[plain]}"
        while name in (each.name for each in found):
            used[plain] += 1
            name = f"{plain} {used[plain]}"
        found.append(Step(name, tuple(phase)))
    return found


def _phases(actions: Sequence[Action]) -> list[list[Action]]:
    """What leads somewhere ends a phase; what is then expected belongs to it still."""
    found: list[list[Action]] = []
    over = True
    for action in actions:
        moved = found and any(each.done for each in found[-1])
        begins = (action.navigates and moved) or (over and not action.follows)
        if not found or begins:
            found.append([])
            over = False
        found[-1].append(action)
        over = over or action.leads
    if len(found) > MOST:
        found[MOST - 1 :] = [list(chain.from_iterable(found[MOST - 1 :]))]
    return found


def _named(
    source: Source,
    phase: Sequence[Action],
    is_own: Callable[[str], bool],
    shows: Callable[[str], bool],
) -> str:
    """What the user does in it, in a few words; those that hold a secret are left out."""
    leading = next((each.done for each in phase if each.leads), None)
    plain = sorted((each for each in phase if each.done), key=lambda each: not each.typed)
    doing = leading or next((each.done for each in plain), None)
    if doing is None:
        return "look at the page"
    fills = any(each.typed for each in phase)
    name = _said(source, doing, fills, is_own, "" if shows(doing.target.words) else _words(doing))
    return _short("open site" if shows(name) and doing.verb == "goto" else name)


def _said(
    source: Source, doing: Event, fills: bool, is_own: Callable[[str], bool], words: str
) -> str:
    match doing.verb:
        case "goto":
            given = doing.node.args if isinstance(doing.node, ast.Call) else []
            return _opened(source.literal(given[0]) or "" if given else "", is_own)
        case "reload" | "go_back" | "go_forward":
            return doing.verb.replace("_", " ")
        case "press":
            return f"enter {words}" if words else "press Enter"
        case "click" | "dblclick" | "tap":
            submits = fills and doing.target.role == "button"
            plain = _PLAIN.fullmatch(words) and len(words.split()) <= _FEW
            return words.lower() if submits and plain else f"click {words}".strip()
        case "fill" | "type" | "press_sequentially" | "insert_text":
            return f"fill in {words}" if words else "fill in the form"
    verb = _DOING.get(doing.verb, doing.verb.replace("_", " "))
    return f"{verb} {words}".strip()


def _words(doing: Event) -> str:
    words = _PATTERN.sub("", doing.target.words)
    if doing.target.role == "test_id":
        words = re.sub(r"[-_]+", " ", words)
    return " ".join(words.replace('"', "'").split())


def _opened(address: str, is_own: Callable[[str], bool]) -> str:
    """What an address opens: the last of its path that is a word."""
    try:
        url = urlsplit(address)
    except ValueError:
        return "open site"
    if url.netloc and not is_own(address):
        return f"open {url.hostname}"
    words = [part for part in url.path.split("/") if re.fullmatch(r"[A-Za-z][A-Za-z_.-]*", part)]
    if not words:
        return "open site"
    return f"open {re.sub(r'[-_]+', ' ', words[-1].split('.')[0])}"


def _short(name: str) -> str:
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 1].rsplit(' ', 1)[0]}…"
