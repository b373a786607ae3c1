"""Where a secret comes from, as a region file writes it: text, a file, or a command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, SecretStr, Tag, model_validator

from prober import document, source
from prober.document import matching


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
