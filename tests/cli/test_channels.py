"""`prober channels test`, `prober check` and `prober silence` as somebody types them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.evaluator.hearing import Alertmanager, Receiver
from tests.evaluator.office import Office


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    there = Receiver()
    yield there
    there.close()


def prober(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prober", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_channel_is_tried_by_all_its_ways_and_each_answer_is_told(
    receiver: Receiver, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    real = Alertmanager(tmp_path_factory.mktemp("alertmanager"), receiver.url)
    refusing = Receiver()
    refusing.status = 403
    (tmp_path / "channels.yaml").write_text(
        "channels:\n  oncall:\n"
        f"    - webhook: {receiver.url}\n"
        f"    - {{webhook: {refusing.url}, name: other}}\n"
        f"    - alertmanager: {real.url}\n"
        f"    - apprise: json://127.0.0.1:{receiver.port}/\n"
    )
    done = prober(tmp_path, "channels", "test", "oncall")
    assert done.stdout.splitlines() == [
        "oncall.webhook: took it",
        "oncall.other: 403",
        "oncall.alertmanager: took it",
        "oncall.apprise: took it",
    ]
    assert done.returncode == 1
    assert list(real.firing()) == [("test",)]
    assert receiver.heard[0].body["title"] == "[ticket] test: this is a test"
    real.close()
    refusing.close()
    unknown = prober(tmp_path, "channels", "test", "oncal")
    assert (unknown.returncode, unknown.stderr) == (
        2,
        "prober: there is no channel 'oncal', did you mean oncall?\n",
    )


def test_check_reads_the_channels_and_says_of_what_nobody_is_told(
    receiver: Receiver, tmp_path: Path
) -> None:
    for name in ("journeys", "regions"):
        shutil.copytree(ROOT / name, tmp_path / name)
    file = tmp_path / "channels.yaml"
    file.write_text(f"channels: {{payments: [webhook: {receiver.url}]}}\n")
    done = prober(tmp_path, "check")
    assert done.returncode == 2
    assert "checkout.slo.yaml:21: spec.alerts.routes.page: there is no channel" in done.stderr
    named = ("accounts", "oncall-accounts", "payments", "oncall-payments")
    each = "".join(f"  {name}: [webhook: {receiver.url}]\n" for name in named)
    file.write_text(f"channels:\n{each}")
    found = json.loads(prober(tmp_path, "check", "--json").stdout)
    assert found["channels"] == {"names": {name: ["webhook"] for name in named}, "warnings": []}
    contract = tmp_path / "journeys" / "login.slo.yaml"
    contract.write_text(contract.read_text().replace("page: oncall-accounts, ", ""))
    done = prober(tmp_path, "check")
    assert done.returncode == 0, done.stderr
    assert "warning: journeys/login.slo.yaml:20: spec.alerts.routes: nobody is told" in done.stdout
    file.write_text("channels: {oncall: [webhook: nowhere]}\n")
    wrong = prober(tmp_path, "check")
    assert wrong.returncode == 2
    assert "channels.yaml:1: channels.oncall[0].webhook: 'nowhere' is not" in wrong.stderr


def test_a_silence_is_added_listed_and_ended_by_hand(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.live()
    office.close()
    here = ("--journal", str(tmp_path / "journal.db"), "--contracts", str(tmp_path / "contracts"))
    who = ("--by", "ann", "--reason", "a new database")
    added = prober(tmp_path, "silence", "add", "--slo", "checkout", "--for", "2h", *who, *here)
    assert added.returncode == 0, added.stderr
    assert "checkout: a new database (by ann), holds now" in added.stdout
    name = added.stdout.split()[0]
    assert name in prober(tmp_path, "silence", "list", *here).stdout
    ended = prober(tmp_path, "silence", "end", name, "--by", "bob", *here)
    assert ended.stdout == f"{name} is ended\n"
    assert ", ended " in prober(tmp_path, "silence", "list", *here).stdout
    refused = prober(tmp_path, "silence", "add", "--for", "2h", *who, *here)
    assert "nothing says what it is about, name an SLO or a journey" in refused.stderr
