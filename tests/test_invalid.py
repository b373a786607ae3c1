"""Every way of writing a file wrongly gives the line that its first comment holds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from prober import discovery
from prober.config import check_region, load_region
from prober.errors import InputError
from prober.evaluator.alerts import channels
from prober.journey import Journey
from prober.slo import format as contract_format

INVALID = Path(__file__).parent / "invalid"
CHECKOUT = Journey(
    name="checkout",
    file="checkout.py",
    line=1,
    every_ms=300_000,
    timeout_ms=60_000,
    max_duration_ms=None,
    secrets=("shop_password",),
    browser="headless-shell",
    parameters=("page",),
    summary="",
    hash="",
)
ENVIRON = {"TOKEN": "correct-horse-battery", "SHORT": "abc"}


def files(kind: str) -> list[object]:
    paths = sorted((INVALID / kind).iterdir())
    return [pytest.param(path, id=path.name.split(".")[0]) for path in paths if path.is_file()]


def expected(path: Path) -> str:
    return path.read_text().splitlines()[0].removeprefix("# ")


def complaint(directory: Path, load: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        load()
    return str(caught.value).replace(f"{directory}/", "")


@pytest.mark.parametrize("path", files("regions"))
def test_a_wrong_region_file_gives_one_clear_line(path: Path) -> None:
    def load() -> None:
        raise InputError(check_region(load_region(path, ENVIRON), [CHECKOUT]))

    message = complaint(path.parent, load)
    assert message == expected(path)
    assert not any(value in message for value in ENVIRON.values())


@pytest.mark.parametrize("path", files("contracts"))
def test_a_wrong_contract_gives_one_clear_line(path: Path) -> None:
    def load() -> None:
        raise InputError(contract_format.check(contract_format.load(path), [CHECKOUT]))

    assert complaint(path.parent, load) == expected(path)


@pytest.mark.parametrize("path", files("channels"))
def test_wrong_channels_give_one_clear_line(path: Path) -> None:
    message = complaint(path.parent, lambda: channels.load(path, ENVIRON))
    assert message == expected(path)
    assert not any(value in message for value in ENVIRON.values())


@pytest.mark.parametrize("path", files("journeys"))
def test_a_wrong_journey_file_gives_one_clear_line(path: Path, tmp_path: Path) -> None:
    # Kept as text, so that no linter mends them.
    shutil.copy(path, tmp_path / path.name.removesuffix(".txt"))
    message = complaint(tmp_path.resolve(), lambda: discovery.discover(tmp_path))
    assert message == expected(path)


def test_there_are_enough_examples() -> None:
    assert sum(len(files(kind)) for kind in ("regions", "contracts", "journeys")) >= 80
