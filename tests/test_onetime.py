"""One-time codes, as RFC 6238 has them and as sites write their seeds."""

from __future__ import annotations

import base64

import pytest

from prober.errors import SecretUnreadable
from prober.onetime import code_at

RFC_SEED = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("now_s", "digits"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
    ],
)
def test_codes_are_those_of_the_standard(now_s: int, digits: str) -> None:
    assert code_at(RFC_SEED, now_s).digits == digits


@pytest.mark.parametrize(
    "written", ["JBSWY3DPEHPK3PXP", "jbsw y3dp ehpk 3pxp", "JBSWY3DP-EHPK3PXP=="]
)
def test_a_seed_is_taken_as_sites_show_it_short_ones_too(written: str) -> None:
    assert code_at(written, 0).digits == "282760"


def test_it_is_told_how_long_a_code_is_good() -> None:
    assert code_at(RFC_SEED, 60)[1:] == (30, 30)
    assert code_at(RFC_SEED, 89)[1:] == (1, 30)


def test_what_is_no_seed_is_not_shown() -> None:
    with pytest.raises(SecretUnreadable, match="is no secret of one-time codes") as caught:
        code_at("correct-horse-1", 0)
    assert "horse" not in str(caught.value)
