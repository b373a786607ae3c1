"""`prober exclude`: time that two people agree not to hold against a journey."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Annotated, Any

import typer

from prober.cli.ask import CONTRACTS, DEFAULT_URL, ask, left_out, show
from prober.cli.where import AsJson, Contracts, Journal, Url
from prober.slo.moment import iso
from prober.units import percent

app = typer.Typer(
    help="Time that does not count: add, revoke, list.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


Category = Annotated[
    str,
    typer.Option(
        help="scheduled_maintenance, provider_outage, ddos, unprecedented_demand, prober_fault "
        "or other."
    ),
]
Journeys = Annotated[
    list[str] | None, typer.Option("--journey", help="Only this journey; repeat for more.")
]
Regions = Annotated[
    list[str] | None, typer.Option("--region", help="Only this region; repeat for more.")
]
Repeat = Annotated[
    str | None, typer.Option(help="An RRULE, as FREQ=WEEKLY;COUNT=4, for it to come again.")
]


@app.command()
def add(
    start: Annotated[str, typer.Option(help="From when on, as 2026-07-01T02:00:00Z.")],
    end: Annotated[str, typer.Option(help="Until when, that moment not in it.")],
    category: Category,
    reason: Annotated[str, typer.Option(help="Why it should not count.")],
    requested_by: Annotated[str, typer.Option(help="Who asks for it.")],
    approved_by: Annotated[str, typer.Option(help="Who agrees; somebody else.")],
    journeys: Journeys = None,
    regions: Regions = None,
    evidence: Annotated[str | None, typer.Option(help="Where to read about it.")] = None,
    repeat: Repeat = None,
    time_zone: Annotated[str, typer.Option(help="By whose clocks it comes again.")] = "UTC",
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Exclude a time, at most 30 days after its start; what it gives back is told at once."""
    request = {
        "start": start,
        "end": end,
        "category": category,
        "reason": reason,
        "requested_by": requested_by,
        "approved_by": approved_by,
        "journeys": journeys,
        "regions": regions,
        "evidence": evidence,
        "repeat": repeat,
        "time_zone": time_zone,
    }
    answer = ask("exclude-add", request, url=url, journal=journal, contracts=contracts)
    show(answer, [_line(answer["exclusion"]), *_effects(answer["effects"])], as_json)


@app.command()
def revoke(
    exclusion: Annotated[str, typer.Argument(help="Its id, as `prober exclude list` shows it.")],
    by: Annotated[str, typer.Option(help="Who you are.")],
    reason: Annotated[str, typer.Option(help="Why it should count after all.")],
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Let excluded time count again; the exclusion stays in the log."""
    request = {"id": exclusion, "by": by, "reason": reason}
    answer = ask("exclude-revoke", request, url=url, journal=journal, contracts=contracts)
    show(answer, [f"{exclusion} is revoked"], as_json)


@app.command("list")
def list_all(
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Show every exclusion, revoked ones too."""
    answer = ask("exclude-list", {}, url=url, journal=journal, contracts=contracts)
    lines = [_line(each) for each in answer["exclusions"]]
    lines += map(left_out, answer.get("unread", ()))  # an older evaluator does not say
    show(answer, lines or ["nothing was ever excluded"], as_json)


def _line(exclusion: Mapping[str, Any]) -> str:
    where = ", ".join(exclusion["journeys"] or ["all journeys"])
    regions = ", ".join(exclusion["regions"] or ["all regions"])
    again = f", again {exclusion['recurrence']['rule']}" if exclusion["recurrence"] else ""
    revoked = exclusion.get("revoked")
    over = f"; revoked by {revoked['by']}: {revoked['reason']}" if revoked else ""
    return (
        f"{exclusion['id']} {iso(exclusion['start_ms'])} to {iso(exclusion['end_ms'])}{again}, "
        f"{where} in {regions}, {exclusion['category']}: {exclusion['reason']} "
        f"(asked by {exclusion['requested_by']}, approved by {exclusion['approved_by']}){over}"
    )


def _effects(effects: list[Mapping[str, Any]]) -> Iterator[str]:
    for effect in effects:
        named = f"  {effect['slo']} {effect['objective']} over {effect['window']}"
        if effect["returned"] is not None and (returned := Fraction(effect["returned"])):
            yield f"{named}: {_given(returned)}, {_state(effect)}"
        for flag in effect["flags"]:
            yield f"{named}: {flag}"


def _given(returned: Fraction) -> str:
    """What the error budget gained; it loses where the runs left out were better than the rest."""
    if returned > 0:
        return f"{percent(returned, 2)} of the budget comes back"
    return f"{percent(-returned, 2)} more of the budget is consumed, for fewer runs count"


def _state(effect: Mapping[str, Any]) -> str:
    now, before = effect["state"], effect["raw_state"]
    return f"it stays {now}" if now == before else f"{now} instead of {before}"
