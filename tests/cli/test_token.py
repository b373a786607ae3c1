"""`prober token`: made once, listed without what it is, revoked, and noted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from prober.cli import token
from prober.errors import ProberError
from prober.evaluator.audit import AUDIT, AuditLog, Kind
from prober.evaluator.door.tokens import TOKENS, Scope, TokenFile


def prober(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prober", "token", *arguments, "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_token_is_printed_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    data = tmp_path / "not there yet"
    made = prober(data, "create", "--name", "ci", "--scope", "gate,mark", "--expires", "90d")
    assert made.returncode == 0, made.stderr
    (shown,) = made.stdout.splitlines()
    assert "nothing shows it again" in made.stderr
    token = TokenFile(data / TOKENS).find(shown)
    assert token is not None
    assert token.scopes == {Scope.GATE, Scope.MARK}
    assert token.expires_ms == token.created_ms + 90 * 86_400_000
    for file in data.iterdir():
        assert shown not in file.read_text()


def test_tokens_are_listed_revoked_and_noted(tmp_path: Path) -> None:
    assert prober(tmp_path, "list").stdout == "there is no token\n"
    scopes = ("--scope", "mark", "--scope", "read")
    made = json.loads(prober(tmp_path, "create", "--name", "ci", *scopes, "--json").stdout)
    assert made["token"].startswith("prober-")
    assert made["scopes"] == ["mark", "read"]
    line = prober(tmp_path, "list").stdout
    assert line.startswith("ci: mark, read; since 20")
    assert line.endswith("Z, for ever\n")
    listed = json.loads(prober(tmp_path, "list", "--json").stdout)
    assert listed == {"tokens": [{key: made[key] for key in made if key != "token"}]}
    assert prober(tmp_path, "revoke", "ci").stdout == "ci is revoked\n"
    assert prober(tmp_path, "list").stdout == "there is no token\n"
    log = AuditLog.open(tmp_path / AUDIT)
    noted = [(entry.body["change"], entry.body["name"]) for entry in log.entries(Kind.TOKEN)]
    assert noted == [("created", "ci"), ("revoked", "ci")]
    assert "hash" not in log.entries(Kind.TOKEN)[0].body


def test_a_token_that_is_over_is_listed_as_such(tmp_path: Path) -> None:
    TokenFile(tmp_path / TOKENS).create("old", frozenset({Scope.READ}), 1, 1000)
    listed = prober(tmp_path, "list").stdout
    assert listed.endswith("until 1970-01-01T00:00:01Z, which is over\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "--name", "CI", "--scope", "mark"), "'CI' is not a name"),
        (("create", "--name", "ci", "--scope", "marc"), "there is no scope 'marc', did you mean"),
        (("create", "--name", "ci", "--scope", "mark", "--expires", "soon"), "--expires: 'soon'"),
        (("revoke", "ci"), "there is no token 'ci'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    said = prober(tmp_path, *arguments)
    assert (said.returncode, said.stdout) == (2, "")
    (line,) = said.stderr.splitlines()
    assert message in line


def test_no_token_is_made_beside_a_log_that_cannot_take_it(tmp_path: Path) -> None:
    for n in range(2):
        AuditLog.open(tmp_path / AUDIT).append(Kind.DEPLOY, {"n": n}, 1)
    (tmp_path / AUDIT).with_suffix(".head").unlink()
    for _ in range(2):
        said = prober(tmp_path, "create", "--name", "ci", "--scope", "mark")
        assert (said.returncode, said.stdout) == (2, "")
        assert "audit.head is gone" in said.stderr
    assert not (tmp_path / TOKENS).exists()


def test_a_token_that_cannot_be_noted_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise ProberError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(AuditLog, "append", full)
        with pytest.raises(ProberError, match="the disk is full"):
            token.create(name="ci", scope=["mark"], data=tmp_path)
    assert TokenFile(tmp_path / TOKENS).tokens() == ()
    assert prober(tmp_path, "create", "--name", "ci", "--scope", "mark").returncode == 0


def test_a_token_is_revoked_also_beside_a_log_that_cannot_take_it(tmp_path: Path) -> None:
    TokenFile(tmp_path / TOKENS).create("ci", frozenset({Scope.MARK}), 1)
    (tmp_path / AUDIT).write_text("no log\n")
    said = prober(tmp_path, "revoke", "ci")
    assert (said.returncode, "line 1 was changed" in said.stderr) == (2, True)
    assert TokenFile(tmp_path / TOKENS).tokens() == ()
