"""A secret in a file: what is read of it, and what is refused."""

from __future__ import annotations

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


def region_of(directory: Path, secret: str) -> Path:
    (directory / "key").write_text(secret)
    (directory / "here.yaml").write_text(REGION.replace("KEY", str(directory / "key")))
    return directory / "here.yaml"


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
