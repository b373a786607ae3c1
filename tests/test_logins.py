"""Logins that two regions share: found by what they are, told by where they stand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from prober.config import Region, load_region, load_regions
from prober.errors import InputError
from prober.logins import told
from prober.origin import SecretSource

FLEET = "fleet: [eu-west-1, us-east-1]\n"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(region, *users)`: a region file with a pool of accounts, each user as YAML."""

    def write(region: str, *users: str, base_url: str = "https://shop.example") -> Path:
        listed = "".join(f"  - {{user: {user}, password: correct-horse}}\n" for user in users)
        path = tmp_path / f"{region}.yaml"
        text = f"region: {region}\n{FLEET}base_url: {base_url}\naccounts:\n  shopper:\n{listed}"
        path.write_text(text)
        return path

    return write


def complaints(load: Callable[[], object]) -> list[str]:
    with pytest.raises(InputError) as caught:
        load()
    return str(caught.value).splitlines()


def loaded(directory: Path) -> dict[str, Region]:
    return load_regions(directory, {"SHOPPER": "ada-two"})


def test_regions_with_accounts_of_their_own_are_well(write: Write, tmp_path: Path) -> None:
    write("eu-west-1", "ada-one", '"${SHOPPER}"')
    write("us-east-1", "ada-three")
    found = loaded(tmp_path)
    assert len(found["eu-west-1"].accounts["shopper"]) == 2


def test_a_login_that_two_regions_share_is_refused_with_both_places(
    write: Write, tmp_path: Path
) -> None:
    (tmp_path / "user").write_text("ada-two\n")
    write("eu-west-1", "ada-one", '"${SHOPPER}"')
    write("us-east-1", "ada-three", f"{{file: {tmp_path / 'user'}}}")
    [line] = complaints(lambda: loaded(tmp_path))
    assert line == (
        f"{tmp_path / 'us-east-1.yaml'}:7: accounts.shopper[1].user: region eu-west-1 signs in "
        f"with it too, at {tmp_path / 'eu-west-1.yaml'}:7, give each region accounts of its own"
    )
    assert "ada" not in line.replace(str(tmp_path), "")


def test_where_a_login_cannot_be_read_its_place_is_compared(write: Write, tmp_path: Path) -> None:
    command = "{command: [vault, kv, get, secret/shopper]}"
    write("eu-west-1", command)
    write("us-east-1", command.replace("shopper", "shopper-2"))
    assert loaded(tmp_path)
    write("us-east-1", command)
    [line] = complaints(lambda: loaded(tmp_path))
    assert "accounts.shopper[0].user: region eu-west-1 signs in with it too" in line


def test_where_a_file_cannot_be_looked_at_its_place_is_compared(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300)
    assert told(SecretSource(file=path)) == ("file", path)


def test_at_another_target_it_is_another_login(write: Write, tmp_path: Path) -> None:
    write("eu-west-1", "ada-one")
    write("us-east-1", "ada-one", base_url="https://staging.example")
    assert loaded(tmp_path)


def test_a_login_that_is_in_a_pool_twice_is_refused(write: Write) -> None:
    path = write("eu-west-1", "ada-one", "ada-one")
    [line] = complaints(lambda: load_region(path, {}))
    assert line == (
        f"{path}:7: accounts.shopper[1].user: is in this pool already, at {path}:6, "
        "remove one of the two"
    )
