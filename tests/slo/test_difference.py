"""What became of contracts between two readings, a line each."""

from __future__ import annotations

from prober.slo.contract import Contract
from prober.slo.difference import differences, membership
from prober.slo.format import parse
from tests.slo.test_contract import MINIMAL


def contract(name: str, text: str = MINIMAL) -> Contract:
    return parse(text.replace("name: login", f"name: {name}"), f"{name}.slo.yaml")


def test_what_left_what_came_and_what_changed_is_told_by_name() -> None:
    before = [contract("kept"), contract("gone"), contract("tighter")]
    tighter = contract("tighter", MINIMAL.replace("99.9%", "99.95%"))
    assert list(differences(before, [tighter, contract("new"), contract("kept")])) == [
        "contract gone: removed",
        "contract new: added",
        "contract tighter: changed",
    ]


def test_a_comment_is_no_change() -> None:
    assert not list(differences([contract("a")], [contract("a", f"# said\n{MINIMAL}")]))


def test_a_default_that_is_written_out_is_a_change_for_it_voids_sign_offs() -> None:
    spelled = contract("a", MINIMAL.replace("duration: 30d", "duration: 30d, gate: true"))
    assert spelled == contract("a")
    assert list(differences([contract("a")], [spelled])) == ["contract a: changed"]


def test_members_are_told_in_the_order_of_their_names() -> None:
    assert list(membership("region", ["b", "a", "c"], ["c", "e", "d"])) == [
        "region a: removed",
        "region b: removed",
        "region d: added",
        "region e: added",
    ]
