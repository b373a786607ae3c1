"""Addresses: those of the site become paths, others stay and are told."""

from __future__ import annotations

import pytest

from tests.recording.scripts import SITE, lines_of


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (SITE, "/"),
        (f"{SITE}/", "/"),
        (f"{SITE}/cart?a=b#c", "/cart?a=b#c"),
        ("/cart", "/cart"),
        ("about:blank", "about:blank"),
    ],
)
def test_an_address_of_the_site_is_a_path(address: str, path: str) -> None:
    assert lines_of(f'page.goto("{address}")')[1].strip() == f'page.goto("{path}")'


def test_an_expected_address_is_one_too() -> None:
    said = lines_of("page.reload()", f'expect(page).to_have_url("{SITE}/cart")')
    assert said[-1].strip() == 'expect(page).to_have_url("/cart")'


@pytest.mark.parametrize("address", [f"{SITE}.evil.example/", "https://pay.example/x"])
def test_another_site_stays_and_is_told_in_the_words_of_the_linter(address: str) -> None:
    said = [line.strip() for line in lines_of(f'page.goto("{address}")')][1:-2]
    assert said[-1] == f'page.goto("{address}")'
    comment = " ".join(line.removeprefix("# ") for line in said[:-1])
    host = address.split("/")[2]
    assert comment.startswith(f"host-literal: it goes to {host}, whatever the region says")
