"""Secrets: nothing that was typed as one is left in what is written."""

from __future__ import annotations

import pytest

from prober.errors import InputError
from tests.recording.scripts import SIGN_IN, SITE, converted, library, lines_of


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ('page.get_by_label("Password").fill("hunter22!")', 'secret("buy_password")'),
        ('page.get_by_placeholder("Passwort").fill("hunter22!")', 'secret("buy_password")'),
        ('page.locator("#pwd").fill("hunter22!")', 'secret("buy_password")'),
        ('page.locator("input[name=\\"password\\"]").fill("x")', 'secret("buy_password")'),
        ('page.get_by_role("textbox", name="Mot de passe").fill("é€ü")', 'secret("buy_password")'),
        ('page.get_by_label("API key").fill("0815-4711")', 'secret("buy_api_key")'),
        ('page.get_by_label("Access token").fill("0815-4711")', 'secret("buy_token")'),
        ('page.get_by_label("To").fill("ghp_aaaaaaaaaabbbbbbbbbbccccccccc1")', 'secret("buy_key")'),
        ('page.get_by_label("Verification code").fill("123456")', 'totp("buy_totp")'),
        ('page.locator("#otp").fill("123456")', 'totp("buy_totp")'),
        ('page.get_by_label("One-time password").fill("123456")', 'totp("buy_totp")'),
    ],
)  # fmt: skip
def test_what_is_typed_as_a_secret_is_asked_for_by_name(line: str, becomes: str) -> None:
    found = converted(library(line))
    assert f".fill({becomes})" in found.text
    assert f"secrets=[{becomes.split('(')[1].rstrip(')')}]" in found.text
    value = line.split(".fill(")[1].removesuffix(")")
    assert value not in found.text


@pytest.mark.parametrize(
    "line",
    [
        'page.get_by_label("Postal code").fill("123456")',
        'page.get_by_label("Promo code").fill("123456")',
        'page.get_by_label("Code").fill("WELCOME")',
        'page.get_by_label("Full name").fill("Ada Lovelace")',
        'page.get_by_label("Password").fill("")',
        'page.get_by_label("Password").press("Enter")',
        'page.get_by_label("Email").fill("ada@shop.example")',
    ],
)
def test_what_is_none_stays(line: str) -> None:
    found = converted(library(line))
    assert line in found.text
    assert found.secrets == ()


def test_the_account_of_a_password_is_one_for_each_region_too() -> None:
    found = converted(library(*SIGN_IN))
    assert found.secrets == ("buy_password", "buy_user")
    assert '.fill(secret("buy_user"))' in found.text
    assert "analytical-engine" not in found.text
    assert "ada@shop.example" not in found.text


def test_what_the_region_has_keeps_its_name() -> None:
    known = {"shop_user": "ada@shop.example", "shop_password": "analytical-engine", "other": None}
    assert converted(library(*SIGN_IN), known=known).secrets == ("shop_user", "shop_password")


def test_a_secret_of_the_region_is_found_wherever_it_stands() -> None:
    known = {"shop_user": "ada@shop.example", "unused": "something-else"}
    said = lines_of('page.get_by_text("Hi, ada@shop.example!").hover()', known=known)
    assert said[1].strip() == """page.get_by_text(f"Hi, {secret('shop_user')}!").hover()"""


def test_of_a_secret_whose_value_is_not_to_be_had_the_name_is_used() -> None:
    line = 'page.get_by_label("Password").fill("hunter22!")'
    assert converted(library(line), known={"shop_password": None}).secrets == ("shop_password",)
    code = 'page.get_by_label("Code").fill("123456")'
    seed = {"shop_totp": "JBSWY3DPEHPK3PXP"}
    assert converted(library(code), known=seed).secrets == ("shop_totp",)


def test_a_name_that_stands_for_something_else_is_not_used_again() -> None:
    lines = [f'page.get_by_label("Password {n}").fill("hunter{n}")' for n in (22, 33, 44)]
    known: dict[str, str | None] = {"buy_password": "other-value", "buy_password_3": "third-value"}
    assert converted(library(*lines), known=known).secrets == (
        "buy_password_2", "buy_password_4", "buy_password_5",
    )  # fmt: skip


