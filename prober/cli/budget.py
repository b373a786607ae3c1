"""`prober budget`: what spent an error budget, and what of it is kept back."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

import typer

from prober.cli.ask import CONTRACTS, DEFAULT_URL, ask, show
from prober.cli.sheet import Sheet, number, results, share
from prober.cli.where import AsJson, Contracts, Journal, Url
from prober.slo.moment import iso
from prober.units import percent

app = typer.Typer(
    help="Error budgets: explain, reserve, release, reservations.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Plain = dict[str, Any]
#: Of incidents and deploys the dearest are shown; `--json` has all of them.
SHOWN = 5


@app.command()
def explain(
    slo: Annotated[
        str | None, typer.Argument(help="Only this SLO.", show_default="all of them")
    ] = None,
    objective: Annotated[str | None, typer.Option(help="Only this objective.")] = None,
    window: Annotated[str | None, typer.Option(help="Only this window.")] = None,
    within: Annotated[
        str, typer.Option(help="So long after a deploy a failure is held against it.")
    ] = "2h",
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Say what spent the error budget: origin, cause, step, region, deploy, incident."""
    request = {"slo": slo, "objective": objective, "window": window, "within": within}
    answer = ask("budget-explain", request, url=url, journal=journal, contracts=contracts)
    if as_json:
        show(answer, (), as_json)
        return
    for sheet, about, result in results(answer):
        sheet.line(f"{about}: {_headline(result)}", "bold")
        _divided(sheet, result)


@app.command()
def reserve(
    slo: Annotated[str, typer.Argument(help="Of which SLO's budgets.")],
    part: Annotated[str, typer.Argument(metavar="SHARE", help="How much, as 20%.")],
    reason: Annotated[str, typer.Option(help="What it is kept for.")],
    until: Annotated[
        str | None,
        typer.Option(help="Until when, as 2026-07-01T02:00:00Z; without it until it is released."),
    ] = None,
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Keep a share of the error budget back, for what is planned or what nobody foresees."""
    request = {"slo": slo, "share": part, "reason": reason, "until": until}
    answer = ask("budget-reserve", request, url=url, journal=journal, contracts=contracts)
    show(answer, [_reservation(answer["reservation"])], as_json)


@app.command()
def release(
    reservation: Annotated[
        str, typer.Argument(help="Its id, as `prober budget reservations` shows it.")
    ],
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Keep a reserved share back no longer; the reservation stays in the log."""
    request = {"id": reservation}
    answer = ask("budget-release", request, url=url, journal=journal, contracts=contracts)
    show(answer, [f"{reservation} is released"], as_json)


@app.command()
def reservations(
    slo: Annotated[str, typer.Argument(help="Of which SLO's budgets.")],
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Show what was ever reserved of an SLO's budgets, also what is over."""
    answer = ask("budget-reservations", {"slo": slo}, url, journal, contracts)
    lines = [
        _reservation(each) + ("" if each["in_force"] else "; over")
        for each in answer["reservations"]
    ]
    show(answer, lines or ["nothing was ever reserved"], as_json)


def _reservation(found: Plain) -> str:
    end = "it is released" if found["until_ms"] is None else iso(found["until_ms"])
    kept = f"{percent(Fraction(found['share']))} of {found['slo']}"
    return f"{found['id']} {kept} until {end}: {found['reason']}"


def _headline(result: Plain) -> str:
    if result["consumed"] is None:
        return f"{result['state']}, {result['why'] or 'there is no budget'}"
    kept = (
        f"; {share(result['reserved'], 1)} reserved, {share(result['available'], 1)} available"
        if Fraction(result["reserved"]["exact"])
        else ""
    )
    return (
        f"{result['state']}, {share(result['consumed'], 1)} consumed: {result['bad']} bad "
        f"{result['unit']}, {number(result['budget'])} allowed{kept}"
    )


def _divided(sheet: Sheet, result: Plain) -> None:
    rows = [
        [by, part["name"], number(part["bad"]), share(part["share"], 1)]
        for by, parts in result["divisions"].items()
        for part in parts
    ]
    if not rows:
        return
    sheet.table(("by", "what", "bad", "of the budget"), rows)
    if result["incidents"]:
        _incidents(sheet, result["incidents"])
    if result["deploys"]:
        columns = ("deploy", "at", "bad", "of the budget", "expected")
        dearest = sorted(result["deploys"], key=lambda row: -float(row["bad"]["decimal"]))
        sheet.table(columns, (_deploy(row) for row in dearest[:SHOWN]))
        _more(sheet, dearest, "deploys")
    silent, flaky = result["silent"], result["flaky"]
    sheet.line(
        f"  silent, while no server said 5xx: {number(silent['bad'])} bad, "
        f"{share(silent['share'], 1)} of the budget"
    )
    if flaky["runs"]:
        counted = "which is counted" if flaky["counted"] else "which would be more"
        cost = f": {share(flaky['share'], 1)} of the budget, {counted}" if flaky["share"] else ""
        sheet.line(f"  flaky, passed only when tried again: {flaky['runs']} runs{cost}")


def _incidents(sheet: Sheet, incidents: list[Plain]) -> None:
    columns = ("incident", "severity", "bad", "of the budget", "regions", "causes", "steps")
    sheet.table(
        columns,
        (
            [
                row["name"],
                row["severity"] or "",
                number(row["bad"]),
                share(row["share"], 1),
                *(", ".join(row[key]) for key in ("regions", "causes", "steps")),
            ]
            for row in incidents[:SHOWN]
        ),
    )
    _more(sheet, incidents, "incidents")


def _deploy(row: Plain) -> list[str]:
    expected = share(row["estimate"], 1) if row["estimate"] else ""
    return [row["name"], row["at"], number(row["bad"]), share(row["share"], 1), expected]


def _more(sheet: Sheet, rows: list[Plain], what: str) -> None:
    if len(rows) > SHOWN:
        sheet.line(f"  and {len(rows) - SHOWN} more {what}: --json")
