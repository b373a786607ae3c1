"""Accounts that several runs use at the same time, and so get in each other's way.

One of a pool (`@journey(accounts=[…])`) is one run's at a time. One that a journey reads as a
secret is anybody's, and must not be in a pool as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from prober.lint.event import Declared
from prober.lint.finding import Finding, Rule
from prober.logins import told

if TYPE_CHECKING:
    from prober.config import Region

_ACCOUNT = re.compile(r"(?:^|_)(?:user|username|user_name|login|email|account|customer)$")
_MEND = (
    "lease accounts: @journey(accounts=[…]), give each its own, "
    "or say why they cannot disturb each other"
)


def shared(journeys: Sequence[Declared], regions: Sequence[Region] | None) -> Iterator[Finding]:
    """Account secrets that journeys share, or regions for one journey.

    Args:
        journeys: of one directory.
        regions: where they run; None when that is not known, and secrets go by their names.
    """
    uses = [
        (journey, secret) for journey in journeys for secret in journey.secrets
        if _ACCOUNT.search(secret)
    ]  # fmt: skip
    for journey, secret in uses:
        accounts = _accounts(journey, secret, regions)
        others = sorted(
            {
                other.name
                for other, name in uses
                if other is not journey and accounts & _accounts(other, name, regions)
            }
        )
        places = _places(journey, secret, regions)
        said = [f"it is {_listed(others)}'s too"] if others else []
        said += [f"it is one in {_listed(places)}"] if places else []
        pools = _pools(journey, secret, regions)
        said += [f"{_listed(pools)} {'has' if len(pools) == 1 else 'have'} it"] if pools else []
        if said:
            what = f"{journey.name} does not have the account {secret} to itself: "
            yield journey.source.finding(
                journey.place_of(secret), Rule.SHARED_ACCOUNT, what + " and ".join(said), _MEND
            )


def _pools(journey: Declared, secret: str, regions: Sequence[Region] | None) -> list[str]:
    """Pools that lease the account to others."""
    given = dict(_values(journey, secret, regions or ()))
    return [
        f"the pool {pool} of {region.name}"
        for region in regions or ()
        for pool, accounts in region.accounts.items()
        if given.get(region.name) in [told(account.user) for account in accounts]
    ]


def _accounts(journey: Declared, secret: str, regions: Sequence[Region] | None) -> set[object]:
    """The accounts that a secret is, in all regions that run the journey."""
    if regions is None:
        return {secret}
    return {value for _, value in _values(journey, secret, regions)}


def _places(journey: Declared, secret: str, regions: Sequence[Region] | None) -> list[str]:
    """Regions that give the journey the same account."""
    found = _values(journey, secret, regions or ())
    values = [value for _, value in found]
    return [name for name, value in found if values.count(value) > 1]


def _values(journey: Declared, secret: str, regions: Sequence[Region]) -> list[tuple[str, object]]:
    return [
        (region.name, told(region.secrets[secret]))
        for region in regions
        if secret in region.secrets and (not region.only or journey.name in region.only)
    ]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
