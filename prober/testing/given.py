"""What a journey under test may read: its secrets, and accounts that it holds to itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, TypeVar

from prober.account import of_environment
from prober.agent.accounts import Accounts, Lease
from prober.agent.question import in_thread
from prober.agent.vault import Unread, Vault
from prober.config import Region
from prober.errors import InputError
from prober.journey import Journey
from prober.origin import names_of, place_of

#: How long to wait for an account that another test, a run or an agent here has.
_LEASE_S = 60.0
Got = TypeVar("Got")


def secrets(definition: Journey, region: Region | None) -> dict[str, str]:
    """Those that it names: the region's, or else those of the environment.

    Raises:
        InputError: one cannot be read from where the region has it.
    """
    found = {}
    for name in definition.secrets:
        if value := os.environ.get(f"PROBER_SECRET_{name.upper()}"):
            found[name] = value
    if region:
        found |= _read(region, Vault(region.origins).read(definition.secrets))
    return found


def accounts(definition: Journey, region: Region | None) -> Lease:
    """One of each pool that it names: the region's, or else that of the environment.

    Raises:
        InputError: one cannot be read from where the region has it.
        NoCapacity: others have all of them.
    """
    lease = Lease()
    if region:
        pools = Accounts(names_of(region.accounts), Vault(region.origins), region.base_url)
        lease = _read(region, pools.lease(definition.accounts, _LEASE_S))
    for pool in definition.accounts:
        if pool not in lease.digests:
            said = of_environment(pool)
            lease.values |= {f"{pool}.{field}": value for field, value in said.items()}
    return lease


def _read(region: Region, reading: Coroutine[Any, Any, Got]) -> Got:
    """In a thread: Playwright's own loop runs in this one."""
    try:
        return in_thread(lambda: asyncio.run(reading)).result()
    except Unread as missing:
        place, why = place_of(missing.name), missing.why
        raise InputError([region.problem(place, why.what, why.mend)]) from None
