"""A share of a budget that is kept back, and until when."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from prober.slo.reservation import Reservation, reserved

LAUNCH = Reservation(
    id="r1",
    slo="checkout",
    share=Fraction(1, 3),
    reason="the launch",
    reserved_ms=1_000,
    until_ms=5_000,
)
FOR_EVER = replace(LAUNCH, id="r2", share=Fraction(1, 4), until_ms=None)


def test_it_holds_until_its_time_comes_and_no_longer() -> None:
    assert LAUNCH.holds(4_999)
    assert not LAUNCH.holds(5_000)
    assert FOR_EVER.holds(2**53)


def test_what_is_kept_back_is_the_sum_of_what_holds() -> None:
    assert reserved([LAUNCH, FOR_EVER], 4_999) == Fraction(7, 12)
    assert reserved([LAUNCH, FOR_EVER], 5_000) == Fraction(1, 4)
    assert repr(reserved([], 0)) == "Fraction(0, 1)"


def test_the_log_keeps_it_exactly() -> None:
    for each in (LAUNCH, FOR_EVER):
        body = each.to_dict()
        assert "id" not in body
        assert Reservation.from_dict(each.id, body) == each
    assert LAUNCH.to_dict()["share"] == "1/3"
