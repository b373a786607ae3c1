"""A storage takes files and gives them back, also after it was away."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from prober.errors import StorageError
from prober.storage import Storage, usable
from tests.conftest import unused_port
from tests.fileserver import bucket_environ, bucket_server, file_server

NAME = "N9Qkbu_qneIY-08D/trace.zip"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "here").write_bytes(b"trace")
    return tmp_path / "here"


def test_a_directory_keeps_files(tmp_path: Path, file: Path) -> None:
    storage = Storage(f"file://{tmp_path}/there")
    assert storage.read(NAME) is None
    storage.put(NAME, file)
    file.write_bytes(b"another")
    storage.put(NAME, file)
    assert storage.read(NAME) == b"another"
    assert (tmp_path / "there" / NAME).read_bytes() == b"another"


def test_a_server_keeps_files_and_may_be_away_meanwhile(tmp_path: Path, file: Path) -> None:
    port = unused_port()
    storage = Storage(f"ftp://prober:correct-horse@127.0.0.1:{port}/evidence")
    with pytest.raises(StorageError, match=f"^ftp://127.0.0.1:{port}/evidence: ") as away:
        storage.put(NAME, file)
    assert "correct-horse" not in str(away.value)
    with file_server(tmp_path / "there", port):
        assert storage.read(NAME) is None
        storage.put(NAME, file)
    with pytest.raises(StorageError):
        storage.read(NAME)
    with file_server(tmp_path / "there", port):
        assert storage.read(NAME) == b"trace"


def test_a_bucket_keeps_files_and_one_that_is_not_there_is_not_made(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = unused_port()
    for name, value in bucket_environ(port).items():
        monkeypatch.setenv(name, value)
    url = usable("s3://evidence/prober")
    storage = Storage(url)
    with bucket_server(port):
        with pytest.raises(StorageError, match=f"^{url}: FileNotFoundError: .*bucket"):
            storage.put(NAME, file)
        assert "<Name>evidence" not in httpx.get(f"http://127.0.0.1:{port}/").text
        httpx.put(f"http://127.0.0.1:{port}/evidence").raise_for_status()
        assert storage.read(NAME) is None
        storage.put(NAME, file)
        file.write_bytes(b"another")
        storage.put(NAME, file)
        assert storage.read(NAME) == b"another"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("/srv/evidence", "is no URL of a storage, write one such as s3://bucket/evidence"),
        ("gopher://hole", "nothing here speaks gopher, "),
    ],
)
def test_what_nothing_here_speaks_is_refused(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}"):
        usable(url)
