"""Who may reach and write to what listens."""

from __future__ import annotations

import socket

import pytest

from prober.access import is_loopback, listen, shows
from prober.errors import ProberError

TOKEN = "tok-4711-verdigris"


def test_only_the_whole_token_is_the_token() -> None:
    assert shows(f"Bearer {TOKEN}", TOKEN)
    for other in (None, "", "Bearer ", TOKEN, f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer tök"):
        assert not shows(other, TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "shop.localhost"])
def test_this_machine_alone_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example"])
def test_whatever_others_reach_is_not(host: str) -> None:
    assert not is_loopback(host)


def test_an_address_that_is_taken_is_named_with_its_setting() -> None:
    with listen("127.0.0.1", 0, "--listen") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ProberError, match=rf"^127\.0\.0\.1:{port}: .*give another --listen$"):
            listen("127.0.0.1", port, "--listen")


def test_what_is_sent_in_two_parts_does_not_wait_for_the_first_to_be_acknowledged() -> None:
    with (
        listen("127.0.0.1", 0, "--listen") as server,
        socket.create_connection(server.getsockname()),
        server.accept()[0] as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_both_families_are_listened_to() -> None:
    with listen("::1", 0, "--listen") as six, listen("127.0.0.1", 0, "--listen") as four:
        assert (six.family, four.family) == (socket.AF_INET6, socket.AF_INET)
    with pytest.raises(ProberError, match=r"^\[::1\]:65536: "):
        listen("::1", 65536, "--listen")
