"""Hosts that a region's network leads to, and a network that can be cut from them."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import formatdate
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.listening import Listener, Request

#: The type of an address of the fourth version in a query.
_IPV4 = b"\0\1"


class Host(Listener):
    """A web server that has nothing to do with the target."""

    #: Each request has a connection of its own: none is answered when it is gone.
    protocol = "HTTP/1.0"
    #: By how much its clock is ahead of this machine's; None: it tells no time.
    ahead_s: float | None = 0.0

    def answer(self, request: Request, status: int) -> dict[str, str]:
        """With the time, if it tells it."""
        told = super().answer(request, status)
        if self.ahead_s is None:
            return told
        return {"Date": formatdate(time.time() + self.ahead_s, usegmt=True), **told}

    @property
    def place(self) -> str:
        """Where it is, without the web."""
        return f"tcp://{self.address}:{self.port}"


class Resolver:
    """A name server over UDP that knows some names or none, says that it failed, or nothing."""

    def __init__(self, address: str, names: Mapping[str, str] = MappingProxyType({})) -> None:
        #: Addresses by name; any other does not exist.
        self.names = dict(names)
        self.speaks = self.works = True
        self.asked = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        self._socket.settimeout(0.05)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                query, sender = self._socket.recvfrom(512)
                self.asked += 1
                if self.speaks:
                    self._socket.sendto(self._reply(query), sender)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _reply(self, query: bytes) -> bytes:
        """To a query, as RFC 1035 has it: an address, or the code of what is wrong."""
        number, _, questions = struct.unpack(">HHH", query[:6])
        end = query.index(b"\0", 12) + 5  # of the name, and its type and class
        address = self.names.get(_name(query))
        code = 0x8182 if not self.works else 0x8180 if address else 0x8183
        is_told = code == 0x8180 and query[end - 4 : end - 2] == _IPV4
        head = struct.pack(">HHHHHH", number, code, questions, int(is_told), 0, 0)
        if not (address and is_told):
            return head + query[12:end]
        packed = ip_address(address).packed
        record = struct.pack(">HHHIH", 0xC00C, 1, 1, 0, len(packed)) + packed
        return head + query[12:end] + record


def _name(query: bytes) -> str:
    labels, at = [], 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels).lower()


class Network:
    """A network namespace with one link to this one, and a resolver of its own."""

    def __init__(self) -> None:
        self.name = f"prober-{os.getpid()}"
        part = os.getpid() % 2**14  # whoever tests beside us has another
        self._net = f"10.213.{part // 64}.{part % 64 * 4}"
        #: This end of the link, and the other.
        self.here, self.there = (str(ip_address(self._net) + end) for end in (1, 2))
        self._link = f"pr{os.getpid() % 10**8}"

    def make(self) -> None:
        """Raises OSError or SubprocessError where it may not be made."""
        _ip("netns", "add", self.name)
        inside = f"{self._link}i"
        _ip("link", "add", self._link, "type", "veth", "peer", "name", inside)
        _ip("link", "set", inside, "netns", self.name, "name", "eth0")
        _ip("address", "add", f"{self.here}/30", "dev", self._link)
        _ip("link", "set", self._link, "up")
        _ip("-n", self.name, "address", "add", f"{self.there}/30", "dev", "eth0")
        _ip("-n", self.name, "link", "set", "lo", "up")
        self.mend()
        self._files = Path("/etc/netns") / self.name
        self._files.mkdir(parents=True)
        self.ask_names("timeout:1 attempts:1")

    def ask_names(self, options: str = "") -> None:
        """Have the resolver outside asked; without options as patiently as is usual, for 10 s."""
        text = f"nameserver {self.here}\n" + (f"options {options}\n" if options else "")
        (self._files / "resolv.conf").write_text(text)

    def cut(self) -> None:
        """Take its only link down: no packet finds a way out."""
        _ip("-n", self.name, "link", "set", "eth0", "down")

    def unplug(self) -> None:
        """Pull the other end: the routes stay, and lead nowhere."""
        _ip("link", "set", self._link, "down")

    def mend(self) -> None:
        _ip("-n", self.name, "link", "set", "eth0", "up")
        _ip("link", "set", self._link, "up")

    @contextmanager
    def blocked(self, kind: str) -> Iterator[None]:
        """No packet gets through: `blackhole` drops them, `unreachable` refuses."""
        route = (kind, f"{self.here}/32")
        _ip("-n", self.name, "route", "add", *route)
        try:
            yield
        finally:
            _ip("-n", self.name, "route", "delete", *route)

    def command(self, *words: str) -> list[str]:
        """A command that runs inside of it."""
        return ["ip", "netns", "exec", self.name, *words]

    def remove(self) -> None:
        for command in (("link", "delete", self._link), ("netns", "delete", self.name)):
            with suppress(OSError, subprocess.SubprocessError):
                _ip(*command)
        with suppress(OSError, AttributeError):
            (self._files / "resolv.conf").unlink()
            self._files.rmdir()
            self._files.parent.rmdir()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=30)


@contextmanager
def network_made() -> Iterator[Network]:
    """A network of our own; the test is skipped where none can be made."""
    network = Network()
    try:
        network.make()
    except (OSError, subprocess.SubprocessError) as error:
        network.remove()
        pytest.skip(f"no network namespace can be made here: {error}")
    try:
        yield network
    finally:
        network.remove()
