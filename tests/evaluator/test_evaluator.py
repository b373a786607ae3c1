from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prober.errors import InputError
from prober.evaluator.given import JOURNAL, judged

Evaluator = Any


def refused(*options: str) -> str:
    """What an evaluator says that does not start."""
    command = [sys.executable, "-m", "prober", "evaluator", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.fixture
def contracts(tmp_path: Path, contract_text: Callable[..., str]) -> str:
    (tmp_path / "checkout.slo.yaml").write_text(contract_text())
    return str(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_within_5_s(
    number: signal.Signals, evaluator: Callable[..., Evaluator]
) -> None:
    judge = evaluator()
    with socket.create_connection(("127.0.0.1", int(judge.url.rpartition(":")[2]))) as half:
        half.sendall(b"POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
                     b"Content-Type: application/x-protobuf\r\n\r\n")  # fmt: skip
        judge.process.send_signal(number)
        began_s = time.monotonic()
        assert judge.process.wait(20) == 0
    assert time.monotonic() - began_s < 5
    assert "Traceback" not in judge.process.stdout.read()


def test_it_says_in_one_line_where_it_is(evaluator: Callable[..., Evaluator]) -> None:
    judge = evaluator()
    assert judge.ready == f"evaluator is ready on {judge.url}: 1 SLO\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.1", "example.com"])
def test_an_open_address_without_a_token_is_refused_with_the_mend(
    host: str, contracts: str, tmp_path: Path
) -> None:
    said = refused("--contracts", contracts, "--listen", f"{host}:0", "--data", str(tmp_path / "d"))
    assert "set PROBER_TOKEN, or listen on 127.0.0.1" in said


def test_an_address_in_use_is_refused_with_the_mend(contracts: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        said = refused("--contracts", contracts, "--listen", where, "--data", str(tmp_path / "d"))
    assert said.startswith(f"prober: {where}: ")
    assert said.endswith("give another --listen\n")


def test_a_second_evaluator_on_the_same_data_is_refused(
    evaluator: Callable[..., Evaluator],
) -> None:
    judge = evaluator()
    said = refused(
        "--contracts", str(judge.contracts), "--data", str(judge.data), "--listen", "127.0.0.1:0"
    )  # fmt: skip
    assert "another process writes this journal" in said


def test_every_problem_of_every_contract_is_told(
    tmp_path: Path, contract_text: Callable[..., str]
) -> None:
    (tmp_path / "a.slo.yaml").write_text(contract_text(target="101%"))
    (tmp_path / "b.slo.yaml").write_text(contract_text())
    (tmp_path / "c.slo.yaml").write_text(contract_text())
    with pytest.raises(InputError) as wrong:
        judged(tmp_path)
    first, second = map(str, wrong.value.problems)
    assert "a.slo.yaml:10: spec.objectives[0].target" in first
    assert second.endswith(f"the name checkout is taken by {tmp_path / 'b.slo.yaml'}, rename one")


def test_a_directory_without_contracts_is_refused(tmp_path: Path) -> None:
    assert "there is no *.slo.yaml in it" in refused("--contracts", str(tmp_path))
    assert "there is no such directory" in refused("--contracts", str(tmp_path / "nowhere"))


def test_a_damaged_journal_is_set_aside_and_the_page_says_so(
    evaluator: Callable[..., Evaluator], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / JOURNAL).write_bytes(b"this is no journal" * 1000)
    judge = evaluator()
    assert "The journal was damaged and set aside as" in judge.http.get("/").text
    assert "set aside" in judge.status()["note"]
