"""An account: what a run signs in with, and nobody else meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from prober.errors import SecretMissing, SecretUnreadable
from prober.journey import acting

#: What a region file may say of an account.
FIELDS = ("user", "password", "totp")


@dataclass(frozen=True, slots=True)
class Account:
    """One account of a pool."""

    #: Of the pool.
    name: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    #: The secret of its second factor, base32.
    totp: str | None = field(default=None, repr=False)

    def code(self) -> str:
        """The current one-time code (RFC 6238).

        Raises:
            SecretMissing: the account has no second factor.
            SecretUnreadable: its secret is none.
        """
        from prober.onetime import code_at  # only journeys with a second factor pay for it

        if self.totp is None:
            raise SecretMissing(f"account {self.name!r} has no totp, give it one in the region")
        try:
            return code_at(self.totp, int(time.time())).digits
        except SecretUnreadable as error:
            raise SecretUnreadable(f"account {self.name!r} {error.what}", error.mend) from None


def account(name: str) -> Account:
    """The account that the run holds, of a pool named in `@journey(accounts=[…])`.

    No other run has it until this one has cleaned up. Outside a run it comes from the environment
    variables `PROBER_ACCOUNT_<NAME>_USER` and `…_PASSWORD`, and `…_TOTP` where it is set.

    Raises:
        SecretMissing: the journey did not name the pool, or the region does not have it.
    """
    stage = acting()
    found = stage.account(name) if stage else of_environment(name)
    if not {"user", "password"} <= found.keys():
        variable = f"PROBER_ACCOUNT_{name.upper()}"
        raise SecretMissing(
            f"account {name!r} is not there, set {variable}_USER and {variable}_PASSWORD "
            "to run outside Prober"
        )
    return Account(name, found["user"], found["password"], found.get("totp"))


def of_environment(name: str) -> Mapping[str, str]:
    """What the environment says of an account, by field."""
    given = {each: os.environ.get(f"PROBER_ACCOUNT_{name}_{each}".upper()) for each in FIELDS}
    return {each: value for each, value in given.items() if value}
