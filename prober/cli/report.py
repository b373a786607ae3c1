"""`prober report`: daily, weekly, for a sprint, and for the review of a quarter."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from prober.cli.ask import CONTRACTS, DEFAULT_URL, ask, show
from prober.cli.where import AsJson, Contracts, Journal, Url

app = typer.Typer(
    help="What there is to tell of SLOs: daily, weekly, sprint, quarterly.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Format(StrEnum):
    """How a report is written."""

    MD = "md"
    HTML = "html"
    JSON = "json"


Slo = Annotated[str | None, typer.Option(help="Only this SLO.")]
At = Annotated[
    str | None, typer.Option(help="As of when, as 2026-07-01T02:00:00Z; now when left out.")
]
Written = Annotated[
    Format, typer.Option("--format", help="As Markdown, as one HTML file, or as JSON.")
]


@app.command()
def daily(
    slo: Slo = None,
    at: At = None,
    form: Written = Format.MD,
    topic: Annotated[
        bool, typer.Option("--topic", help="One short line, for the topic of a channel.")
    ] = False,
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Tell yesterday's number of each SLO, which way its budget goes, and what to do today."""
    _report("daily", slo, at, form, url, journal, contracts, as_json, topic=topic)


@app.command()
def weekly(
    slo: Slo = None,
    at: At = None,
    form: Written = Format.MD,
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Tell what the last seven days cost, what spent it, and what is left to do about it."""
    _report("weekly", slo, at, form, url, journal, contracts, as_json)


@app.command()
def sprint(
    slo: Slo = None,
    at: At = None,
    form: Written = Format.MD,
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """List the reliability work to take in, ranked by the budget that it cost."""
    _report("sprint", slo, at, form, url, journal, contracts, as_json)


@app.command()
def quarterly(
    slo: Slo = None,
    at: At = None,
    form: Written = Format.MD,
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Answer the questions of the quarterly review from data, with blanks for the meeting."""
    _report("quarterly", slo, at, form, url, journal, contracts, as_json)


def _report(
    kind: str,
    slo: str | None,
    at: str | None,
    form: Format,
    url: str,
    journal: Path | None,
    contracts: Path,
    as_json: bool,
    *,
    topic: bool = False,
) -> None:
    plain = as_json or topic or form is Format.JSON
    request = {"kind": kind, "slo": slo, "at": at, "format": "json" if plain else str(form)}
    answer = ask("report", request, url=url, journal=journal, contracts=contracts)
    if topic and not as_json:
        print(answer["topic"])
    elif plain:
        show(answer, (), as_json=True)
    else:
        print(answer["text"], end="")
