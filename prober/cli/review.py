"""`prober review`: which reviews are due, and noting that one was held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from prober.cli.ask import CONTRACTS, DEFAULT_URL, ask, show
from prober.cli.sheet import printable
from prober.cli.where import AsJson, Contracts, Journal, Url

app = typer.Typer(
    help="Reviews of budgets, quarters and reliability: record, list.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def record(
    slo: Annotated[str, typer.Option(help="The SLO that was reviewed.")],
    kind: Annotated[str, typer.Option(help="What it was: budget, quarterly or reliability.")],
    by: Annotated[str, typer.Option(help="The role that held it: sre, product, vp_engineering.")],
    notes: Annotated[str, typer.Option(help="What came of it.")],
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Note that a review was held; the next one is due by the cadence of the policy."""
    request = {"slo": slo, "kind": kind, "by": by, "notes": notes}
    answer = ask("review-record", request, url=url, journal=journal, contracts=contracts)
    show(answer, [_held(answer["review"])], as_json)


@app.command("list")
def list_all(
    slo: Annotated[str | None, typer.Option(help="Only this SLO.")] = None,
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Show which reviews are due and which are overdue, then those that were held."""
    answer = ask("reviews", {"slo": slo}, url=url, journal=journal, contracts=contracts)
    show(answer, _lines(answer), as_json)


def _lines(answer: Mapping[str, Any]) -> Iterator[str]:
    for each in answer["due"]:
        late = "overdue since" if each["overdue"] else "due"
        last = f", last held {each['last']}" if each["last"] else ", never held"
        yield f"{each['slo']} {each['kind']} review {late} {each['due']}{last}"
    if not answer["due"]:
        yield "no review is due"
    yield from map(_held, answer["held"])


def _held(review: Mapping[str, Any]) -> str:
    return printable(
        f"{review['id']} {review['at']} {review['slo']} {review['kind']} review by "
        f"{review['by']}: {review['notes']}"
    )
