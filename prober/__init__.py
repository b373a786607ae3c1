"""What a journey file imports."""

from prober.journey import assertion, cleanup, journey, secret, step, totp

__all__ = ["assertion", "cleanup", "journey", "secret", "step", "totp"]
