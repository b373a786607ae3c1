"""The command line: one thin module a verb."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prober.errors import InputError, ProberError

if TYPE_CHECKING:
    import typer

#: Each is a module here: with a `command`, an `app` of several, or a `parser` and a `main`.
VERBS = (
    "demo",
    "up",
    "agent",
    "evaluator",
    "run",
    "new",
    "record",
    "check",
    "mutate",
    "totp",
    "status",
    "gate",
    "override",
    "exclude",
    "mark",
    "token",
    "silence",
    "channels",
    "slo",
    "budget",
    "prcheck",
    "site",
    "report",
    "review",
    "miss",
    "feedback",
)


def build(verbs: Iterable[str] = VERBS) -> typer.Typer:
    """The command `prober` with some of its verbs; only their modules are imported."""
    import typer

    app = typer.Typer(
        name="prober",
        help="Runs the journeys users care about in a real browser and judges them against "
        "their SLO.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        callback=_no_options,  # without one, a single verb would take the place of `prober`
    )
    for verb in verbs:
        module = importlib.import_module(f"{__name__}.{verb}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=verb)
        elif hasattr(module, "command"):
            app.command(verb)(module.command)
        else:  # `main` deals with it before it comes to this; here it is only listed
            app.command(verb, help=module.parser().description)(_no_options)
    return app


def main() -> None:
    """Run a verb; bad input and known trouble end in one clear line and exit code 2."""
    asked = [verb for verb in VERBS if sys.argv[1:2] == [verb]]
    try:
        if asked == ["gate"]:
            from prober.cli import gate

            sys.exit(gate.main(sys.argv[2:]))
        build(asked or VERBS)()
    except ProberError as error:
        tell(error)
        sys.exit(2)


def tell(error: ProberError) -> None:
    """Say on stderr what is wrong, a line a problem."""
    problems = error.problems if isinstance(error, InputError) else [f"prober: {error}"]
    for problem in problems:
        print(problem, file=sys.stderr)


def _no_options() -> None:
    pass


def __getattr__(name: str) -> Any:
    """`app`, with every verb."""
    if name == "app":
        return build()
    raise AttributeError(name)
