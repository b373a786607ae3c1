"""`prober feedback`: what users complained of, so that reviews see what no SLO saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from prober.cli.ask import CONTRACTS, DEFAULT_URL, ask, show
from prober.cli.sheet import printable
from prober.cli.where import AsJson, Contracts, Journal, Url

app = typer.Typer(
    help="What users complained of: add, list.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def add(
    text: Annotated[str, typer.Option(help="What they could not do.")],
    start: Annotated[str, typer.Option("--from", help="From when on, as 2026-07-01T02:00:00Z.")],
    end: Annotated[str, typer.Option("--to", help="Until when.")],
    journey: Annotated[
        str | None, typer.Option(help="Which journey it was; any when left out.")
    ] = None,
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Note a complaint; `prober report quarterly` says whether an SLO saw it."""
    request = {"text": text, "start": start, "end": end, "journey": journey}
    answer = ask("feedback-add", request, url=url, journal=journal, contracts=contracts)
    show(answer, [_line(answer["feedback"])], as_json)


@app.command("list")
def list_all(
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Show every complaint that was noted."""
    answer = ask("feedback-list", {}, url=url, journal=journal, contracts=contracts)
    lines = [_line(each) for each in answer["feedback"]] or ["no complaint was ever noted"]
    show(answer, lines, as_json)


def _line(feedback: Mapping[str, Any]) -> str:
    which = feedback["journey"] or "any journey"
    return printable(
        f"{feedback['id']} {feedback['start']} to {feedback['end']}, {which}: {feedback['text']}"
    )
