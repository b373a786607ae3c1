"""Moments as people write them: ISO 8601 with an offset, exact to the millisecond."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LATEST_MS = 253_402_300_799_999  # the last of the year 9999
#: A second that some minutes have had, at the place where its number stands.
_LEAP = re.compile(r"(?<=T\d\d:\d\d:)60")


def moment_ms(text: str) -> int:
    """Milliseconds since 1970 at a moment; a leap second is the first of the next day.

    Raises:
        ValueError: it is not a moment, has no offset, or is finer than a millisecond.

    >>> moment_ms("1970-01-01T01:00:00.250+01:00")
    250
    >>> moment_ms("2016-12-31T23:59:60Z") == moment_ms("2017-01-01T00:00:00Z")
    True
    """
    plain = _LEAP.sub("59", text)
    try:
        past, rest = divmod(datetime.fromisoformat(plain) - _EPOCH, _MILLISECOND)
    except (ValueError, TypeError):  # a moment without an offset has no distance from one with it
        raise ValueError(
            f"{text!r} is not a moment, write it with its offset: 2026-07-01T02:00:00Z"
        ) from None
    if rest:
        raise ValueError(f"{text!r} is finer than a millisecond, write three digits at most")
    return past + 1000 * (plain != text)


def iso(time_ms: int) -> str:
    """A moment in UTC, to the second; the nearest one that can be written.

    >>> iso(0)
    '1970-01-01T00:00:00Z'
    """
    writable_ms = min(max(time_ms, 0), _LATEST_MS)
    plain = datetime.fromtimestamp(writable_ms // 1000, UTC).replace(tzinfo=None)
    return f"{plain.isoformat()}Z"  # a page has a thousand, and strftime takes its time
