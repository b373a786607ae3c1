"""An account: what it gives, on stage and outside of a run."""

from __future__ import annotations

import pyotp
import pytest

from prober.account import account
from prober.agent.recorder import Recorder
from prober.errors import SecretMissing, SecretUnreadable
from prober.journey import on_stage

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def recorder(**values: str) -> Recorder:
    named = {f"shopper.{name}": value for name, value in values.items()}
    return Recorder(lambda event: None, named | {"bookshopper.user": "x"}, ())


def test_on_stage_it_is_the_runs_and_shows_none_of_it() -> None:
    with on_stage(recorder(user="ada-one", password="correct-horse", totp=SEED)):
        found = account("shopper")
    assert (found.name, found.user, found.password) == ("shopper", "ada-one", "correct-horse")
    assert repr(found) == "Account(name='shopper')"
    clock = pyotp.TOTP(SEED)
    before, code, after = clock.now(), found.code(), clock.now()
    assert code in (before, after)


def test_one_that_the_journey_does_not_name_is_missing_with_the_mend() -> None:
    with on_stage(recorder()), pytest.raises(SecretMissing, match=r"add it to @journey\(accounts"):
        account("shopper")


def test_outside_a_run_it_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SecretMissing, match="set PROBER_ACCOUNT_SHOPPER_USER and PROBER_ACCOUNT_"):
        account("shopper")
    monkeypatch.setenv("PROBER_ACCOUNT_SHOPPER_USER", "ada-one")
    monkeypatch.setenv("PROBER_ACCOUNT_SHOPPER_PASSWORD", "correct-horse")
    found = account("shopper")
    assert (found.user, found.password, found.totp) == ("ada-one", "correct-horse", None)


def test_a_second_factor_that_is_not_there_or_none_is_told() -> None:
    with on_stage(recorder(user="ada-one", password="correct-horse")):
        plain = account("shopper")
    with pytest.raises(SecretMissing, match="account 'shopper' has no totp"):
        plain.code()
    with on_stage(recorder(user="ada-one", password="correct-horse", totp="not base32!")):
        odd = account("shopper")
    with pytest.raises(SecretUnreadable, match="account 'shopper' "):
        odd.code()
