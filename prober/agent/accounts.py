"""The accounts of a region: each is one run's at a time, over all agents of this machine.

A login is a lock file, named by a digest. The kernel takes a lock back when its holder dies,
however it dies.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from prober.agent.allowance import NoCapacity, hold
from prober.agent.vault import Vault

_RETRY_S = 0.05
_DIGITS = 16
#: By pool, for each of its accounts what it has, as `prober.origin` calls that.
Names = Mapping[str, tuple[tuple[str, ...], ...]]


class _Candidate(NamedTuple):
    """An account that could be leased."""

    #: Of its login at the target.
    digest: str
    #: What it has, as `prober.origin` calls it.
    names: tuple[str, ...]


@dataclass(slots=True)
class Lease:
    """What one run signs in with, until it is released."""

    #: By pool, a digest of the login.
    digests: dict[str, str] = field(default_factory=dict)
    #: As a journey's secrets: `shopper.user`, `shopper.password`.
    values: dict[str, str] = field(default_factory=dict, repr=False)
    #: By pool, digests of all there are.
    known: dict[str, set[str]] = field(default_factory=dict)
    _held: ExitStack = field(default_factory=ExitStack, repr=False)

    def fits(self, accounts: Mapping[str, str]) -> bool:
        """Whether what was made with some accounts can be taken back with these.

        With those that there are no more it never can, and shows that by trying.
        """
        return all(
            digest == self.digests[pool] or digest not in self.known[pool]
            for pool, digest in accounts.items()
            if pool in self.digests
        )

    def release(self) -> None:
        """Let others have them; again it does nothing."""
        self._held.close()


class Accounts:
    """The pools of one region."""

    def __init__(
        self, pools: Names, vault: Vault, target: str, directory: Path | None = None
    ) -> None:
        """Nothing is read and nothing held yet.

        Args:
            pools: what there is.
            vault: reads it.
            target: where those logins are good.
            directory: of the lock files; None: where all agents look.
        """
        self._pools, self._vault, self._target = pools, vault, target
        self._root = directory or Path(tempfile.gettempdir()) / f"prober-accounts-{os.getuid()}"

    async def lease(
        self, pools: Iterable[str], within_s: float, wanted: Mapping[str, str] | None = None
    ) -> Lease:
        """An account of each pool that nobody else holds.

        Args:
            pools: their names; those that the region does not have are left out.
            within_s: how long to wait for all of them.
            wanted: by pool, the digest of the login that is best.

        Raises:
            NoCapacity: no account of one of them came free within the time.
            Unread: a user name or password cannot be had.
        """
        ends = time.monotonic() + within_s
        candidates = {
            pool: await self._candidates(pool, (wanted or {}).get(pool))
            for pool in pools
            if pool in self._pools
        }
        if candidates:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        while (lease := self._take(candidates)) is None:
            if time.monotonic() >= ends:
                asked = ", ".join(candidates)
                raise NoCapacity(f"no account of {asked} came free in time: other runs hold all")
            await asyncio.sleep(_RETRY_S)
        await self._fill(lease, candidates)
        return lease

    async def _candidates(self, pool: str, wanted: str | None) -> list[_Candidate]:
        """The accounts of a pool, the one that is wanted first."""
        found = []
        for names in self._pools[pool]:
            user = next(name for name in names if name.endswith(".user"))
            values = await self._vault.read([user])
            found.append(_Candidate(self._digest(values[user]), names))
        return sorted(found, key=lambda each: each.digest != wanted)

    def _digest(self, user: str) -> str:
        return hashlib.sha256(f"{self._target}\x1f{user}".encode()).hexdigest()[:_DIGITS]

    def _take(self, candidates: Mapping[str, list[_Candidate]]) -> Lease | None:
        """One of each pool, or none at all: who held one and waited could wait for ever."""
        lease = Lease()
        with ExitStack() as held:
            for pool, accounts in candidates.items():
                lease.known[pool] = {account.digest for account in accounts}
                for account in accounts:
                    descriptor = hold(self._root / account.digest)
                    if descriptor is not None:
                        held.callback(os.close, descriptor)
                        lease.digests[pool] = account.digest
                        break
                else:
                    return None
            lease._held = held.pop_all()
        return lease

    async def _fill(self, lease: Lease, candidates: Mapping[str, list[_Candidate]]) -> None:
        """Read what was leased; the lease ends when that cannot be done."""
        try:
            for pool, digest in lease.digests.items():
                names = next(each.names for each in candidates[pool] if each.digest == digest)
                for name, value in (await self._vault.read(names)).items():
                    lease.values[f"{pool}.{name.rpartition('.')[2]}"] = value
        except BaseException:
            lease.release()
            raise
