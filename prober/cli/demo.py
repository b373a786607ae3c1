"""`prober demo`: everything at work on this machine, and a shop that breaks silently."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    exit_after: Annotated[
        str | None,
        typer.Option(help="Tell the story within this time, at least 60s, and end: 90s."),
    ] = None,
    port: Annotated[int, typer.Option(help="Of the status page; 0 takes a free one.")] = 8750,
) -> None:
    """Watch a silent failure burn an error budget while the shop's 5xx count stays 0.

    Starts a small shop, agents with a real browser in three regions, and the evaluator, all on
    this machine; breaks the shop silently. Exit code 0 when the story came true.
    """
    import asyncio

    try:
        exit_after_s = _seconds(exit_after)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--exit-after") from error
    raise typer.Exit(asyncio.run(_play(port, exit_after_s)))


async def _play(port: int, exit_after_s: float | None) -> int:
    import asyncio

    from prober.cli.signals import stop_on_signals
    from prober.demo.demo import Demo

    stop = asyncio.Event()
    stop_on_signals(stop)
    demo = Demo(port, lambda line: print(line, flush=True))
    came_true = await demo.play(stop, exit_after_s)
    return 0 if came_true or stop.is_set() else 1


def _seconds(text: str | None) -> float | None:
    from prober.units import duration_ms

    return None if text is None else duration_ms(text) / 1000
