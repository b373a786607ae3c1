"""Which contracts a change touches."""

from __future__ import annotations

import doctest

import pytest

from prober.document import Document
from prober.slo import touched as module
from prober.slo.contract import Contract, Data, Objective, Owners, Success
from prober.slo.policy import SEED_5
from prober.slo.touched import fits, touched
from prober.slo.window import Rolling


def contract(name: str, journey: str, file: str, paths: tuple[str, ...] = ()) -> Contract:
    from fractions import Fraction

    return Contract(
        name=name,
        display_name=name,
        labels={},
        description="",
        journey=journey,
        owners=Owners("pm", "sre"),
        rationale="",
        effective_from=None,
        objectives=(Objective("availability", Success(), Fraction("0.99")),),
        windows=(Rolling("rolling", 1),),
        data=Data(),
        policy=SEED_5,
        paths=paths,
        source=Document(file, {}),
    )


PAY = contract("pay", "checkout", "contracts/shop.slo.yaml", ("services/pay/**", "web/*.ts"))
LOGIN = contract("login", "login", "login.slo.yaml")


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("services/pay/**", "services/pay/api/charge.py", True),
        ("services/pay/**", "services/payroll/api.py", False),
        ("web/*.ts", "web/cart.ts", True),
        ("web/*.ts", "web/cart/cart.ts", False),
        ("web/*.ts", "old/web/cart.ts", False),
        ("**/cart.ts", "cart.ts", True),
        ("**/cart.ts", "a/b/cart.ts", True),
        ("**/cart.ts", "a/b/minicart.ts", False),
        ("a?.txt", "ab.txt", True),
        ("a?.txt", "a/.txt", False),
        ("./Makefile", "Makefile", True),
        ("a.b", "axb", False),
        ("web/", "web/a/b", True),
        ("web/", "web", False),
        ("web/cart.ts", "web/cart.tsx", False),
        ("./web/", "web/a", True),
    ],
)
def test_a_pattern_fits_the_paths_it_means(pattern: str, path: str, expected: bool) -> None:
    assert fits(pattern, path) is expected


@pytest.mark.parametrize(
    ("path", "names"),
    [
        pytest.param("services/pay/db.sql", ["pay"], id="one of its paths"),
        pytest.param("contracts/shop.slo.yaml", ["pay"], id="its own file"),
        pytest.param("journeys/checkout.py", ["pay"], id="a file called as its journey"),
        pytest.param("journeys/shop.py", ["pay"], id="a file called as its contract"),
        pytest.param("journeys/login.py", ["login"], id="another journey"),
        pytest.param("README.md", [], id="none"),
    ],
)
def test_a_path_touches_the_contracts_of_its_journey(path: str, names: list[str]) -> None:
    assert [each.contract.name for each in touched([PAY, LOGIN], [path])] == names


def test_paths_that_touch_are_told_once_and_in_order() -> None:
    changed = ["web/b.ts", "web/a.ts", "README.md", "web/b.ts"]
    (found,) = touched([PAY, LOGIN], changed)
    assert found.paths == ("web/a.ts", "web/b.ts")
