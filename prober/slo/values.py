"""Values in the files of contracts and policies: how they are written, and what they are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from prober.document import Strict, Text, distinct, matching
from prober.units import duration_ms, share

_MONTHS = re.compile(r"\d+(?:[MQYy]|mo)|\d*\s*(?:months?|quarters?|years?)")
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)
#: Nearer to 0% or 100% no arithmetic of chance is exact, and no schedule long enough.
_FINEST = Fraction(1, 10**10)
_SHARE_SCHEMA = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%?$"}


def _share(text: object) -> Fraction:
    return share(text)


def _target(value: Fraction) -> Fraction:
    if value == 1:
        raise ValueError(
            "a target of 100% leaves no error budget: the first failure would exhaust it and no "
            'burn rate could be told, write less, such as "99.9%"'
        )
    if value == 0:
        raise ValueError('a target of 0% is always met, write more, such as "99%"')
    if not _FINEST <= value <= 1 - _FINEST:
        raise ValueError(
            "a target within a ten thousand millionth of 0% or 100% cannot be measured, write one "
            'between 0.00000001% and 99.99999999%, such as "99.9%"'
        )
    return value


def _part(value: Fraction) -> Fraction:
    if value == 0:
        raise ValueError('a share of 0% is nothing, write more, such as "2%"')
    return value


def _number(value: object) -> Fraction:
    """A number as it is written: the shortest text of a float is that."""
    text = str(value)
    if not _NUMBER.fullmatch(text):
        raise ValueError(
            f"{value!r} is not a number of 0 or more, write one such as 45000 or 56.25"
        )
    return Fraction(text)


def _window_ms(text: object) -> int:
    if isinstance(text, str) and _MONTHS.fullmatch(text):
        mend = "write 30d or calendar: {unit: month, time_zone: Europe/Berlin}"
        raise ValueError(f"{text!r} is no fixed time, {mend}")
    return duration_ms(text)


def word(words: Iterable[str], mapping: str = "") -> BeforeValidator:
    """A validator for one of some words, where a mapping such as this may stand instead."""
    known = tuple(map(str, words))
    mend = ", ".join(filter(None, (*known, mapping)))

    def read(value: object) -> object:
        if value not in known:
            raise ValueError(f"{value!r} is not known, write one of {mend}")
        return value

    return BeforeValidator(read)


def word_or_mapping(value: object) -> str:
    """Which branch of a union is meant, as its tag."""
    return "<mapping>" if isinstance(value, dict) else "<word>"


def _one_of(schema: dict[str, Any], model: type[Any]) -> None:
    schema["oneOf"] = [{"required": [key]} for key in model.EITHER]


class Either(Strict):
    """A mapping in which one of two keys stands, and not the other."""

    model_config = ConfigDict(json_schema_extra=_one_of)
    #: The two, as they are written.
    EITHER: ClassVar[tuple[str, str]]

    @model_validator(mode="after")
    def _either(self) -> Either:
        fields = type(self).model_fields
        written = {fields[name].alias or name for name in self.model_fields_set}
        there = written.intersection(self.EITHER)
        if len(there) != 1:
            both = " and ".join(self.EITHER) if there else " or ".join(self.EITHER)
            raise ValueError(f"has {'both' if there else 'no'} {both}, write one of the two")
        return self


Label = Annotated[
    str,
    matching(
        "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        "a name",
        "write up to 63 of a-z, 0-9 and -, such as checkout-completion",
    ),
    Field(json_schema_extra={"pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}),
]
#: Written as text, so that no number is rounded on the way.
Share = Annotated[Fraction, BeforeValidator(_share), WithJsonSchema(_SHARE_SCHEMA)]
Target = Annotated[Share, AfterValidator(_target)]
#: A share that is not nothing.
Part = Annotated[Share, AfterValidator(_part)]
Number = Annotated[
    Fraction,
    BeforeValidator(_number),
    WithJsonSchema({"type": ["number", "string"], "minimum": 0, "pattern": r"^[0-9]+(\.[0-9]+)?$"}),
]
#: The length of a window, which no month is.
WindowLength = Annotated[
    int,
    BeforeValidator(_window_ms),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d|w)$"}),
]
Currency = Annotated[str, matching("[A-Z]{3}", "a currency", "write three letters such as USD")]
Names = Annotated[tuple[Text, ...], AfterValidator(distinct)]
