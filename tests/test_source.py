"""A secret in a file: what is read of it, and what is refused."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from prober.config import load_region
from prober.errors import InputError, SecretUnreadable
from prober.source import LARGEST, of_file

REGION = "region: here\nbase_url: https://shop.example\nsecrets: {shop_key: {file: KEY}}\n"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"correct-horse", "correct-horse"),
        (b"correct-horse\n", "correct-horse"),
        (b"correct-horse\r\n", "correct-horse"),
        (b"correct-horse\n\n", "correct-horse\n"),
        (b" correct\nhorse \n", " correct\nhorse "),
        ("pässwört\n".encode(), "pässwört"),
    ],
)
def test_a_file_holds_a_secret_and_one_line_end(tmp_path: Path, written: bytes, read: str) -> None:
    (tmp_path / "key").write_bytes(written)
    assert of_file(tmp_path / "key") == read


@pytest.mark.parametrize(
    ("written", "what"),
    [
        (b"", "the secret is shorter than 6 characters"),
        (b"short\n", "the secret is shorter than 6 characters"),
        (b"\xff\xfe\x00\x01 and so on", "its file holds no UTF-8 text"),
        (b"x" * (LARGEST + 1), "its file holds more than 65536 bytes"),
    ],
)
def test_what_cannot_be_a_secret_is_refused(tmp_path: Path, written: bytes, what: str) -> None:
    (tmp_path / "key").write_bytes(written)
    with pytest.raises(SecretUnreadable, match=what):
        of_file(tmp_path / "key")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gone", "No such file or directory"),
        ("x" * 300, "File name too long"),
        ("key\0", "its name is none"),
    ],
    ids=["none", "too long", "not a name"],
)
def test_a_file_that_cannot_be_opened_is_named_with_why(
    tmp_path: Path, name: str, why: str
) -> None:
    with pytest.raises(SecretUnreadable) as caught:
        of_file(tmp_path / name)
    assert (caught.value.what, caught.value.mend) == (
        f"its file cannot be read ({why})",
        "name a text file that this user may read",
    )


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_file_that_cannot_even_be_looked_at_is_one_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(path: Path, **_: object) -> object:
        raise OSError(number, os.strerror(number), str(path))

    (tmp_path / "key").write_text("correct-horse")
    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(SecretUnreadable) as caught:
        of_file(tmp_path / "key")
    assert caught.value.what == f"its file cannot be read ({os.strerror(number)})"


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(SecretUnreadable, match="its file is no regular file"):
            of_file(path)


def region_of(directory: Path, secret: str) -> Path:
    (directory / "key").write_text(secret)
    return region_with(directory, directory / "key")


def region_with(directory: Path, key: Path) -> Path:
    (directory / "here.yaml").write_text(REGION.replace("KEY", str(key)))
    return directory / "here.yaml"


def test_a_file_that_cannot_be_looked_at_is_told_with_its_place(tmp_path: Path) -> None:
    path = region_with(tmp_path, tmp_path / ("x" * 300))
    with pytest.raises(InputError) as caught:
        load_region(path)
    assert str(caught.value) == (
        f"{path}:3: secrets.shop_key: its file cannot be read (File name too long), "
        "name a text file that this user may read"
    )


def test_a_short_secret_of_a_file_is_refused_with_its_place(tmp_path: Path) -> None:
    path = region_of(tmp_path, "short\n")
    with pytest.raises(InputError) as caught:
        load_region(path)
    assert str(caught.value) == (
        f"{path}:3: secrets.shop_key: the secret is shorter than 6 characters: "
        "it could not be kept out of reports, use a longer one"
    )


def test_a_file_that_every_user_may_read_is_told(tmp_path: Path) -> None:
    region = load_region(region_of(tmp_path, "correct-horse"))
    (tmp_path / "key").chmod(0o640)
    assert region.exposed == []
    (tmp_path / "key").chmod(0o644)
    assert [str(problem) for problem in region.exposed] == [
        f"{tmp_path / 'here.yaml'}:3: secrets.shop_key: every user of this machine may read the "
        f"secret's file, chmod o-r {tmp_path / 'key'}"
    ]
