"""Accounts are one run's at a time: in this process, in another, and after a crash."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from prober.agent.accounts import Accounts, Lease
from prober.agent.allowance import NoCapacity
from prober.agent.vault import Origin, Unread, Vault
from prober.model import Cause, Outcome
from prober.origin import SecretSource
from tests.faults.bench import Bench, Site, ours

SITE = "https://shop.example"
#: Leases an account and says so, until it is killed.
HOLDER = """
import asyncio, sys, time
from pathlib import Path
from tests.agent.test_accounts import pools
lease = asyncio.run(pools(Path(sys.argv[1]), "ada-one").lease(["shopper"], 5))
print(*lease.digests.values(), flush=True)
time.sleep(600)
"""


def pools(directory: Path | None, *users: str, target: str = SITE, **more: str) -> Accounts:
    """A pool `shopper` of some users, and one of a user each."""
    given: dict[str, list[str]] = {"shopper": list(users)}
    given |= {pool: [user] for pool, user in more.items()}
    origins: dict[str, Origin] = {}
    for pool, names in given.items():
        for index, user in enumerate(names):
            origins[f"{pool}[{index}].user"] = user
            origins[f"{pool}[{index}].password"] = f"password of {user}"
    fields = {
        pool: tuple(
            (f"{pool}[{index}].user", f"{pool}[{index}].password") for index in range(len(names))
        )
        for pool, names in given.items()
    }
    return Accounts(fields, Vault(origins), target, directory)


def lease(of: Accounts, *names: str, within_s: float = 0.0, **wanted: str) -> Lease:
    return asyncio.run(of.lease(names or ["shopper"], within_s, wanted))


def test_a_lease_gives_what_the_account_has_as_secrets(tmp_path: Path) -> None:
    found = lease(pools(tmp_path, "ada-one"))
    assert found.values == {"shopper.user": "ada-one", "shopper.password": "password of ada-one"}
    assert "ada-one" not in repr(found)
    found.release()


def test_no_two_runs_have_the_same_account(tmp_path: Path) -> None:
    one, other = pools(tmp_path, "ada-one", "ada-two"), pools(tmp_path, "ada-two", "ada-one")
    first, second = lease(one), lease(other)
    assert {first.values["shopper.user"], second.values["shopper.user"]} == {"ada-one", "ada-two"}
    with pytest.raises(NoCapacity, match="no account of shopper came free in time"):
        lease(one, within_s=0.1)
    first.release()
    first.release()
    assert lease(one).digests == first.digests


def test_the_same_login_in_another_pool_is_the_same_account(tmp_path: Path) -> None:
    both = pools(tmp_path, "ada-one", reader="ada-one")
    held = lease(both)
    with pytest.raises(NoCapacity):
        lease(both, "reader")
    held.release()
    with pytest.raises(NoCapacity):  # a run cannot share it with itself either
        lease(both, "shopper", "reader")
    lease(both, "reader").release()


def test_at_another_target_it_is_another_account(tmp_path: Path) -> None:
    first = lease(pools(tmp_path, "ada-one"))
    second = lease(pools(tmp_path, "ada-one", target="https://staging.example"))
    assert first.digests != second.digests


def test_who_gets_only_one_of_two_holds_none(tmp_path: Path) -> None:
    both = pools(tmp_path, "ada-one", admin="grace-h")
    held = lease(both, "admin")
    with pytest.raises(NoCapacity, match="of shopper, admin"):
        lease(both, "shopper", "admin")
    assert lease(both).values["shopper.user"] == "ada-one"
    held.release()


def test_who_waits_gets_the_account_when_it_is_released(tmp_path: Path) -> None:
    one = pools(tmp_path, "ada-one")

    async def story() -> float:
        held = await one.lease(["shopper"], 0)
        waiting = asyncio.create_task(one.lease(["shopper"], 30))
        asyncio.get_running_loop().call_later(0.2, held.release)
        began = time.monotonic()
        await waiting
        return time.monotonic() - began

    assert 0.1 < asyncio.run(story()) < 10


def test_the_account_that_is_wanted_is_taken_when_it_is_free(tmp_path: Path) -> None:
    two = pools(tmp_path, "ada-one", "ada-two")
    second = lease(pools(tmp_path, "ada-two"))
    digest = second.digests["shopper"]
    second.release()
    found = lease(two, shopper=digest)
    assert found.digests == {"shopper": digest}
    assert lease(two, shopper=digest).values["shopper.user"] == "ada-one"


def test_what_was_made_with_an_account_waits_for_it_as_long_as_there_is_one(
    tmp_path: Path,
) -> None:
    held = lease(pools(tmp_path, "ada-one", "ada-two"))
    mine = held.digests["shopper"]
    [other] = held.known["shopper"] - {mine}
    assert held.fits({"shopper": mine})
    assert held.fits({})
    assert not held.fits({"shopper": other})
    assert held.fits({"shopper": "of an account that was taken out"})
    assert held.fits({"admin": "of a pool that the journey asks for no more"})


def test_a_user_name_that_cannot_be_read_is_told_by_its_place(tmp_path: Path) -> None:
    origins: dict[str, Origin] = {"shopper[0].user": SecretSource(file=tmp_path / "none")}
    one = Accounts({"shopper": (("shopper[0].user",),)}, Vault(origins), SITE, tmp_path / "locks")
    with pytest.raises(Unread, match=r"shopper\[0\]\.user: its file cannot be read"):
        lease(one)


def test_a_process_that_is_killed_gives_its_account_back(tmp_path: Path) -> None:
    here = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, env=here, text=True
    )
    assert holder.stdout
    try:
        digest = holder.stdout.readline().strip()
        with pytest.raises(NoCapacity):
            lease(pools(tmp_path, "ada-one"), within_s=0.1)
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    assert lease(pools(tmp_path, "ada-one"), within_s=5).digests == {"shopper": digest}


@pytest.fixture
def make_shopper(make_bench: Callable[..., Bench]) -> Callable[..., Bench]:
    """`make_shopper(*users)`: a bench whose region has a pool of these."""

    def make(*users: str) -> Bench:
        listed = (f"{{user: {user}, password: password of {user}}}" for user in users)
        return make_bench(f"accounts: {{shopper: [{', '.join(listed)}]}}")

    return make


ACCOUNT = """
    @journey(every="5m", timeout="10s", accounts=["shopper"])
    def signs_in(http: httpx.Client):
        me = account("shopper")
        with step("ask"):
            assert http.get("/json", headers={"x-user": me.user}).json()["ok"]
            assert me.password == f"password of {me.user}"
            print("signed in as", me.user)
"""


def users(site: Site) -> list[str]:
    """Who asked the site, in order."""
    return [asked.headers["x-user"] for asked in site.asked if "x-user" in asked.headers]


def test_a_run_has_an_account_to_itself_and_its_user_name_is_kept_out_of_texts(
    make_shopper: Callable[..., Bench], site: Site
) -> None:
    bench = make_shopper("ada-the-first")
    site.asked.clear()
    run = bench.run(ACCOUNT)
    assert run.outcome is Outcome.PASSED, run.message
    assert users(site) == ["ada-the-first"]
    broken = ACCOUNT.replace("print(", "assert not me.user, me.password  # (")
    run = bench.run(broken)
    assert (run.outcome, run.message) == (Outcome.FAILED, "[shopper[0].password]")


def test_a_journey_may_use_only_the_pools_that_it_names(
    make_shopper: Callable[..., Bench],
) -> None:
    run = make_shopper("ada-the-first").run(ACCOUNT.replace(', accounts=["shopper"]', ""))
    assert ours(run) == Cause.SECRETS
    assert "add it to @journey(accounts=[…])" in str(run.message)
