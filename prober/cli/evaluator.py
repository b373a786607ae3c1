"""`prober evaluator`: the judge."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prober.cli.logs import Form, LogFormat
from prober.cli.where import Channels

if TYPE_CHECKING:
    from prober.evaluator.evaluator import Settings

#: From being told to end to the end, whatever still goes on.
END_S = 29.0

Contracts = Annotated[Path, typer.Option(help="Directory of *.slo.yaml files.")]
Data = Annotated[Path, typer.Option(help="Directory of its journal.")]
Listen = Annotated[str, typer.Option(help="host:port; port 0 takes a free one.")]
Source = Annotated[
    str | None, typer.Option(help="Judge from this PromQL backend instead of its own journal.")
]
Evidence = Annotated[
    list[str] | None,
    typer.Option(
        help="Directory in which an agent keeps screenshots and traces, or URL of a storage it "
        "copies them to; everybody who sees the pages may read them. Repeat for more.",
        envvar="PROBER_EVIDENCE",
        show_envvar=False,
    ),
]
Public = Annotated[
    str | None, typer.Option(help="Where people find it, for links; where it listens.")
]
Protect = Annotated[
    bool, typer.Option("--protect-reads", help="Ask for a token to look at pages, too.")
]
Limits = Annotated[
    int, typer.Option(min=0, help="So many times the usual limits on requests; 0: none.")
]


def command(
    contracts: Contracts = Path("journeys"),
    data: Data = Path(".prober/evaluator"),
    listen: Listen = "127.0.0.1:8750",
    source: Source = None,
    evidence: Evidence = None,
    channels: Channels = None,
    url: Public = None,
    protect_reads: Protect = False,
    limits: Limits = 1,
    log_format: LogFormat = Form.TEXT,
) -> None:
    """Receive the runs of all regions by OTLP, judge the contracts, tell of alerts, serve a page.

    Senders must show the token in PROBER_TOKEN, or in the file that PROBER_TOKEN_FILE names, or one
    made by `prober token create`; only a loopback address can do without one. SIGHUP, or POST
    /-/reload, has it read its files again. GET /api/v1/openapi.json describes its API.
    """
    from prober.cli import signals
    from prober.evaluator.evaluator import Settings

    token = _token(log_format)
    signals.begin()
    host, port = _address(listen)
    settings = Settings(
        contracts=contracts,
        data=data,
        host=host,
        port=port,
        token=token,
        protect_reads=protect_reads,
        limits=limits,
        source=source,
        evidence=_places(evidence or ()),
        channels=channels,
        url=url,
    )
    asyncio.run(_serve(settings))


def _places(evidence: Iterable[str]) -> tuple[str, ...]:
    """Directories, and URLs of storages that something here speaks."""
    from prober.storage import usable

    for place in evidence:
        if "://" in place:
            try:
                usable(place)
            except ValueError as error:
                raise typer.BadParameter(f"--evidence {error}") from None
    return tuple(evidence)


def _token(log_format: Form) -> str | None:
    """PROBER_TOKEN, which no line of the log shows from here on; None: there is none."""
    from prober.cli import logs
    from prober.variables import given

    logs.set_up(log_format)
    token = given("PROBER_TOKEN", os.environ)
    logs.hide({"PROBER_TOKEN": (token or "").strip()})
    return token


async def _serve(settings: Settings) -> None:
    from prober.cli.garbage import settle
    from prober.cli.signals import Signals
    from prober.evaluator.evaluator import serve

    def ready(line: str) -> None:
        settle()
        print(line, flush=True)

    told = Signals(within_s=END_S)
    told.attend()
    await serve(settings, ready, stop=told.stop, reload=told.reload)
    told.finish()


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise typer.BadParameter(f"{listen!r} is not host:port, write one such as 127.0.0.1:8750")
    return host.strip("[]"), int(port)
