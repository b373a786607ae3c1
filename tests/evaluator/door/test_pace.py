"""Buckets and places: how much each client may ask for, and how many clients are remembered."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from prober.evaluator.door.pace import Buckets, Rate, Room, client_of, later


class Clock:
    """Stands where it is put."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def buckets(clock: Clock, most: int = 100) -> Buckets:
    """Three at once, then one in two seconds."""
    return Buckets(Rate(3, 0.5), most, clock)


def test_a_bucket_is_emptied_at_once_and_fills_up_again(clock: Clock) -> None:
    pace = buckets(clock)
    for _ in range(3):
        assert pace.wait_s("a") == 0
        pace.draw("a")
    assert pace.wait_s("a") == 2
    assert pace.wait_s("b") == 0
    clock.now_s += 1.5
    assert pace.wait_s("a") == 0.5
    clock.now_s += 0.5
    assert pace.wait_s("a") == 0
    clock.now_s += 1000
    for _ in range(3):
        pace.draw("a")
    assert pace.wait_s("a") == 2, "it holds no more than it can"


def test_what_was_spent_already_is_paid_back_first(clock: Clock) -> None:
    pace = buckets(clock)
    pace.draw("a", 13)
    assert pace.wait_s("a") == 22
    clock.now_s += 22
    assert pace.wait_s("a") == 0


def test_only_so_many_clients_are_remembered_and_the_newest_are(clock: Clock) -> None:
    pace = buckets(clock, most=10)
    for n in range(1000):
        pace.draw(str(n), 3)
    assert len(pace._left) == 10
    assert [pace.wait_s("989"), pace.wait_s("990"), pace.wait_s("999")] == [0, 2, 2]


def test_a_rate_can_be_several_times_as_much() -> None:
    assert Rate(3, 0.5).times(4) == Rate(12, 2.0)


def test_nobody_takes_all_the_places() -> None:
    room = Room(most=3, most_each=2)
    with room.place("a"), room.place("a"):
        with pytest.raises(HTTPException) as refused, room.place("a"):
            pass
        assert (refused.value.status_code, refused.value.headers) == (429, {"Retry-After": "1"})
        with room.place("b"):
            with pytest.raises(HTTPException) as refused, room.place("c"):
                pass
            assert refused.value.status_code == 503
    with room.place("a"):
        pass
    assert not room._inside


def test_when_to_come_again_is_a_whole_number_of_seconds() -> None:
    assert [later(429, "", wait_s).headers for wait_s in (0.1, 1.0, 1.5)] == [
        {"Retry-After": "1"}, {"Retry-After": "1"}, {"Retry-After": "2"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        ("x" * 99_999, "x" * 64),
    ],
)
def test_a_client_is_an_address_or_a_network_of_the_long_ones(host: str, client: str) -> None:
    scope: dict[str, Any] = {"type": "http", "client": (host, 1), "headers": []}
    assert client_of(HTTPConnection(scope)) == client
    assert client_of(HTTPConnection(scope | {"client": None})) == ""
