"""`prober channels`: who is told of alerts."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from prober.cli.ask import DEFAULT_URL, show
from prober.cli.where import AsJson, Channels, Url

app = typer.Typer(
    help="Who is told of alerts: test.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("test")
def rehearsed(
    name: Annotated[str, typer.Argument(help="The channel, as the file calls it.")],
    channels: Channels = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Send a test message by every way of a channel, and say what each answers.

    Exit code: 0 when all of them took it, 1 when one did not.
    """
    from prober.evaluator.alerts.channels import load
    from prober.evaluator.alerts.rehearsal import rehearse

    now_ms = time.time_ns() // 1_000_000
    answers = [
        {"channel": way.id.channel, "way": way.id.way, "kind": way.kind, "trouble": trouble}
        for way, trouble in rehearse(load(channels), name, url.rstrip("/"), now_ms)
    ]
    lines = [f"{each['channel']}.{each['way']}: {each['trouble'] or 'took it'}" for each in answers]
    show({"ways": answers}, lines, as_json)
    if any(each["trouble"] for each in answers):
        raise typer.Exit(1)
