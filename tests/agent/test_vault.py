"""Secrets as they are now: read for each run, kept out of every text, and told when they fail."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from prober import logged
from prober.agent.pool import Pool
from prober.agent.vault import Origin, Unread, Vault
from prober.agent.watch import Order
from prober.model import Cause, Kind, Outcome, Run, RunId
from prober.origin import SecretSource
from tests.agent.test_worker import ours
from tests.faults.bench import Bench

ASKS = """
    def asks(http: httpx.Client):
        with step("ask"):
            assert http.get("/json", headers={"x-key": secret("key")}).json()["ok"]
            raise AssertionError("it is " + secret("key"))
"""


def in_file(path: Path) -> SecretSource:
    return SecretSource(file=path)


def counting(directory: Path, keep: str = "1h") -> SecretSource:
    """A command that prints another secret each time."""
    count = directory / "count"
    code = (
        f"open({str(count)!r}, 'a').write('x'); print('secret-', len(open({str(count)!r}).read()))"
    )
    command = (sys.executable, "-c", code)
    return SecretSource.model_validate({"command": command, "keep": keep})


def read(vault: Vault, *names: str) -> dict[str, str]:
    return asyncio.run(vault.read(names))


def test_a_text_is_itself_and_what_is_not_there_is_left_out() -> None:
    vault = Vault({"key": "correct-horse", "other": "another-horse"})
    assert read(vault, "key", "missing") == {"key": "correct-horse"}


def test_a_file_is_read_each_time_and_what_was_in_it_stays_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logged, "_hiding", [])
    (tmp_path / "key").write_text("correct-horse\n")
    vault = Vault({"key": in_file(tmp_path / "key")})
    assert read(vault, "key") == {"key": "correct-horse"}
    (tmp_path / "key").write_text("another-horse\n")
    assert read(vault, "key") == {"key": "another-horse"}
    assert vault.redactor.text("correct-horse another-horse") == "[key] [key]"
    assert logged.hidden("correct-horse another-horse") == "[key] [key]"
    after = Vault({"key": "a-third-horse"}, vault)
    assert after.redactor.text("correct-horse a-third-horse") == "[key] [key]"


def test_what_a_command_printed_is_used_for_as_long_as_was_said(tmp_path: Path) -> None:
    kept = Vault({"key": counting(tmp_path)})
    assert [read(kept, "key")["key"] for _ in range(2)] == ["secret- 1", "secret- 1"]
    short = Vault({"key": counting(tmp_path, keep="1ms")})
    assert [read(short, "key")["key"] for _ in range(2)] == ["secret- 2", "secret- 3"]


def test_runs_that_want_a_secret_at_once_ask_the_command_once(tmp_path: Path) -> None:
    vault = Vault({"key": counting(tmp_path)})

    async def both() -> list[dict[str, str]]:
        return await asyncio.gather(vault.read(["key"]), vault.read(["key"]))

    assert asyncio.run(both()) == [{"key": "secret- 1"}] * 2
    assert (tmp_path / "count").read_text() == "x"


@pytest.mark.parametrize("name", ["gone", "x" * 300], ids=["gone", "not to be looked at"])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    vault = Vault({"key": in_file(tmp_path / name)})
    with pytest.raises(Unread) as caught:
        read(vault, "key")
    assert (caught.value.name, caught.value.why.mend) == (
        "key",
        "name a text file that this user may read",
    )


def runs(bench: Bench, secrets: Mapping[str, Origin], *between: Callable[[], object]) -> list[Run]:
    """Runs of a journey that fails with its secret, with something done before each."""
    journey = bench.journey(ASKS, options="secrets=['key']")
    around = replace(bench.settings.around, secrets=secrets)

    async def story() -> list[Run]:
        pool, found = Pool(replace(bench.settings, around=around)), []
        for number, act in enumerate(between):
            act()
            id_ = RunId(journey.name, "here", number, 1, Kind.MANUAL)
            found.append(await pool.run(Order(id=id_, journey=journey)))
        assert pool.live <= 1
        assert pool.renewed["inconclusive"] == 0
        await pool.stop()
        return found

    return bench.do(story())


def test_each_run_has_the_secret_of_now_and_one_without_is_nobodys_fault(
    bench: Bench, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    secrets = {"key": in_file(key)}
    asked = len(bench.site.asked)
    first, second, third, fourth = runs(
        bench,
        secrets,
        lambda: key.write_text("correct-horse"),
        lambda: key.write_text("another-horse"),
        key.unlink,
        lambda: key.write_text("a-third-horse"),
    )
    sent = [each.headers.get("x-key") for each in bench.site.asked[asked:]]
    assert sent == ["correct-horse", "another-horse", "a-third-horse"]
    for run in (first, second, fourth):
        assert (run.outcome, run.message) == (Outcome.FAILED, "it is [key]")
    assert ours(third) == Cause.SECRETS
    assert third.message is not None
    assert third.message.endswith(
        ": secrets.key: its file cannot be read (No such file or directory), "
        "name a text file that this user may read"
    )
    assert third.steps == ()
