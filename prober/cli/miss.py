"""`prober miss`: what was missed, and the structural change that each miss asks for."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

import typer

from prober.cli.ask import CONTRACTS, DEFAULT_URL, ask, show
from prober.cli.sheet import printable
from prober.cli.where import AsJson, Contracts, Journal, Url
from prober.units import percent

app = typer.Typer(
    help="Missed targets and the change that each asks for: list, close.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_HOW = {"exhausted": "budget spent", "ended": "period ended below target"}


@app.command("list")
def list_all(
    slo: Annotated[str | None, typer.Option(help="Only this SLO.")] = None,
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Show every miss, what it asks for and until when, and what closed it."""
    answer = ask("misses", {"slo": slo}, url=url, journal=journal, contracts=contracts)
    lines = [_line(each) for each in answer["misses"]] or ["nothing was ever missed"]
    show(answer, lines, as_json)


@app.command()
def close(
    miss: Annotated[str, typer.Argument(help="Its id, as `prober miss list` shows it.")],
    change: Annotated[str, typer.Option(help="What was changed, so that it does not come again.")],
    kind: Annotated[
        str,
        typer.Option(help="What that is: test, alert, gate, deprecation, redesign or target."),
    ],
    link: Annotated[str, typer.Option(help="Where the change can be read.")],
    notice: Annotated[
        str | None,
        typer.Option(
            help="Where customers were told; needed when they were promised it in public."
        ),
    ] = None,
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Close a miss with the structural change that it asked for."""
    request = {"id": miss, "change": change, "kind": kind, "link": link, "notice": notice}
    answer = ask("miss-close", request, url=url, journal=journal, contracts=contracts)
    show(answer, [_line(answer["miss"])], as_json)


def _line(miss: dict[str, Any]) -> str:
    spent = ""
    if miss["consumed"] is not None:
        spent = f", {percent(Fraction(miss['consumed']['exact']), 1)} consumed"
    head = (
        f"{miss['id']} {miss['slo']} {miss['objective']} over {miss['window']}, "
        f"{miss['opened']}: {_HOW[miss['how']]}{spent}"
    )
    closed = miss["closed"]
    if closed:
        end = (
            f"closed {closed['at']} with a {closed['kind']}: {closed['change']} ({closed['link']})"
        )
        return printable(f"{head}; {end}")
    asked = " and ".join(item["what"] for item in miss["items"])
    late = "overdue since" if miss["standing"] == "overdue" else "due"
    return f"{head}; {asked} {late} {miss['due']}"
