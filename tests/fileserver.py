"""A file server on another machine, as far as anybody can tell."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.conftest import wait_until

USER, PASSWORD = "prober", "correct-horse"


class FileServer:
    """An FTP server that keeps a directory, as long as the context lasts."""

    def __init__(self, directory: Path, port: int) -> None:
        self._directory, self._port = directory, port

    def __enter__(self) -> FileServer:
        self._directory.mkdir(exist_ok=True)
        options = ["-i", "127.0.0.1", "-p", str(self._port), "-d", str(self._directory), "-w"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pyftpdlib", *options, "-u", USER, "-P", PASSWORD],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
            return True
        return False
