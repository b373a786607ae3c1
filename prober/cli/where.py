"""Options of every verb that asks: whom, and how the answer is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[
    str, typer.Option(envvar="PROBER_URL", show_envvar=False, help="Where the evaluator is.")
]
Journal = Annotated[
    Path | None,
    typer.Option(help="Answer from this journal, or its directory, without an evaluator."),
]
Contracts = Annotated[Path, typer.Option(help="Directory of *.slo.yaml files, with --journal.")]
Channels = Annotated[
    Path | None, typer.Option(help="Who is told of alerts; channels.yaml, if it is there.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Everything, exact, as JSON.")]
Journeys = Annotated[Path, typer.Option(help="Directory of journeys and their contracts.")]
Regions = Annotated[Path, typer.Option(help="Directory of region files.")]
JOURNEYS = Path("journeys")
REGIONS = Path("regions")
