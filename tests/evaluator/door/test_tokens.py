"""Tokens in a file: kept as hashes, each good for its scopes, seen at once when they change."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prober.errors import ProberError
from prober.evaluator.door.tokens import PREFIX, TOKENS, Scope, TokenFile, fingerprint, scoped

MARK = frozenset({Scope.MARK})


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "data" / TOKENS)


def test_only_the_hash_of_a_token_is_kept_and_only_its_owner_reads_it(file: TokenFile) -> None:
    shown = file.create("ci", MARK, 7, 9)
    assert re.fullmatch(rf"{PREFIX}[\w-]{{43}}", shown)
    text = file.path.read_text()
    assert shown not in text
    assert json.loads(text)["tokens"] == [
        {"name": "ci", "scopes": ["mark"], "hash": fingerprint(shown), "created_ms": 7,
         "expires_ms": 9}
    ]  # fmt: skip
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.path.parent.iterdir()] == [TOKENS]


def test_a_token_is_found_by_what_is_shown_and_by_nothing_else(file: TokenFile) -> None:
    shown, other = file.create("ci", MARK, 1), file.create("cd", MARK, 1)
    assert shown != other
    found = file.find(shown)
    assert found is not None
    assert (found.name, found.scopes) == ("ci", MARK)
    for wrong in ("", shown[:-1], f"{shown}x", fingerprint(shown), "tök", "\ud800"):
        assert file.find(wrong) is None


def test_a_token_is_over_from_a_moment_on(file: TokenFile) -> None:
    file.create("ci", MARK, 1, 100)
    file.create("cd", MARK, 1)
    short, long = file.tokens()
    assert [short.expired(99), short.expired(100), long.expired(2**60)] == [False, True, False]


def test_what_another_process_changes_is_seen_at_once(file: TokenFile) -> None:
    elsewhere = TokenFile(file.path)
    assert not file.is_there
    shown = elsewhere.create("ci", MARK, 1)
    assert file.find(shown)
    elsewhere.revoke("ci")
    assert file.find(shown) is None
    assert file.is_there


def test_those_who_make_tokens_together_lose_none(file: TokenFile) -> None:
    """Each with a file of its own, as commands would that several people run."""

    def make(who: str) -> None:
        mine = TokenFile(file.path)
        for n in range(15):
            mine.create(f"{who}-{n}", MARK, n)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(make, ["one", "two", "three"]))
    assert len(file.tokens()) == 45


@pytest.mark.parametrize("name", ["", "CI", "a b", "-ci", "ci-", "x" * 64, "PROBER_TOKEN", "ü"])
def test_a_name_is_short_and_plain(name: str, file: TokenFile) -> None:
    with pytest.raises(ProberError, match=r"is not a name, write up to 63 of a-z"):
        file.create(name, MARK, 1)
    assert not file.is_there


def test_a_name_is_taken_once_and_can_be_revoked_once(file: TokenFile) -> None:
    file.create("ci", MARK, 1)
    with pytest.raises(ProberError, match="there is a token ci already, revoke it"):
        file.create("ci", MARK, 1)
    file.revoke("ci")
    file.create("cd", MARK, 1)
    with pytest.raises(ProberError, match="there is no token 'ci', write cd"):
        file.revoke("ci")


def test_scopes_are_given_together_or_one_by_one() -> None:
    assert scoped(["mark, gate", "read"]) == {Scope.MARK, Scope.GATE, Scope.READ}
    with pytest.raises(ProberError, match=r"there is no scope 'marc', did you mean mark\?"):
        scoped(["gate,marc"])
    with pytest.raises(ProberError, match="good for nothing, name some of ingest, gate"):
        scoped([" , "])


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"tokens": [{}]}', '{"tokens": 7}', '{"tokens": [{"name": "ci"}]}']
)
def test_a_file_that_cannot_be_read_holds_no_token_and_says_so_once(
    text: str, file: TokenFile
) -> None:
    shown = file.create("ci", MARK, 1)
    assert file.find(shown)
    whole = file.path.read_text()
    file.path.write_text(text)
    with pytest.raises(ProberError, match="is not a file of tokens"):
        file.find(shown)
    assert file.find(shown) is None
    with pytest.raises(ProberError, match="is not a file of tokens"):
        file.create("cd", MARK, 1)
    assert file.path.read_text() == text
    file.path.write_text(f"{whole}\n")
    assert file.find(shown)


def test_where_there_can_be_no_file_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(ProberError, match="cannot be written: "):
        TokenFile(tmp_path / "data" / TOKENS).create("ci", MARK, 1)
