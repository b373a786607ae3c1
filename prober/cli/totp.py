"""`prober totp`: the one-time code of now, of a secret that a region has."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prober.cli.inputs import read_region
from prober.cli.where import REGIONS, Regions
from prober.errors import InputError, ProberError, SecretUnreadable

if TYPE_CHECKING:
    from prober.config import Region


def command(
    name: Annotated[str, typer.Argument(help="The secret's name, as the region has it.")],
    region: Annotated[
        str | None, typer.Option(help="Whose secret it is; default the first.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, nothing else.")] = False,
    regions: Regions = REGIONS,
) -> None:
    """Print the present one-time code of a TOTP secret, as `totp()` gives it to a journey.

    To log in by hand as the journey's user does. How long it is good goes to stderr.
    """
    from json import dumps

    chosen = read_region(regions, region)
    found = {"name": name, "region": chosen.name, **_code(chosen, name)}
    if json:
        print(dumps(found, indent=2))
    else:
        print(found["code"])
        print(f"good for {found['seconds_left']} s", file=sys.stderr)


def _code(region: Region, name: str) -> dict[str, Any]:
    """The code of now, and for how long it is that of now."""
    from prober.onetime import code_at

    try:
        code = code_at(_secret(region, name), int(time.time()))
    except SecretUnreadable as error:
        problem = region.problem(("secrets", name), error.what, error.mend)
        raise InputError([problem]) from None
    return {"code": code.digits, "seconds_left": code.left_s, "period_s": code.period_s}


def _secret(region: Region, name: str) -> str:
    import asyncio

    from prober.agent.vault import Unread, Vault

    if name not in region.secrets:
        known = f"it has {', '.join(sorted(region.secrets))}" if region.secrets else "it has none"
        raise ProberError(f"region {region.name} has no secret {name!r}, {known}")
    try:
        return asyncio.run(Vault(region.origins).read([name]))[name]
    except Unread as missing:
        raise missing.why from None
