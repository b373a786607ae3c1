"""What is kept of runs as files, and for how long, as a region file writes it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, SecretStr
from pydantic.json_schema import WithJsonSchema

from prober import document, storage
from prober.units import DAY_MS, size_bytes

_400_DAYS: dict[str, JsonValue] = {"default": "400d"}
#: Bytes, written `500MB`.
Size = Annotated[
    int,
    BeforeValidator(size_bytes),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(B|kB|MB|GB|TB)$"}),
]


def _storage(url: SecretStr) -> SecretStr:
    storage.usable(url.get_secret_value())
    return url


class Artefacts(document.Strict):
    """How long screenshots and traces are kept, how many, and where else."""

    keep_ms: document.Duration = Field(400 * DAY_MS, alias="keep", json_schema_extra=_400_DAYS)
    most_bytes: Size = Field(10**9, alias="most", json_schema_extra={"default": "1GB"})
    #: A storage that evaluators reach too; None: they stay here.
    copy_to: Annotated[SecretStr, AfterValidator(_storage)] | None = None

    @property
    def url(self) -> str:
        """Where they are copied to; empty: nowhere."""
        return self.copy_to.get_secret_value() if self.copy_to else ""
