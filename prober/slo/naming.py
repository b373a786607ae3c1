"""Names of resources, as RFC 1123 and Kubernetes want them."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_LONGEST: Final = 63
_DIGITS: Final = 8
_LABEL: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


def resource_name(*parts: str) -> str:
    """One name of several, of up to 63 of a-z, 0-9 and -.

    What is too long ends in a digest of the whole, so that it is still told from others.

    >>> resource_name("checkout", "availability", "rolling"), resource_name("account_api")
    ('checkout-availability-rolling', 'account-api')
    """
    whole = "-".join(re.findall("[a-z0-9]+", "-".join(parts).lower()))
    if len(whole) <= _LONGEST:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGITS]
    return f"{whole[: _LONGEST - _DIGITS - 1].removesuffix('-')}-{digest}"


def fits_label(text: str) -> bool:
    """Whether a text may be the name of a label, or its value."""
    return _LABEL.fullmatch(text) is not None
