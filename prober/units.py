"""Durations and shares as people write them, exact inside.

Durations are a whole or decimal number and a unit: `250ms`, `90s`, `5m`, `6h`, `30d`, `2w`.
Shares are strings: `"99.5%"` or `"0.995"`; a bare number between 1 and 100 could be either
and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final, TypeGuard

SECOND_MS: Final = 1000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

_UNITS_MS = {
    "ms": 1,
    "s": SECOND_MS,
    "m": MINUTE_MS,
    "h": HOUR_MS,
    "d": DAY_MS,
    "w": 7 * DAY_MS,
}
#: Longer than anything lasts, and short enough for every clock and database to count.
_LONGEST_MS: Final = 1000 * 365 * DAY_MS
#: More digits than this mean nothing, and arithmetic with them takes its time.
_LONGEST_TEXT: Final = 40
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_UNITS_BYTES: Final = ("B", "kB", "MB", "GB", "TB")
_SIZE = re.compile(rf"(\d+(?:\.\d+)?)({'|'.join(_UNITS_BYTES)})")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)(%?)")


def duration_ms(text: object) -> int:
    """Milliseconds in a duration.

    Raises:
        ValueError: it is not a duration, is zero, finer than a millisecond, or over 1000 years.

    >>> duration_ms("1.5m")
    90000
    """
    match = _DURATION.fullmatch(text) if _is_short(text) else None
    if match is None:
        raise ValueError(f"{text!r} is not a duration, write a number and ms, s, m, h, d or w: 90s")
    span = Fraction(match[1]) * _UNITS_MS[match[2]]
    if span > _LONGEST_MS:
        raise ValueError(f"{text!r} is more than a thousand years, write less")
    if span.denominator != 1 or span == 0:
        raise ValueError(f"{text!r} is not a whole number of milliseconds above 0, write 250ms")
    return int(span)


def size_bytes(text: object) -> int:
    """Bytes in a size: a whole or decimal number and `B`, `kB`, `MB`, `GB` or `TB`.

    Raises:
        ValueError: it is not a size, is zero, or no whole number of bytes.

    >>> size_bytes("1.5GB")
    1500000000
    """
    match = _SIZE.fullmatch(text) if _is_short(text) else None
    if match is None:
        raise ValueError(f"{text!r} is not a size, write a number and kB, MB, GB or TB: 500MB")
    size = Fraction(match[1]) * 1000 ** _UNITS_BYTES.index(match[2])
    if size.denominator != 1 or size == 0:
        raise ValueError(f"{text!r} is not a whole number of bytes above 0, write 500MB")
    return int(size)


def _is_short(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and len(text) <= _LONGEST_TEXT


def counted(number: int, noun: str) -> str:
    """A number of things, for people.

    >>> counted(1, "journey"), counted(3, "SLO")
    ('1 journey', '3 SLOs')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def format_ms(span_ms: int) -> str:
    """The shortest duration text with one unit.

    >>> format_ms(90_000), format_ms(86_400_000)
    ('90s', '1d')
    """
    for unit in ("w", "d", "h", "m", "s"):
        if span_ms and span_ms % _UNITS_MS[unit] == 0:
            return f"{span_ms // _UNITS_MS[unit]}{unit}"
    return f"{span_ms}ms"


def share(text: object) -> Fraction:
    """The exact share that a text means.

    Raises:
        ValueError: it is not a string with a share between 0 and 1 (0 % and 100 %).

    >>> share("99.5%"), share("0.995")
    (Fraction(199, 200), Fraction(199, 200))
    """
    match = _SHARE.fullmatch(text.strip()) if _is_short(text) else None
    if match is None:
        raise ValueError(f'{text!r} is not a share, write a string such as "99.5%" or "0.995"')
    value = Fraction(match[1]) / (100 if match[2] else 1)
    if value > 1:
        mend = f'write "{match[1]}%"' if not match[2] else "write at most 100%"
        raise ValueError(f"{text!r} is more than everything, {mend}")
    return value


def percent(value: Fraction, places: int = 3) -> str:
    """A share for people, cut towards zero so that nothing short of a bound reads as it.

    >>> percent(Fraction(99999, 100000), places=2)
    '99.99%'
    """
    return f"{_cut(value, 100, places)}%"


def decimal(value: int | Fraction, places: int = 3) -> str:
    """A number for people, cut towards zero.

    >>> decimal(Fraction(12, 7), places=2)
    '1.71'
    """
    return _cut(value, 1, places)


def span(span_ms: int | Fraction) -> str:
    """A time span for people, cut to its largest unit.

    >>> span(59_999), span(7_300_000)
    ('59s', '2h')
    """
    for unit_ms in (DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS):
        if span_ms >= unit_ms:
            return format_ms(int(span_ms) // unit_ms * unit_ms)
    return "0s"


def size(count: int) -> str:
    """A number of bytes for people, cut to the first two digits, or to all that are whole.

    >>> size(999), size(1_240), size(412_900), size(1_999_999)
    ('999 B', '1.2 kB', '412 kB', '1.9 MB')
    """
    power = min((len(str(count)) - 1) // 3, len(_UNITS_BYTES) - 1)
    scaled = Fraction(count, 1000**power)
    return f"{decimal(scaled, 1 if scaled < 10 else 0)} {_UNITS_BYTES[power]}"


def weight(bytes_by: Mapping[str, int]) -> str:
    """How much came, for people, by party; of one that is missing that is not known.

    >>> weight({"first_party": 412_300, "third_party": 36_000})
    '412 kB, 36 kB of others'
    >>> weight({"first_party": 412_300, "third_party": 0}), weight({"third_party": 36_000})
    ('412 kB', 'unknown, 36 kB of others')
    """
    own, others = (bytes_by.get(party) for party in ("first_party", "third_party"))
    said = "unknown" if own is None else size(own)
    if others == 0:
        return said
    return f"{said}, {'unknown' if others is None else size(others)} of others"


def _cut(value: int | Fraction, times: int, places: int) -> str:
    scale = 10**places
    whole, rest = divmod(abs(value.numerator) * times * scale // value.denominator, scale)
    sign = "-" if value.numerator < 0 else ""
    digits = f".{rest:0{places}d}".rstrip("0").rstrip(".") if places else ""
    return f"{sign}{whole}{digits}"
