"""Where OTLP is sent to, as a region file writes it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from prober import address, document
from prober.document import matching

Signal = Literal["logs", "metrics", "traces"]
SIGNALS: tuple[Signal, ...] = ("logs", "metrics", "traces")


def _header_value(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().isprintable():
        raise ValueError("the header holds a line break or a control character, take it out")
    if not value.get_secret_value().isascii():
        raise ValueError("the header holds more than ASCII, write it as base64 or percent-encoded")
    return value


def _file(path: Path) -> Path:
    if not os.path.isfile(path):  # pydantic's own type raises where nobody may look
        raise PydanticCustomError("path_not_file", "there is no such file")
    return path


HeaderName = Annotated[
    str, matching("[A-Za-z0-9!#$%&'*+.^_`|~-]+", "a header", "write such as Authorization")
]
HeaderValue = Annotated[SecretStr, AfterValidator(_header_value)]
Endpoint = Annotated[str, AfterValidator(address.endpoint)]
File = Annotated[
    Path,
    Field(strict=False),
    AfterValidator(_file),
    WithJsonSchema({"type": "string", "format": "file-path"}),
]
Distinct = AfterValidator(document.distinct)


class Destination(document.Strict):
    """Somewhere that OTLP goes to."""

    name: document.Text = Field(examples=["main"])
    endpoint: Endpoint = Field(examples=["https://otel.example:4318"])
    #: For single signals, used as they are.
    endpoints: Mapping[Signal, Endpoint] = {}
    signals: Annotated[tuple[Signal, ...], Distinct] = Field(SIGNALS, min_length=1)
    headers: Mapping[HeaderName, HeaderValue] = {}
    protocol: Literal["http/protobuf", "grpc"] = "http/protobuf"
    compression: Literal["gzip", "none"] = "gzip"
    timeout_ms: document.Duration = Field(10_000, alias="timeout")
    certificate: File | None = None
    client_certificate: File | None = None
    client_key: File | None = None

    @model_validator(mode="after")
    def _pair(self) -> Destination:
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("one of client_certificate and client_key is alone, write both")
        return self

    def sent_headers(self) -> dict[str, str]:
        """Its headers as they are sent: blanks at the ends are no part of a value."""
        return {name: value.get_secret_value().strip() for name, value in self.headers.items()}

    def url(self, signal: Signal) -> str:
        """Where a signal is sent: for gRPC the endpoint, for HTTP with the signal's path."""
        path = "" if self.protocol == "grpc" else f"/v1/{signal}"
        return self.endpoints.get(signal) or f"{self.endpoint.rstrip('/')}{path}"
