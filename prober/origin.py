"""Where a secret comes from, as a region file writes it: text, a file, or a command.

What an account has are secrets too. They are called by their place: `shopper[0].password`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, SecretStr, Tag, model_validator

from prober import document, source
from prober.document import matching
from prober.variables import Place


def _secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < source.SECRET_LENGTH:
        raise ValueError(", ".join(source.too_short()))
    return value


def _text_or_source(value: object) -> str:
    return "<source>" if isinstance(value, dict | SecretSource) else "<text>"


class SecretSource(document.Strict):
    """Where a secret is read from for each run, so that it may change meanwhile."""

    file: Annotated[Path, Field(strict=False)] | None = Field(
        None, examples=["/run/secrets/shop_password"]
    )
    #: A program and its arguments; what it prints is the secret.
    command: tuple[document.Text, ...] | None = Field(None, min_length=1)
    timeout_ms: document.Duration = Field(10_000, alias="timeout")
    #: How long what the command printed is used before it is asked again.
    keep_ms: document.Duration = Field(300_000, alias="keep")

    @model_validator(mode="after")
    def _one(self) -> SecretSource:
        if (self.file is None) == (self.command is None):
            raise ValueError("has not one of file and command, write one of the two")
        if self.file and (unused := {"timeout_ms", "keep_ms"} & self.model_fields_set):
            key = min(unused).removesuffix("_ms")
            raise ValueError(f"has {key}, but a file is read for each run, take {key} out")
        return self


SecretName = Annotated[
    str, matching("[a-z][a-z0-9_]*", "a secret's name", "write one such as shop_password")
]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
#: As text, which variables may fill in; or where to read it.
SecretOrigin = Annotated[
    Annotated[Secret, Tag("<text>")] | Annotated[SecretSource, Tag("<source>")],
    Discriminator(_text_or_source),
]


class AccountOrigins(document.Strict):
    """An account of a pool: where what a run signs in with comes from."""

    user: SecretOrigin = Field(examples=["${SHOPPER_1_USER}"])
    password: SecretOrigin = Field(examples=["${SHOPPER_1_PASSWORD}"])
    totp: SecretOrigin | None = None

    @property
    def fields(self) -> dict[str, SecretStr | SecretSource]:
        """What it has."""
        given = {"user": self.user, "password": self.password, "totp": self.totp}
        return {field: origin for field, origin in given.items() if origin}


PoolName = Annotated[
    str, matching("[a-z][a-z0-9_]{0,62}", "a name of accounts", "write one such as shopper")
]
AccountPools = Mapping[PoolName, Annotated[tuple[AccountOrigins, ...], Field(min_length=1)]]


def in_pools(pools: AccountPools) -> Iterator[tuple[str, SecretStr | SecretSource]]:
    """What all accounts have, by its name."""
    for pool, accounts in pools.items():
        for index, account in enumerate(accounts):
            for field, origin in account.fields.items():
                yield f"{pool}[{index}].{field}", origin


def names_of(pools: AccountPools) -> dict[str, tuple[tuple[str, ...], ...]]:
    """By pool, for each of its accounts the names of what it has."""
    return {
        pool: tuple(
            tuple(f"{pool}[{index}].{field}" for field in account.fields)
            for index, account in enumerate(accounts)
        )
        for pool, accounts in pools.items()
    }


def place_of(name: str) -> Place:
    """Where a region file has a secret, or what an account has, by its name.

    >>> place_of("shopper[0].user"), place_of("shop_key")
    (('accounts', 'shopper', 0, 'user'), ('secrets', 'shop_key'))
    """
    if match := re.fullmatch(r"(\w+)\[(\d+)\]\.(\w+)", name):
        return "accounts", match[1], int(match[2]), match[3]
    return "secrets", name
