"""Servers that keep files, on another machine as far as anybody can tell."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.conftest import wait_until

USER, PASSWORD = "prober", "correct-horse"


@contextmanager
def file_server(directory: Path, port: int) -> Iterator[None]:
    """An FTP server that keeps a directory."""
    directory.mkdir(exist_ok=True)
    options = ["-i", "127.0.0.1", "-p", str(port), "-d", str(directory), "-w"]
    with _serving(port, "pyftpdlib", *options, "-u", USER, "-P", PASSWORD):
        yield


@contextmanager
def bucket_server(port: int) -> Iterator[None]:
    """A server that speaks S3 and keeps its buckets in memory."""
    with _serving(port, "moto.server", "-H", "127.0.0.1", "-p", str(port)):
        yield


def bucket_environ(port: int) -> dict[str, str]:
    """How clients find that server, and what they show it."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": USER,
        "AWS_SECRET_ACCESS_KEY": PASSWORD,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@contextmanager
def _serving(port: int, module: str, *arguments: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _answers(port))
        yield
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
