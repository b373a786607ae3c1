"""JSON Schemas of the files people write, for their editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import NullableSchema, WithDefaultSchema

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
#: A text that a variable fills in: what it will be, no editor knows.
_VARIABLE: Final = {"type": "string", "pattern": r"\$\{"}
#: What says more of a text than that it is one.
_NARROW: Final = frozenset({"pattern", "enum", "const", "format"})


def published(model: type[BaseModel], title: str) -> dict[str, Any]:
    """The JSON Schema of the documents that are a model."""
    return {
        "$schema": _DIALECT,
        **model.model_json_schema(schema_generator=_WithoutNull),
        "title": title,
    }


def open_to_variables(schema: Any) -> Any:
    """A schema in which every text may hold a `${VAR}` instead of what it must be."""
    if isinstance(schema, list):
        return [open_to_variables(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    # What names of keys must be is no value, and stays.
    found = {
        key: part if key == "propertyNames" else open_to_variables(part)
        for key, part in schema.items()
    }
    if schema.get("type") != "string" or not _NARROW & schema.keys():
        return found
    outer = {key: found.pop(key) for key in ("default", "title") if key in found}
    return {"anyOf": [found, _VARIABLE], **outer}


class _WithoutNull(GenerateJsonSchema):
    """Of a document in which a key has a value or is not there."""

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        """Only what may be written."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """A default of None is said by the key not being required."""
        inner = super().default_schema(schema)
        return {key: value for key, value in inner.items() if (key, value) != ("default", None)}
