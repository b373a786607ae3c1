"""Several journeys, regions or dependencies as one number."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import prod


def weighted(components: Iterable[tuple[Fraction, Fraction]]) -> Fraction | None:
    """The compliance of several journeys or regions, from pairs of weight and compliance.

    Returns:
        None when nothing weighs anything.

    A login of weight 1 and a checkout of weight 4:

    >>> weighted([(Fraction(1), Fraction("0.999")), (Fraction(4), Fraction("0.99"))])
    Fraction(4959, 5000)
    """
    pairs = list(components)
    total = sum((weight for weight, _ in pairs), Fraction(0))
    return sum((weight * share for weight, share in pairs), Fraction(0)) / total if total else None


def ceiling(targets: Iterable[Fraction]) -> Fraction:
    """The most that something can promise which cannot do without any of these.

    Their faults are taken to be independent; 1 when there are none.

    >>> float(round(ceiling([Fraction("0.999")] * 5), 5)), ceiling([])
    (0.99501, Fraction(1, 1))
    """
    return prod(targets, start=Fraction(1))
