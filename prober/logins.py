"""Logins of regions: regions never talk to each other, so no two of them may have the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from pydantic import SecretStr

from prober import address, source
from prober.errors import Problem, SecretUnreadable
from prober.origin import AccountPools, SecretSource
from prober.variables import Place


class _Region(Protocol):
    """What is asked of a region; `prober.config.Region` is one."""

    @property
    def name(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def accounts(self) -> AccountPools: ...
    def problem(self, place: Place, what: str, mend: str) -> Problem: ...


class _Use(NamedTuple):
    """Where a login is written."""

    region: _Region
    pool: str
    number: int

    def problem(self, what: str, mend: str) -> Problem:
        return self.region.problem(("accounts", self.pool, self.number, "user"), what, mend)

    def __str__(self) -> str:
        at = self.problem("", "")
        return f"{at.file}:{at.line}"


def shared(regions: Iterable[_Region]) -> Iterator[Problem]:
    """Logins of one target that two regions have, or one pool twice; each with both places.

    Logins are compared by user names as far as those can be read here, and otherwise by where they
    are read from. A message repeats none.
    """
    known: defaultdict[tuple[object, ...], list[_Use]] = defaultdict(list)
    for region in regions:
        for pool, accounts in region.accounts.items():
            for number, account in enumerate(accounts):
                use = _Use(region, pool, number)
                before = known[address.server(region.base_url), *told(account.user)]
                if problem := next(filter(None, (_clash(other, use) for other in before)), None):
                    yield problem
                before.append(use)


def told(user: SecretStr | SecretSource) -> tuple[str, object]:
    """What is the same where a user name is: itself, or the place it is read from."""
    if isinstance(user, SecretStr):
        return "name", user.get_secret_value()
    if user.file is None:
        return "command", user.command
    try:
        return "name", source.of_file(user.file)
    except SecretUnreadable:
        return "file", user.file


def _clash(one: _Use, other: _Use) -> Problem | None:
    if one.region is not other.region:
        what = f"region {one.region.name} signs in with it too, at {one}"
        return other.problem(what, "give each region accounts of its own")
    if one.pool == other.pool:
        return other.problem(f"is in this pool already, at {one}", "remove one of the two")
    return None