def test_a_value_that_was_typed_in_pieces_is_one_secret() -> None:
    lines = [f'page.get_by_label("Password").fill("{text}")' for text in ("hun", "hunter22")]
    assert converted(library(*lines)).secrets == ("buy_password",)


def test_a_value_is_lifted_out_of_other_texts_too() -> None:
    said = lines_of(
        'page.get_by_label("Password").fill("hunter22")',
        'page.get_by_label("Again").fill("hunter22")',
        'expect(page.get_by_text("It is {hunter22} \\"now\\"")).to_be_visible()',
        f'page.goto("{SITE}/reset?p=hunter22")',
    )
    assert [line.strip() for line in said if "hunter" in line] == []
    assert said[2].strip() == 'page.get_by_label("Again").fill(secret("buy_password"))'
    assert """f"It is {{{secret('buy_password')}}} \\"now\\"\"""" in said[3]
    assert """page.goto(f"/reset?p={secret('buy_password')}")""" in said[5]


def test_a_step_is_not_called_after_a_secret() -> None:
    found = converted(
        library(
            'page.get_by_label("Password").fill("hunter22")',
            'page.get_by_role("button", name="Save hunter22").click()',
        )
    )
    assert found.steps == ("click",)


def test_an_address_with_a_key_in_it_is_a_secret() -> None:
    said = lines_of(f'page.goto("{SITE}/reset?token=0815-4711-0815")')
    assert said[1].strip() == 'page.goto(secret("buy_address"))'


def test_the_label_of_a_field_is_no_secret_though_somebody_typed_it() -> None:
    said = lines_of(
        'page.get_by_placeholder("password").click()',
        'page.get_by_placeholder("password").fill("password")',
    )
    assert [line.strip() for line in said[1:3]] == [
        'page.get_by_placeholder("password").click()',
        'page.get_by_placeholder("password").fill(secret("buy_password"))',
    ]


def test_a_value_that_a_name_stands_for_is_lifted_where_it_is_named() -> None:
    said = lines_of('password = "hunter22"', 'page.get_by_label("Password").fill(password)')
    assert said[1].strip() == 'password = secret("buy_password")'


def test_a_secret_that_cannot_be_lifted_is_refused_and_not_repeated() -> None:
    text = library(
        'page.get_by_label("Password").fill("hunter22")',
        "who = 1",
        'page.get_by_label("Again").fill(f"hunter22{who}")',
    )
    with pytest.raises(InputError) as raised:
        converted(text)
    assert str(raised.value) == (
        "script.py: a secret that is typed in it stands in a text that is put together, too, "
        "write that text in one piece"
    )


def test_a_secret_that_regions_would_refuse_is_told_by_its_name() -> None:
    found = converted(library('page.get_by_label("Password").fill("1234")'))
    assert found.notes == (
        'what was typed for secret("buy_password") is shorter than 6 characters, and regions take '
        "no such secret: use a longer one",
    )


def test_nothing_shows_what_was_found() -> None:
    text = library('page.get_by_label("Password").fill("hunter22")')
    assert "hunter22" not in repr(converted(text))


def test_a_short_value_is_lifted_as_a_word_and_not_out_of_others() -> None:
    said = lines_of(
        'page.get_by_label("User name").fill("ada")',
        'page.get_by_label("Password").fill("hunter22")',
        'page.get_by_text("adagio").click()',
        'page.get_by_text("Hello, ada!").click()',
    )
    assert said[3].strip() == 'page.get_by_text("adagio").click()'
    assert said[5].strip() == """page.get_by_text(f"Hello, {secret('buy_user')}!").click()"""


def test_an_account_in_a_text_that_is_put_together_may_stand() -> None:
    found = converted(
        library(
            'page.get_by_label("User name").fill("ada")',
            'page.get_by_label("Password").fill("hunter22")',
            "number = 1",
            'page.get_by_label("Nick").fill(f"ada {number}")',
        )
    )
    assert 'fill(f"ada {number}")' in found.text
