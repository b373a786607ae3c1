"""`prober silence`: time in which nobody is told of some alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from prober.cli.ask import CONTRACTS, DEFAULT_URL, ask, left_out, show
from prober.cli.where import AsJson, Contracts, Journal, Url
from prober.slo.moment import iso

app = typer.Typer(
    help="Time in which nobody is told of some alerts: add, end, list.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Slos = Annotated[
    list[str] | None, typer.Option("--slo", help="Alerts of this SLO; repeat for more.")
]
Journeys = Annotated[
    list[str] | None,
    typer.Option("--journey", help="Alerts of all SLOs of this journey; repeat for more."),
]
Everything = Annotated[bool, typer.Option("--all", help="Every alert there is.")]
Rule = Annotated[str | None, typer.Option(help="Only this alert, as page-fast.")]
Region = Annotated[str | None, typer.Option(help="Only alerts about this region alone.")]
Lasts = Annotated[str | None, typer.Option("--for", help="For how long, as 2h.")]
Start = Annotated[
    str | None, typer.Option("--from", help="From when on, as 2026-07-01T02:00:00Z; from now.")
]
End = Annotated[str | None, typer.Option("--to", help="Until when.")]
Repeat = Annotated[
    str | None, typer.Option(help="An RRULE, as FREQ=WEEKLY, for a window that comes again.")
]


@app.command()
def add(
    by: Annotated[str, typer.Option(help="Who you are.")],
    reason: Annotated[str, typer.Option(help="Why nobody should be told.")],
    slos: Slos = None,
    journeys: Journeys = None,
    everything: Everything = False,
    rule: Rule = None,
    region: Region = None,
    lasts: Lasts = None,
    start: Start = None,
    end: End = None,
    repeat: Repeat = None,
    time_zone: Annotated[str, typer.Option(help="By whose clocks it comes again.")] = "UTC",
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Keep back messages, not judgement; what still fires when it ends is told then."""
    request = {
        "by": by,
        "reason": reason,
        "slos": slos or None,
        "journeys": journeys or None,
        "everything": everything,
        "rule": rule,
        "region": region,
        "lasts": lasts,
        "start": start,
        "end": end,
        "repeat": repeat,
        "time_zone": time_zone,
    }
    answer = ask("silence-add", request, url=url, journal=journal, contracts=contracts)
    show(answer, [_line(answer["silence"])], as_json)


@app.command()
def end(
    silence: Annotated[str, typer.Argument(help="Its id, as `prober silence list` shows it.")],
    by: Annotated[str, typer.Option(help="Who you are.")],
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Have people told again before its time."""
    request = {"id": silence, "by": by}
    answer = ask("silence-end", request, url=url, journal=journal, contracts=contracts)
    show(answer, [f"{silence} is ended"], as_json)


@app.command("list")
def list_all(
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Show every silence there was, those that are over too."""
    answer = ask("silence-list", {}, url=url, journal=journal, contracts=contracts)
    lines = [_line(each) for each in answer["silences"]]
    lines += map(left_out, answer.get("unread", ()))  # an older evaluator does not say
    show(answer, lines or ["nothing was ever silenced"], as_json)


def _line(silence: Mapping[str, Any]) -> str:
    about = [*(silence["slos"] or ()), *(silence["journeys"] or ())] or ["everything"]
    rule = f" {silence['rule']}" if silence["rule"] else ""
    where = f" in {silence['region']}" if silence["region"] else ""
    again = f", again {silence['recurrence']['rule']}" if silence["recurrence"] else ""
    now = ", holds now" if silence["until_ms"] is not None else ""
    over = f", ended {iso(silence['ended_ms'])}" if silence["ended_ms"] is not None else ""
    return (
        f"{silence['id']} {iso(silence['start_ms'])} to {iso(silence['end_ms'])}{again}, "
        f"{', '.join(about)}{rule}{where}: {silence['reason']} (by {silence['by']}){now}{over}"
    )
