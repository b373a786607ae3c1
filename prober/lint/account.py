"""Accounts that several runs use at the same time, and so get in each other's way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from prober.lint.event import Declared
from prober.lint.finding import Finding, Rule
from prober.origin import SecretSource

if TYPE_CHECKING:
    from prober.config import Region
    from prober.origin import SecretOrigin

_ACCOUNT = re.compile(r"(?:^|_)(?:user|username|user_name|login|email|account|customer)$")
_MEND = "give each its own account, or say why they cannot disturb each other"


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
        if said:
            what = f"{journey.name} does not have the account {secret} to itself: "
            yield journey.source.finding(
                journey.place_of(secret), Rule.SHARED_ACCOUNT, what + " and ".join(said), _MEND
            )


def _accounts(journey: Declared, secret: str, regions: Sequence[Region] | None) -> set[str]:
    """The accounts that a secret is, in all regions that run the journey."""
    if regions is None:
        return {secret}
    return {value for _, value in _values(journey, secret, regions)}


def _places(journey: Declared, secret: str, regions: Sequence[Region] | None) -> list[str]:
    """Regions that give the journey the same account."""
    found = _values(journey, secret, regions or ())
    values = [value for _, value in found]
    return [name for name, value in found if values.count(value) > 1]


def _values(journey: Declared, secret: str, regions: Sequence[Region]) -> list[tuple[str, str]]:
    return [
        (region.name, _told(region.secrets[secret]))
        for region in regions
        if secret in region.secrets and (not region.only or journey.name in region.only)
    ]


def _told(origin: SecretOrigin) -> str:
    """What is the same where the account is: its text, or where that is read."""
    return repr(origin) if isinstance(origin, SecretSource) else origin.get_secret_value()


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
