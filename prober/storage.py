"""Storage that several machines reach, by URL: a bucket, a server, a directory on a shared disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fsspec import get_filesystem_class
from fsspec.core import url_to_fs

from prober.errors import StorageError

#: What keeps objects by name. To "make a directory" there makes the bucket, where there is none:
#: one that nobody set up, because of a slip in its name.
_BUCKETS: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl"})


def usable(url: str) -> str:
    """A validator for the URL of a storage: whether anything here speaks it.

    Raises:
        ValueError: what is wrong, and the mend; without what may be a password in it.
    """
    scheme = urlsplit(url).scheme
    if not scheme or "://" not in url:
        raise ValueError("is no URL of a storage, write one such as s3://bucket/evidence")
    try:
        get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        raise ValueError(f"nothing here speaks {scheme}, {error}") from None
    return url


class Storage:
    """Files by name; safe to use from several threads, one at a time is served."""

    def __init__(self, url: str) -> None:
        """Nothing is asked yet.

        Args:
            url: of the directory, for fsspec; `usable`.
        """
        self._url = url
        self._turn = threading.Lock()
        self._has_directories = urlsplit(url).scheme not in _BUCKETS
        self._files: Any = None
        self._root = ""

    def __str__(self) -> str:
        """Where it is, without who asks."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def put(self, name: str, file: Path) -> None:
        """Write a file, over one of the same name.

        Raises:
            StorageError: it cannot be written now.
        """
        with self._asked() as files:
            target = f"{self._root}/{name}"
            if self._has_directories:
                files.makedirs(target.rpartition("/")[0], exist_ok=True)
            files.put_file(str(file), target)

    def read(self, name: str) -> bytes | None:
        """What a file holds; None: there is none of that name.

        Raises:
            StorageError: it cannot be read now.
        """
        with self._asked() as files:
            try:
                found: bytes = files.cat_file(f"{self._root}/{name}")
            except FileNotFoundError:
                return None
            return found

    @contextmanager
    def _asked(self) -> Iterator[Any]:
        """Who serves them; after an error, as of a connection that was cut, another one."""
        with self._turn:
            try:
                if self._files is None:
                    found, root = url_to_fs(self._url, skip_instance_cache=True)
                    self._files, self._root = found, root.rstrip("/")
                yield self._files
            except Exception as error:
                self._files = None
                raise StorageError(f"{self}: {type(error).__name__}: {error}") from error
