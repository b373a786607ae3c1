"""`prober mark`: noting what happened, so that failures can be held against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from prober.cli.ask import CONTRACTS, DEFAULT_URL, ask, show
from prober.cli.where import AsJson, Contracts, Journal, Url
from prober.slo.moment import iso

app = typer.Typer(
    help="Note what happened: deploy, list.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def deploy(
    name: Annotated[str, typer.Argument(help="What went out: a commit or a version.")],
    journey: Annotated[
        list[str] | None, typer.Option(help="Only this journey can feel it; repeat for more.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="When, as 2026-07-01T02:00:00Z; now when left out.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Anything else about it.")] = None,
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Note that something was deployed; `prober budget explain` names what it cost."""
    request = {"name": name, "journeys": journey, "at": at, "note": note}
    answer = ask("mark-deploy", request, url=url, journal=journal, contracts=contracts)
    show(answer, [_line(answer["deploy"])], as_json)


@app.command("list")
def list_all(
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Show what was noted."""
    answer = ask("mark-list", {}, url=url, journal=journal, contracts=contracts)
    lines = [_line(each) for each in answer["deploys"]] or ["no deploy was ever noted"]
    show(answer, lines, as_json)


def _line(deploy: Mapping[str, Any]) -> str:
    journeys = deploy["journeys"] or ["all journeys"]
    note = f": {deploy['note']}" if deploy["note"] else ""
    return f"{deploy['id']} {iso(deploy['at_ms'])} {deploy['name']}, {', '.join(journeys)}{note}"
