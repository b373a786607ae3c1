"""One-time codes of a second factor (RFC 6238): six digits, another every half minute."""

from __future__ import annotations

import base64
import re
from typing import NamedTuple

import pyotp

from prober.errors import SecretUnreadable


class Code(NamedTuple):
    """The code of a moment."""

    digits: str
    #: Seconds until there is another one, and from one to the next.
    left_s: int
    period_s: int


class _Seed(pyotp.TOTP):
    """What a site shows when a second factor is set up, in base32.

    pyotp takes none below 112 bits, as a site should not give them out. Many give 80 all the
    same, and it is not for a user to refuse.
    """

    def byte_secret(self) -> bytes:
        """Its bytes; raises ValueError when it is not base32."""
        written = re.sub(r"[\s=-]", "", self.secret)
        return base64.b32decode(written + "=" * (-len(written) % 8), casefold=True)


def code_at(seed: str, now_s: int) -> Code:
    """The code of a moment, in seconds since 1970.

    Raises:
        SecretUnreadable: the seed is none; its text is not shown.
    """
    try:
        found = _Seed(seed)
        digits = found.at(now_s)
    except ValueError:
        what = "is no secret of one-time codes: those are base32, A-Z and 2-7"
        mend = "give the key that the site shows when a second factor is set up"
        raise SecretUnreadable(what, mend) from None
    return Code(digits, found.interval - now_s % found.interval, found.interval)
