"""Sign-offs: whether those who must agree to a contract have agreed, to exactly this content.

Until then it is a draft: it is judged and shown, and stops no deployment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from prober.slo.contract import Contract, Signoff

#: What is agreed to: the number, and what follows when it is missed.
SCOPES: Final = ("target", "policy")


@dataclass(frozen=True, slots=True)
class Lack:
    """Something without which a contract is not in force."""

    #: Whose agreement to `scope` is lacking; empty: it is not for people to give.
    role: str
    scope: str
    #: In words: what is lacking, or why a sign-off is void.
    why: str

    def __str__(self) -> str:
        return f"{self.role} ({self.scope}): {self.why}" if self.role else self.why


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a contract may stop a deployment."""

    #: What is lacking, by role and scope.
    lacks: tuple[Lack, ...] = ()

    @property
    def in_force(self) -> bool:
        """Whether nothing is lacking."""
        return not self.lacks

    def __str__(self) -> str:
        return "in_force" if self.in_force else "draft"


def standing(contract: Contract, as_of_ms: int | None = None) -> Standing:
    """Whether a contract is in force: it has a policy, and every required role signed both scopes.

    A sign-off is void when the content changed since, or when it is dated after
    `effective_from`: what is agreed to after the fact binds nobody.

    Args:
        contract: whose `required_roles` are asked for.
        as_of_ms: the moment; before `effective_from` nothing is in force. None: any later one.
    """
    return Standing((*_policy(contract), *_early(contract, as_of_ms), *_unsigned(contract)))


def has_policy(contract: Contract) -> bool:
    """Whether people do something in each state."""
    return all(contract.policy.actions.get(state) for _, state in contract.policy.bands)


def _policy(contract: Contract) -> Iterator[Lack]:
    if not has_policy(contract):
        yield Lack("", "policy", "there is no policy with an action for each state")


def _early(contract: Contract, as_of_ms: int | None) -> Iterator[Lack]:
    """Days begin at midnight in UTC, as everywhere else."""
    begins = contract.effective_from
    if begins is None or as_of_ms is None:
        return
    if datetime.fromtimestamp(as_of_ms // 1000, UTC).date() < begins:
        yield Lack("", "target", f"it takes effect on {begins}")


def _unsigned(contract: Contract) -> Iterator[Lack]:
    for role in contract.required_roles:
        for scope in SCOPES:
            signed = [s for s in contract.signoffs if s.role == role and scope in s.scope]
            void = [why for signoff in signed if (why := _void(signoff, contract))]
            if len(void) == len(signed):
                yield Lack(role, scope, void[-1] if void else "not signed")


def _void(signoff: Signoff, contract: Contract) -> str | None:
    """Why a sign-off does not count."""
    begins = contract.effective_from
    if signoff.hash != f"sha256:{contract.hash}":
        return f"void, the contract changed since {signoff.by} signed on {signoff.date}"
    if begins and signoff.date > begins:
        return f"void, {signoff.by} signed on {signoff.date}, after it took effect on {begins}"
    return None
