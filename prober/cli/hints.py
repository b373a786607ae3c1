"""Hints about locators: where the author uses a weak one, and what the page offers instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

Hints = Annotated[
    bool,
    typer.Option("--hints", help="Say what pages offer instead of weak locators, by one run more."),
]
_NOTHING = "nothing better: give it a role and a name, a label or a test id"


def told(
    hints: Iterable[Mapping[str, Any]], redacted: Callable[[str], str]
) -> list[dict[str, Any]]:
    """Hints as the worker has them, without secrets, and with files as people name them.

    Args:
        hints: each with `file`, `line`, `selector` and `better`.
        redacted: takes secrets out of a text.
    """
    named = [
        {
            "file": _near(hint["file"]),
            "line": hint["line"],
            "selector": redacted(hint["selector"]),
            "better": hint["better"] and redacted(hint["better"]),
        }
        for hint in hints
    ]
    return sorted(named, key=lambda hint: (hint["file"], hint["line"]))


def show(hints: Iterable[Mapping[str, Any]], console: Console) -> None:
    """For people: a line a locator, and below it the better one."""
    hints = list(hints)
    if not hints:
        console.print("\nno weak locator was used")
        return
    console.print("\nweak locators, and what the page offers instead:")
    for hint in hints:
        where = f"  {hint['file']}:{hint['line']}: {hint['selector']}"
        console.print(Text(where, "dim"), soft_wrap=True)
        better = hint["better"]
        said = Text(f"    {better}", "green") if better else Text(f"    {_NOTHING}", "yellow")
        console.print(said, soft_wrap=True)


def _near(file: str) -> str:
    path = Path(file)
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else file
