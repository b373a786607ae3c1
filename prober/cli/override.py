"""`prober override`: letting one change pass a gate, and answering for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from prober.cli.ask import CONTRACTS, DEFAULT_URL, ask, show
from prober.cli.where import AsJson, Contracts, Journal, Url
from prober.slo.moment import iso

app = typer.Typer(
    help="Let one change pass a gate that stops it: grant, list.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def grant(
    slo: Annotated[str, typer.Option(help="The SLO that stops the change.")],
    commit: Annotated[str, typer.Option(help="The commit that may pass.")],
    role: Annotated[str, typer.Option(help="As which you approve: sre, product, vp_engineering.")],
    by: Annotated[str, typer.Option(help="Who you are.")],
    reason: Annotated[str, typer.Option(help="Why it must ship now.")],
    expires: Annotated[str, typer.Option(help="For how long it holds.")] = "4h",
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Let a commit pass the gate of one SLO, as long as that stays in the state it is in."""
    request = {
        "slo": slo,
        "commit": commit,
        "role": role,
        "by": by,
        "reason": reason,
        "expires": expires,
    }
    answer = ask("override-grant", request, url=url, journal=journal, contracts=contracts)
    show(answer, [_line(answer["override"])], as_json)


@app.command("list")
def list_all(
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Show every override that was granted, and how often it was used."""
    answer = ask("override-list", {}, url=url, journal=journal, contracts=contracts)
    show(answer, _lines(answer["overrides"]), as_json)


def _lines(overrides: list[Mapping[str, Any]]) -> Iterator[str]:
    if not overrides:
        yield "no override was ever granted"
    for override in overrides:
        over = "expired, " if override["expired"] else ""
        yield f"{_line(override)}; {over}decisions passed: {len(override['decisions'])}"


def _line(override: Mapping[str, Any]) -> str:
    return (
        f"{override['id']} {override['slo']} in state {override['state']}, commit "
        f"{override['commit']}, by {override['by']} ({override['role']}) until "
        f"{iso(override['expires_ms'])}: {override['reason']}"
    )
