"""What a journey file imports."""

from prober.account import account
from prober.journey import assertion, cleanup, journey, secret, step, totp
from prober.naming import run_name

__all__ = [
    "account",
    "assertion",
    "cleanup",
    "journey",
    "run_name",
    "secret",
    "step",
    "totp",
]
